from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0004_forgetting")]

    operations = [install("loyalty", "checkout", "search")]
