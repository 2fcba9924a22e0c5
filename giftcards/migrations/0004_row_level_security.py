from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("giftcards", "0003_prices"),
        ("credit", "0007_row_level_security"),
    ]

    operations = [install("giftcards", "policies")]
