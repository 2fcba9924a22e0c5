import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0013_guard"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CallSession",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("caller", models.CharField(blank=True, db_default="", max_length=16)),
                (
                    "started_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "active_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("held_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("rewarded", "Reward given"),
                            ("helped", "Helped with a reward"),
                            ("call_back", "To be called back"),
                            ("not_entitled", "No reward due"),
                            ("not_found", "Nobody found"),
                            ("cut_off", "Cut off"),
                        ],
                        db_default="",
                        max_length=16,
                    ),
                ),
                ("notes", models.TextField(blank=True, db_default="", max_length=2000)),
            ],
            options={
                "ordering": ["-started_at"],
            },
        ),
        migrations.CreateModel(
            name="ConditionMet",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("checklist", models.JSONField(default=list)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name_plural": "conditions met",
                "ordering": ["-at"],
            },
        ),
        migrations.AddField(
            model_name="callsession",
            name="agent",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="calls",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="callsession",
            name="client",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="calls",
                to="credit.client",
            ),
        ),
        migrations.AddField(
            model_name="callsession",
            name="continues",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="continued_by",
                to="redemption.callsession",
            ),
        ),
        migrations.AddField(
            model_name="callsession",
            name="recipient",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="calls",
                to="redemption.recipient",
            ),
        ),
        migrations.AddField(
            model_name="callsession",
            name="redemption",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="calls",
                to="redemption.redemption",
            ),
        ),
        migrations.AddField(
            model_name="callsession",
            name="task",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="calls",
                to="redemption.desktask",
            ),
        ),
        migrations.AddField(
            model_name="conditionmet",
            name="agent",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="conditionmet",
            name="call",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="conditions_met",
                to="redemption.callsession",
            ),
        ),
        migrations.AddField(
            model_name="conditionmet",
            name="campaign",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="redemption.campaign",
            ),
        ),
        migrations.AddField(
            model_name="conditionmet",
            name="card",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="giftcards.giftcard",
            ),
        ),
        migrations.AddField(
            model_name="conditionmet",
            name="client",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="credit.client"
            ),
        ),
        migrations.AddField(
            model_name="conditionmet",
            name="condition",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="redemption.condition",
            ),
        ),
        migrations.AddField(
            model_name="conditionmet",
            name="recipient",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="conditions_met",
                to="redemption.recipient",
            ),
        ),
        migrations.AddField(
            model_name="conditionmet",
            name="redemption",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="conditions_met",
                to="redemption.redemption",
            ),
        ),
        migrations.AddIndex(
            model_name="callsession",
            index=models.Index(fields=["agent", "started_at"], name="redemption_call_by_agent"),
        ),
        migrations.AddConstraint(
            model_name="callsession",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True)),
                fields=("agent",),
                name="redemption_callsession_one_open_each",
            ),
        ),
        migrations.AddConstraint(
            model_name="callsession",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True), ("held_at__isnull", False)),
                fields=("recipient",),
                name="redemption_callsession_one_holder_each",
            ),
        ),
        migrations.AddConstraint(
            model_name="callsession",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", True), ("outcome", "")),
                    models.Q(("ended_at__isnull", False), models.Q(("outcome", ""), _negated=True)),
                    _connector="OR",
                ),
                name="redemption_callsession_ends_with_outcome",
            ),
        ),
        migrations.AddConstraint(
            model_name="callsession",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("held_at__isnull", True), ("recipient__isnull", False), _connector="OR"
                ),
                name="redemption_callsession_holds_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="callsession",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("recipient__isnull", True), ("client__isnull", False), _connector="OR"
                ),
                name="redemption_callsession_recipient_has_client",
            ),
        ),
        migrations.AddIndex(
            model_name="conditionmet",
            index=models.Index(fields=["agent", "at"], name="redemption_met_by_agent"),
        ),
        install("redemption", "calls"),
    ]
