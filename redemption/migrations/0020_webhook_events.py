from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0019_message_days"),
        ("alerts", "0008_webhooks"),
    ]

    operations = [install("redemption", "webhook_events")]
