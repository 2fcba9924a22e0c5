from django.db import migrations, models

_PURPOSES = [
    ("reward", "Reward"),
    ("delay_notice", "Delay notice"),
    ("opt_in", "Opt-in request"),
    ("resend", "Resend"),
    ("reminder", "Reminder"),
    ("test", "Test"),
]


class Migration(migrations.Migration):
    dependencies = [("sms", "0007_redaction")]

    operations = [
        migrations.AlterField(
            model_name="messagetemplate",
            name="purpose",
            field=models.CharField(choices=_PURPOSES, max_length=16),
        ),
        migrations.AlterField(
            model_name="message",
            name="purpose",
            field=models.CharField(choices=_PURPOSES, max_length=16),
        ),
    ]
