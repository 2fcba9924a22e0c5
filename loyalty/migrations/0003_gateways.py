from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0002_functions")]

    operations = [install("loyalty", "payment")]
