from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("alerts", "0006_job_runs")]

    operations = []
