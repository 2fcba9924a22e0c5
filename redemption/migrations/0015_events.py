import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("redemption", "0014_calls")]

    operations = [
        migrations.CreateModel(
            name="EventTry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("received", "Not yet acted on"),
                            ("issued", "Rewarded"),
                            ("waiting", "Reward waits"),
                            ("provisioning", "Card being bought"),
                            ("already_redeemed", "Had its reward"),
                            ("refused", "Refused"),
                            ("unmatched", "Not matched"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "problem",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("not_understood", "The body lacks what the mapping looks for"),
                            ("unknown_campaign", "The client has no such campaign"),
                            (
                                "unknown_condition",
                                "No condition of the campaign has this event name",
                            ),
                            ("several_conditions", "Several conditions have this event name"),
                            ("unknown_contact", "No recipient of the campaign has this contact id"),
                        ],
                        db_default="",
                        max_length=24,
                    ),
                ),
                ("details", models.CharField(blank=True, db_default="", max_length=300)),
                ("error_code", models.CharField(blank=True, db_default="", max_length=8)),
                ("redemption_id", models.UUIDField(blank=True, null=True)),
                ("actor", models.CharField(max_length=48)),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="InboundEvent",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("event_id", models.CharField(max_length=255)),
                (
                    "signature",
                    models.CharField(
                        choices=[
                            ("current", "Signed with the secret"),
                            ("previous", "Signed with the secret before"),
                        ],
                        max_length=16,
                    ),
                ),
                ("event_type", models.CharField(blank=True, db_default="", max_length=120)),
                ("contact_id", models.CharField(blank=True, db_default="", max_length=120)),
                ("campaign_ref", models.CharField(blank=True, db_default="", max_length=120)),
                ("occurred_at", models.DateTimeField(blank=True, null=True)),
                ("body_encrypted", models.TextField(blank=True, db_default="")),
                ("body_digest", models.BinaryField(max_length=32)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("received", "Not yet acted on"),
                            ("issued", "Rewarded"),
                            ("waiting", "Reward waits"),
                            ("provisioning", "Card being bought"),
                            ("already_redeemed", "Had its reward"),
                            ("refused", "Refused"),
                            ("unmatched", "Not matched"),
                        ],
                        db_default="received",
                        max_length=16,
                    ),
                ),
                (
                    "problem",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("not_understood", "The body lacks what the mapping looks for"),
                            ("unknown_campaign", "The client has no such campaign"),
                            (
                                "unknown_condition",
                                "No condition of the campaign has this event name",
                            ),
                            ("several_conditions", "Several conditions have this event name"),
                            ("unknown_contact", "No recipient of the campaign has this contact id"),
                        ],
                        db_default="",
                        max_length=24,
                    ),
                ),
                ("details", models.CharField(blank=True, db_default="", max_length=300)),
                ("error_code", models.CharField(blank=True, db_default="", max_length=8)),
                ("actor", models.CharField(max_length=48)),
                ("tries", models.PositiveIntegerField(db_default=0)),
                ("next_attempt_at", models.DateTimeField(blank=True, null=True)),
                ("replay_id", models.UUIDField(blank=True, null=True)),
                ("replay_actor", models.CharField(blank=True, db_default="", max_length=48)),
                ("received_at", models.DateTimeField()),
                ("processed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-received_at"],
            },
        ),
        migrations.AddField(
            model_name="eventsource",
            name="campaign",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="redemption.campaign",
            ),
        ),
        migrations.AddField(
            model_name="eventsource",
            name="contact_method",
            field=models.CharField(
                choices=[
                    ("sms_then_email", "A text; e-mail where there is no phone"),
                    ("email_then_sms", "E-mail; a text where there is no address"),
                    ("sms", "A text only"),
                    ("email", "E-mail only"),
                ],
                db_default="sms_then_email",
                default="sms_then_email",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="eventsource",
            name="mapping",
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="eventsource",
            name="previous_secret_encrypted",
            field=models.TextField(blank=True, db_default=""),
        ),
        migrations.AddField(
            model_name="eventsource",
            name="previous_secret_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="eventsource",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("previous_secret_encrypted", ""),
                    ("previous_secret_until__isnull", False),
                    _connector="OR",
                ),
                name="redemption_eventsource_old_secret_ends",
            ),
        ),
        migrations.AddField(
            model_name="inboundevent",
            name="client",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="credit.client"
            ),
        ),
        migrations.AddField(
            model_name="inboundevent",
            name="redemption",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="redemption.redemption",
            ),
        ),
        migrations.AddField(
            model_name="inboundevent",
            name="source",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="events",
                to="redemption.eventsource",
            ),
        ),
        migrations.AddField(
            model_name="eventtry",
            name="event",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="trail",
                to="redemption.inboundevent",
            ),
        ),
        migrations.AddIndex(
            model_name="inboundevent",
            index=models.Index(fields=["-received_at"], name="redemption_event_newest"),
        ),
        migrations.AddIndex(
            model_name="inboundevent",
            index=models.Index(
                fields=["outcome", "-received_at"], name="redemption_event_by_outcome"
            ),
        ),
        migrations.AddIndex(
            model_name="inboundevent",
            index=models.Index(
                fields=["source", "-received_at"], name="redemption_event_by_source"
            ),
        ),
        migrations.AddIndex(
            model_name="inboundevent",
            index=models.Index(fields=["event_id"], name="redemption_event_by_id"),
        ),
        migrations.AddIndex(
            model_name="inboundevent",
            index=models.Index(fields=["contact_id"], name="redemption_event_by_contact"),
        ),
        migrations.AddIndex(
            model_name="inboundevent",
            index=models.Index(
                condition=models.Q(("next_attempt_at__isnull", False)),
                fields=["next_attempt_at"],
                name="redemption_event_due",
            ),
        ),
        migrations.AddIndex(
            model_name="inboundevent",
            index=models.Index(
                condition=models.Q(("replay_id__isnull", False)),
                fields=["replay_id"],
                name="redemption_event_replay",
            ),
        ),
        migrations.AddIndex(
            model_name="inboundevent",
            index=models.Index(
                condition=models.Q(("body_encrypted", ""), _negated=True),
                fields=["received_at"],
                name="redemption_event_has_body",
            ),
        ),
        migrations.AddConstraint(
            model_name="inboundevent",
            constraint=models.UniqueConstraint(
                fields=("source", "event_id"), name="redemption_event_received_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="inboundevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("outcome__in", ["received", "refused", "unmatched"]),
                    ("redemption__isnull", False),
                    _connector="OR",
                ),
                name="redemption_event_names_its_redemption",
            ),
        ),
        install("redemption", "events"),
    ]
