from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("redemption", "0024_monitors")]

    operations = [install("redemption", "metrics")]
