from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0001_initial"),
        ("credit", "0002_functions"),
        ("giftcards", "0002_functions"),
        ("sms", "0002_functions"),
    ]

    operations = [
        # Rows on their way in can be read again from the file: no need to write them twice.
        migrations.RunSQL(
            "ALTER TABLE redemption_stagedrecipient SET UNLOGGED",
            "ALTER TABLE redemption_stagedrecipient SET LOGGED",
        ),
        install("redemption", "facts", "guards", "redeem_parts", "queue", "waterfall", "redeem"),
    ]
