from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# code, reaction, uses an attempt, stops the channel, note
POLICIES = [
    ("smtp-4xx", "retry", True, False, "The mail server says: not now."),
    ("smtp-5xx", "bad_number", True, False, "The mail server says: never. Mostly a bad address."),
    ("smtp-554", "filtered", True, False, "The mail server takes it for unwanted mail."),
    ("smtp-address", "bad_number", True, False, "Not an address that mail can be sent to."),
    ("smtp-530", "set_up", False, True, "The mail server wants a log-in."),
    ("smtp-534", "set_up", False, True, "The mail server wants a better log-in."),
    ("smtp-535", "set_up", False, True, "The mail server does not know our log-in."),
    ("smtp-538", "set_up", False, True, "The mail server wants an encrypted connection."),
    ("smtp-connect", "set_up", False, True, "The mail server does not talk to us."),
    ("smtp-sender", "set_up", False, True, "The mail server takes no mail from our address."),
    ("smtp-tls", "set_up", False, True, "No encrypted connection to the mail server came about."),
]


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    error_policy = apps.get_model("sms", "ErrorPolicy")
    error_policy.objects.using(schema_editor.connection.alias).bulk_create(
        error_policy(
            code=code,
            reaction=reaction,
            uses_attempt=uses_attempt,
            stops_channel=stops_channel,
            note=note,
        )
        for code, reaction, uses_attempt, stops_channel, note in POLICIES
    )


class Migration(migrations.Migration):
    dependencies = [("sms", "0005_inbound")]

    operations = [
        migrations.AlterField(
            model_name="errorpolicy",
            name="reaction",
            field=models.CharField(
                choices=[
                    ("retry", "Try again soon"),
                    ("retry_slowly", "Try again over the day"),
                    ("bad_number", "Give up: nothing arrives at this number or address"),
                    ("opted_out", "Give up: the person does not want texts"),
                    ("filtered", "Give up: the carrier does not let this text through"),
                    ("set_up", "Wait until our own set-up is mended"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="deliveryattempt",
            index=models.Index(
                condition=models.Q(("error_code", ""), _negated=True),
                fields=["error_code", "requested_at"],
                name="sms_attempt_error",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
