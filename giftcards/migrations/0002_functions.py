from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("giftcards", "0001_initial"),
        ("alerts", "0002_functions"),
    ]

    operations = [
        # Rows on their way in can be read again from the file: no need to write them twice.
        migrations.RunSQL(
            "ALTER TABLE giftcards_stagedcard SET UNLOGGED",
            "ALTER TABLE giftcards_stagedcard SET LOGGED",
        ),
        install(
            "giftcards",
            "card_change",
            "guards",
            "claim_card",
            "provision_from_stock",
            "disclose_card",
        ),
    ]
