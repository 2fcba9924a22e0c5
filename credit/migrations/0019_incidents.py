from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("credit", "0018_operations"),
        ("alerts", "0007_incidents"),
    ]

    operations = [install("credit", "incident_policies")]
