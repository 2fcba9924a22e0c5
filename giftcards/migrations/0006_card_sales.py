import uuid

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("credit", "0007_row_level_security"),
        ("giftcards", "0005_batch_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="CardSale",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("quantity", models.PositiveIntegerField()),
                ("price_per_card_minor", models.BigIntegerField()),
                ("total_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("idempotency_key", models.CharField(max_length=160)),
                ("actor", models.CharField(max_length=48)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("reversed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="card_purchases",
                        to="credit.client",
                    ),
                ),
                (
                    "master_pool",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sales",
                        to="giftcards.pool",
                        verbose_name="sold from",
                    ),
                ),
                (
                    "pool",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="purchases",
                        to="giftcards.pool",
                        verbose_name="sold into",
                    ),
                ),
                (
                    "refund",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="credit.transaction",
                    ),
                ),
                (
                    "transaction",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="credit.transaction",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.AddField(
            model_name="giftcard",
            name="sale",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="cards",
                to="giftcards.cardsale",
            ),
        ),
        migrations.AddIndex(
            model_name="giftcard",
            index=models.Index(
                condition=models.Q(("sale__isnull", False)),
                fields=["sale"],
                name="giftcards_card_sale",
            ),
        ),
        migrations.AddConstraint(
            model_name="cardsale",
            constraint=models.UniqueConstraint(
                fields=("idempotency_key",), name="giftcards_cardsale_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="cardsale",
            constraint=models.CheckConstraint(
                condition=models.Q(("price_per_card_minor__gt", 0), ("quantity__gt", 0)),
                name="giftcards_cardsale_sells_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="cardsale",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "total_minor",
                        django.db.models.expressions.CombinedExpression(
                            models.F("quantity"), "*", models.F("price_per_card_minor")
                        ),
                    )
                ),
                name="giftcards_cardsale_total_is_quantity_times_price",
            ),
        ),
        migrations.AddConstraint(
            model_name="cardsale",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("refund", None), ("reversed_at", None)),
                    models.Q(("refund__isnull", False), ("reversed_at__isnull", False)),
                    _connector="OR",
                ),
                name="giftcards_cardsale_reversal_has_its_refund",
            ),
        ),
        install("giftcards", "sale_guards", "sell_cards", "claim_card"),
    ]
