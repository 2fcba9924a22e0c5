from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0001_initial")]

    operations = [
        install(
            "loyalty",
            "points",
            "pricing",
            "checkout",
            "reconciliation",
            "refund",
            "reward",
            "guards",
            "policies",
        ),
    ]
