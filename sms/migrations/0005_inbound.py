import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("credit", "0008_reveal_permission"),
        ("sms", "0004_row_level_security"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConsentEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phone", models.CharField(max_length=16)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("none", "Not asked"),
                            ("requested", "Asked"),
                            ("granted", "Granted"),
                            ("revoked", "Revoked"),
                        ],
                        max_length=16,
                    ),
                ),
                ("text_shown", models.TextField(blank=True, db_default="")),
                ("way", models.CharField(blank=True, db_default="", max_length=32)),
                ("actor", models.CharField(blank=True, db_default="", max_length=48)),
                ("reason", models.CharField(blank=True, db_default="", max_length=300)),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="InboundMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider_id", models.CharField(max_length=64)),
                ("from_number", models.CharField(max_length=32)),
                ("to_number", models.CharField(max_length=32)),
                ("body", models.TextField(blank=True, db_default="")),
                ("opt_out_type", models.CharField(blank=True, db_default="", max_length=8)),
                (
                    "handled_as",
                    models.CharField(
                        choices=[
                            ("kept", "Kept for a person to read"),
                            ("opt_out", "Opt-out"),
                            ("opt_in", "Opt-in"),
                            ("grant", "Yes to an opt-in request"),
                            ("help", "Request for help"),
                        ],
                        db_default="kept",
                        max_length=16,
                    ),
                ),
                ("reply", models.TextField(blank=True, db_default="")),
                (
                    "received_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="PhoneHealth",
            fields=[
                ("phone", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("error_code", models.CharField(max_length=16)),
                ("failed_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "bad phone numbers",
                "ordering": ["-failed_at"],
            },
        ),
        migrations.AddField(
            model_name="optin",
            name="link_digest",
            field=models.BinaryField(blank=True, max_length=32, null=True),
        ),
        migrations.AddField(
            model_name="optin",
            name="reason",
            field=models.CharField(blank=True, db_default="", max_length=300),
        ),
        migrations.AddField(
            model_name="optin",
            name="requested_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["to", "created_at"], name="sms_message_to"),
        ),
        migrations.AddIndex(
            model_name="optin",
            index=models.Index(fields=["phone"], name="sms_optin_phone"),
        ),
        migrations.AddIndex(
            model_name="optin",
            index=models.Index(
                condition=models.Q(("link_digest__isnull", False)),
                fields=["link_digest"],
                name="sms_optin_link",
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="client",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="consent_events",
                to="credit.client",
            ),
        ),
        migrations.AddField(
            model_name="inboundmessage",
            name="client",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="inbound_messages",
                to="credit.client",
            ),
        ),
        migrations.AddIndex(
            model_name="consentevent",
            index=models.Index(fields=["phone", "client"], name="sms_consentevent_phone"),
        ),
        migrations.AddIndex(
            model_name="inboundmessage",
            index=models.Index(fields=["from_number", "received_at"], name="sms_inbound_from"),
        ),
        migrations.AddConstraint(
            model_name="inboundmessage",
            constraint=models.UniqueConstraint(
                fields=("provider_id",), name="sms_inboundmessage_received_once"
            ),
        ),
        install("sms", "consent"),
    ]
