from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sms", "0006_email"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="holds_secret",
            field=models.BooleanField(db_default=False),
        ),
        migrations.AddField(
            model_name="message",
            name="redact_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("redact_at__isnull", False)),
                fields=["redact_at"],
                name="sms_message_redact",
            ),
        ),
    ]
