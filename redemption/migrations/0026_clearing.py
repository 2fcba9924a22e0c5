from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("redemption", "0025_metrics")]

    operations = [install("redemption", "canary_clearing")]
