from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("credit", "0002_functions")]

    operations = [install("credit", "settlements")]
