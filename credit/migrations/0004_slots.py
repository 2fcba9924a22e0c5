import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from alerts.sqlfiles import install

# A slot is written hundreds of times a second: with room on its page for the new version no index
# is touched, and few slots share a page.
_ROOM = "ALTER TABLE credit_accountslot SET (fillfactor = 20)"


class Migration(migrations.Migration):
    dependencies = [("credit", "0003_settlements")]

    operations = [
        migrations.AddField(
            model_name="account",
            name="slot_count",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.RemoveConstraint(
            model_name="account", name="credit_account_balance_kept_below_platform"
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=Q(level="platform", slot_count=0, balance_minor__isnull=True)
                | (~Q(level="platform") & Q(slot_count=0, balance_minor__isnull=False))
                | (~Q(level="platform") & Q(slot_count__gt=0, balance_minor__isnull=True)),
                name="credit_account_balance_kept_below_platform",
            ),
        ),
        migrations.CreateModel(
            name="AccountSlot",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slot", models.PositiveSmallIntegerField()),
                ("balance_minor", models.BigIntegerField(default=0)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="slots",
                        to="credit.account",
                    ),
                ),
            ],
            options={
                "ordering": ["account", "slot"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["account", "slot"], name="credit_accountslot_number_unique"
                    ),
                    models.CheckConstraint(
                        condition=Q(balance_minor__gte=0),
                        name="credit_accountslot_balance_never_negative",
                    ),
                ],
            },
        ),
        migrations.RunSQL(_ROOM, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="transaction",
            name="kind",
            field=models.CharField(
                choices=[
                    ("issue", "Issue"),
                    ("allocation", "Allocation"),
                    ("redemption", "Redemption"),
                    ("refund", "Refund"),
                    ("hold", "Hold"),
                    ("release", "Release"),
                    ("capture", "Capture"),
                    ("card_sale", "Card sale"),
                    ("adjustment", "Adjustment"),
                    ("rebalance", "Rebalance"),
                ],
                max_length=16,
            ),
        ),
        migrations.RemoveConstraint(
            model_name="transaction", name="credit_transaction_kind_names_what_it_settles"
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.CheckConstraint(
                condition=(
                    Q(kind__in=["refund", "release", "capture"], settles__isnull=False)
                    | Q(
                        kind__in=["issue", "allocation", "redemption", "hold", "rebalance"],
                        settles=None,
                    )
                    | Q(kind__in=["card_sale", "adjustment"])
                ),
                name="credit_transaction_kind_names_what_it_settles",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                condition=Q(kind="hold"), fields=["created_at"], name="credit_transaction_holds"
            ),
        ),
        install("credit", "slots", "slot_guards", "debit_account", "transfer"),
    ]
