from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0026_clearing"),
        ("alerts", "0012_webhook_causes"),
    ]

    operations = [install("redemption", "webhook_events")]
