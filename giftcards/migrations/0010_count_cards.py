from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("giftcards", "0009_large_uploads"),
    ]

    operations = [
        install("giftcards", "count_cards"),
    ]
