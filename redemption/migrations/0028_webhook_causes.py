from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0027_code_age"),
        ("alerts", "0012_webhook_causes"),
    ]

    operations = [install("redemption", "webhook_events")]
