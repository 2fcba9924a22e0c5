from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0003_gateways")]

    operations = [install("loyalty", "checkout", "search")]
