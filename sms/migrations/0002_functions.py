from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("sms", "0001_initial"),
        ("alerts", "0002_functions"),
    ]

    operations = [
        install("sms", "guards", "queue_message"),
    ]
