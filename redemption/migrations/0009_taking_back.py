import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0008_provider_orders"),
    ]

    operations = [
        migrations.CreateModel(
            name="Replacement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("old_was_disclosed", models.BooleanField()),
                ("cost_minor", models.BigIntegerField(blank=True, null=True)),
                ("reason", models.CharField(max_length=500)),
                ("actor", models.CharField(max_length=48)),
                (
                    "at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "new_card",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="giftcards.giftcard",
                        verbose_name="card given instead",
                    ),
                ),
                (
                    "old_card",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="giftcards.giftcard",
                        verbose_name="card taken back",
                    ),
                ),
                (
                    "redemption",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replacements",
                        to="redemption.redemption",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("old_card", models.F("new_card")), _negated=True),
                        name="redemption_replacement_by_another",
                    )
                ],
            },
        ),
        install("redemption", "queue"),
        install("redemption", "facts", "taking_back"),
    ]
