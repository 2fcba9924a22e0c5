from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0010_verifications")]

    operations = [
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["-last_seen_at"], name="alerts_alert_newest"),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["kind", "first_seen_at"], name="alerts_alert_of_kind"),
        ),
        migrations.AddIndex(
            model_name="webhookendpoint",
            index=models.Index(
                condition=models.Q(
                    models.Q(("state", "disabled"), _negated=True),
                    ("agency_id__isnull", False),
                ),
                fields=["agency_id"],
                name="alerts_webhook_by_agency",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookendpoint",
            index=models.Index(
                condition=models.Q(
                    models.Q(("state", "disabled"), _negated=True),
                    ("agency_id__isnull", True),
                    ("client_id__isnull", True),
                ),
                fields=["created_at"],
                name="alerts_webhook_of_platform",
            ),
        ),
    ]
