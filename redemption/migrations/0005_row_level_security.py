from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0004_budgets"),
        ("credit", "0007_row_level_security"),
        ("giftcards", "0004_row_level_security"),
    ]

    operations = [install("redemption", "policies")]
