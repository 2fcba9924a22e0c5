from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("alerts", "0011_indexes")]

    operations = [
        migrations.AddField(
            model_name="webhookendpoint",
            name="resting_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="request_id",
            field=models.CharField(blank=True, db_default="", max_length=64),
        ),
        install("alerts", "webhooks", "webhook_guards"),
    ]
