from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("credit", "0017_webhook_rows"),
        ("alerts", "0005_notices"),
    ]

    operations = [install("credit", "notice_policies")]
