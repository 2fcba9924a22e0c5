from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("credit", "0001_initial"),
        ("alerts", "0002_functions"),
    ]

    operations = [
        install("credit", "guards", "debit_account", "transfer"),
    ]
