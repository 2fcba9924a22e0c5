from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F, Q

# code, reaction, uses an attempt, stops the channel, note
POLICIES = [
    ("unreachable", "retry", True, False, "No connection to the provider came about."),
    ("no_answer", "retry", True, False, "The provider did not answer; looked up before a retry."),
    ("20429", "retry", False, False, "Too many requests."),
    ("21611", "retry", True, False, "The sender's queue is full."),
    ("30001", "retry", True, False, "The account's queue is full."),
    ("30008", "retry", True, False, "Unknown error at the carrier."),
    ("30022", "retry", True, False, "The carrier's rate limit."),
    ("14107", "retry_slowly", True, False, "Too many messages to one number."),
    ("30003", "retry_slowly", True, False, "The handset is off or out of reach."),
    ("30036", "retry_slowly", True, False, "The validity period ran out."),
    ("21211", "bad_number", True, False, "Not a phone number."),
    ("21612", "bad_number", True, False, "Can't be reached from this sender."),
    ("21614", "bad_number", True, False, "Not a mobile number."),
    ("21635", "bad_number", True, False, "A landline."),
    ("30004", "bad_number", True, False, "Blocked by the handset or the carrier."),
    ("30005", "bad_number", True, False, "Unknown handset."),
    ("30006", "bad_number", True, False, "A landline, or a carrier that takes no texts."),
    ("21610", "opted_out", True, False, "The person replied STOP."),
    ("30007", "filtered", True, False, "Filtered by the carrier."),
    ("30450", "filtered", True, False, "Blocked as unwanted."),
    ("GC-014", "set_up", False, True, "No provider is configured."),
    ("20003", "set_up", False, True, "The provider does not know our credentials."),
    ("21603", "set_up", False, True, "No sender is given."),
    ("21606", "set_up", False, True, "The sender is not ours."),
    ("30002", "set_up", False, True, "The account is suspended."),
    ("30034", "set_up", False, True, "The sender is not registered with the carriers."),
    ("21408", "set_up", False, False, "The account may not text this country."),
    ("21608", "set_up", False, False, "A trial account may text verified numbers only."),
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
    dependencies = [("sms", "0002_functions")]

    operations = [
        migrations.CreateModel(
            name="ChannelStop",
            fields=[
                (
                    "channel",
                    models.CharField(
                        choices=[("sms", "Text message"), ("email", "E-mail")],
                        editable=False,
                        max_length=8,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("error_code", models.CharField(max_length=16)),
                ("stopped_at", models.DateTimeField()),
                ("probe_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(("probe_at__gte", F("stopped_at"))),
                        name="sms_channelstop_probed_later",
                    )
                ]
            },
        ),
        migrations.CreateModel(
            name="ErrorPolicy",
            fields=[
                ("code", models.CharField(max_length=16, primary_key=True, serialize=False)),
                (
                    "reaction",
                    models.CharField(
                        choices=[
                            ("retry", "Try again soon"),
                            ("retry_slowly", "Try again over the day"),
                            ("bad_number", "Give up: this number gets no texts"),
                            ("opted_out", "Give up: the person does not want texts"),
                            ("filtered", "Give up: the carrier does not let this text through"),
                            ("set_up", "Wait until our own set-up is mended"),
                        ],
                        max_length=16,
                    ),
                ),
                ("uses_attempt", models.BooleanField(default=True)),
                ("stops_channel", models.BooleanField(default=False)),
                ("note", models.CharField(blank=True, default="", max_length=200)),
            ],
            options={
                "verbose_name_plural": "error policies",
                "ordering": ["code"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("reaction", "set_up"), ("uses_attempt", False)),
                            models.Q(
                                models.Q(("reaction", "set_up"), _negated=True),
                                ("stops_channel", False),
                            ),
                            _connector="OR",
                        ),
                        name="sms_errorpolicy_only_our_set_up_stops_the_channel",
                    )
                ],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
