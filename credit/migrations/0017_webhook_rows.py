from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("credit", "0016_privacy_permission"),
        ("alerts", "0008_webhooks"),
    ]

    operations = [install("credit", "webhook_policies")]
