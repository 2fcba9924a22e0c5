from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("credit", "0006_audit_events"),
        ("alerts", "0002_functions"),
    ]

    operations = [install("credit", "visibility", "find_api_key", "policies")]
