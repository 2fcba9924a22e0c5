import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("credit", "0008_reveal_permission"),
        ("giftcards", "0006_card_sales"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProviderBrand",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=32)),
                ("slug", models.CharField(max_length=80)),
                ("name", models.CharField(max_length=120)),
                ("currency", models.CharField(max_length=3)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("enabled", "Sold"),
                            ("paused", "Paused"),
                            ("disabled", "Not sold"),
                        ],
                        max_length=16,
                    ),
                ),
                ("reason", models.CharField(blank=True, db_default="", max_length=200)),
                ("lower_minor", models.BigIntegerField(blank=True, null=True)),
                ("upper_minor", models.BigIntegerField(blank=True, null=True)),
                (
                    "denominations_minor",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), blank=True, default=list, size=None
                    ),
                ),
                (
                    "delivery_methods",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("is_asynchronous", models.BooleanField(default=False)),
                ("can_be_issued", models.BooleanField(default=True)),
                ("can_be_undone", models.BooleanField(default=False)),
                (
                    "discount_percent",
                    models.DecimalField(blank=True, decimal_places=4, max_digits=7, null=True),
                ),
                ("synced_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["provider", "name"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "slug"), name="giftcards_providerbrand_slug_unique"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderCircuit",
            fields=[
                ("provider", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("opened_at", models.DateTimeField(blank=True, null=True)),
                ("open_until", models.DateTimeField(blank=True, null=True)),
                ("openings", models.PositiveSmallIntegerField(default=0)),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("failures", "It kept failing"),
                            ("set_up", "Our set-up is wrong"),
                            ("no_money", "Our money there is used up"),
                            ("by_hand", "Switched off by a person"),
                        ],
                        db_default="",
                        max_length=16,
                    ),
                ),
                ("error_code", models.CharField(blank=True, db_default="", max_length=64)),
                ("probing_until", models.DateTimeField(blank=True, null=True)),
                ("last_ok_at", models.DateTimeField(blank=True, null=True)),
                ("last_failed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["provider"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("open_until", None), ("opened_at", None), ("reason", "")),
                            models.Q(
                                ("opened_at__isnull", False),
                                models.Q(("reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="giftcards_circuit_open_has_its_reason",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderFloat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=32)),
                ("name", models.CharField(max_length=64)),
                ("currency", models.CharField(max_length=3)),
                ("available_minor", models.BigIntegerField()),
                ("pending_minor", models.BigIntegerField(blank=True, null=True)),
                ("read_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["provider", "currency", "name"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "currency", "name"), name="giftcards_float_unique"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderOrder",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("provider", models.CharField(max_length=32)),
                ("request_id", models.CharField(max_length=50, unique=True)),
                ("provider_slug", models.CharField(max_length=80)),
                ("value_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("delivery_method", models.CharField(db_default="code", max_length=8)),
                ("is_asynchronous", models.BooleanField(db_default=False)),
                ("holder_kind", models.CharField(blank=True, max_length=16, null=True)),
                ("holder_id", models.UUIDField(blank=True, null=True)),
                ("charge_minor", models.BigIntegerField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("requested", "In work"),
                            ("succeeded", "Bought"),
                            ("failed", "Not bought"),
                            ("unknown", "Unknown: a person must look"),
                            ("reversed", "Taken back"),
                        ],
                        db_default="requested",
                        max_length=16,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(db_default=0)),
                ("tries", models.PositiveSmallIntegerField(db_default=0)),
                ("may_be_done", models.BooleanField(db_default=False)),
                ("in_doubt_until", models.DateTimeField(blank=True, null=True)),
                ("next_attempt_at", models.DateTimeField(blank=True, null=True)),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                ("first_sent_at", models.DateTimeField(blank=True, null=True)),
                ("last_attempt_at", models.DateTimeField(blank=True, null=True)),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("undo_asked_at", models.DateTimeField(blank=True, null=True)),
                ("provider_reference", models.CharField(blank=True, db_default="", max_length=120)),
                ("cost_minor", models.BigIntegerField(blank=True, null=True)),
                (
                    "discount_percent",
                    models.DecimalField(blank=True, decimal_places=4, max_digits=7, null=True),
                ),
                ("error_code", models.CharField(blank=True, db_default="", max_length=64)),
                (
                    "answer",
                    models.JSONField(
                        blank=True, db_default=models.Value({}, output_field=models.JSONField())
                    ),
                ),
                ("card_gone_at", models.DateTimeField(blank=True, null=True)),
                ("trace_id", models.CharField(blank=True, db_default="", max_length=64)),
                ("actor", models.CharField(max_length=48)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                ("settled_by", models.CharField(blank=True, db_default="", max_length=48)),
                (
                    "card",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="provider_order",
                        to="giftcards.giftcard",
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="provider_orders",
                        to="credit.client",
                    ),
                ),
                (
                    "denomination",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="giftcards.denomination",
                    ),
                ),
                (
                    "hold",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="credit.transaction",
                    ),
                ),
                (
                    "pool",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to="giftcards.pool",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="ProviderOrderEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("attempt", models.PositiveIntegerField()),
                (
                    "asked",
                    models.CharField(
                        choices=[
                            ("issue", "To sell"),
                            ("status", "What became of it"),
                            ("reverse", "To take it back"),
                        ],
                        max_length=16,
                    ),
                ),
                ("outcome", models.CharField(max_length=24)),
                ("code", models.CharField(blank=True, db_default="", max_length=64)),
                ("milliseconds", models.PositiveIntegerField(blank=True, null=True)),
                ("actor", models.CharField(max_length=48)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="giftcards.providerorder",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.AddIndex(
            model_name="providerorder",
            index=models.Index(
                condition=models.Q(("state", "requested")),
                fields=["provider", "next_attempt_at"],
                name="giftcards_order_due",
            ),
        ),
        migrations.AddIndex(
            model_name="providerorder",
            index=models.Index(
                condition=models.Q(("state__in", ["requested", "unknown"])),
                fields=["pool"],
                name="giftcards_order_alive",
            ),
        ),
        migrations.AddIndex(
            model_name="providerorder",
            index=models.Index(
                condition=models.Q(("state", "unknown")),
                fields=["created_at"],
                name="giftcards_order_unknown",
            ),
        ),
        migrations.AddIndex(
            model_name="providerorder",
            index=models.Index(fields=["-created_at"], name="giftcards_order_newest"),
        ),
        migrations.AddIndex(
            model_name="providerorder",
            index=models.Index(fields=["pool", "-created_at"], name="giftcards_order_of_pool"),
        ),
        migrations.AddIndex(
            model_name="providerorder",
            index=models.Index(
                condition=models.Q(("holder_id__isnull", False)),
                fields=["holder_kind", "holder_id"],
                name="giftcards_order_holder",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerorder",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("state__in", ["requested", "unknown"]),
                    models.Q(("card_gone_at", None), ("state", "succeeded")),
                    _connector="OR",
                ),
                fields=("holder_kind", "holder_id"),
                name="giftcards_order_one_alive_per_holder",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["requested", "succeeded", "failed", "unknown", "reversed"]),
                    ("delivery_method__in", ["code", "url"]),
                ),
                name="giftcards_order_words_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "succeeded"), _negated=True),
                    ("card__isnull", False),
                    _connector="OR",
                ),
                name="giftcards_order_succeeded_has_its_card",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("card", None), ("state__in", ["succeeded", "reversed"]), _connector="OR"
                ),
                name="giftcards_order_card_only_when_bought",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("charge_minor", None),
                        ("hold", None),
                        ("holder_id", None),
                        ("holder_kind", None),
                    ),
                    models.Q(
                        ("client__isnull", False),
                        ("holder_id__isnull", False),
                        ("holder_kind__isnull", False),
                        models.Q(
                            models.Q(("charge_minor", 0), ("hold", None)),
                            models.Q(("charge_minor__gt", 0), ("hold__isnull", False)),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="giftcards_order_holder_and_hold_go_together",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("next_attempt_at__isnull", False), ("state", "requested")),
                    models.Q(
                        models.Q(("state", "requested"), _negated=True), ("next_attempt_at", None)
                    ),
                    _connector="OR",
                ),
                name="giftcards_order_in_work_has_its_next_attempt",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("settled_at", None), ("state__in", ["requested", "unknown"])),
                    models.Q(
                        models.Q(("state__in", ["requested", "unknown"]), _negated=True),
                        ("settled_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="giftcards_order_settled_has_its_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("in_doubt_until", None), ("may_be_done", False)),
                    models.Q(("in_doubt_until__isnull", False), ("may_be_done", True)),
                    _connector="OR",
                ),
                name="giftcards_order_doubt_has_its_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["requested", "unknown"]), ("may_be_done", False), _connector="OR"
                ),
                name="giftcards_order_ends_without_doubt",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerorder",
            constraint=models.CheckConstraint(
                condition=models.Q(("value_minor__gt", 0)), name="giftcards_order_value_positive"
            ),
        ),
        install("giftcards", "order_guards", "find_route", "place_order"),
    ]
