from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("alerts", "0003_rate_counts")]

    operations = [install("alerts", "refuse_all_but_emptying")]
