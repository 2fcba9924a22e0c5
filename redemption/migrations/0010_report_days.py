import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("credit", "0008_reveal_permission"),
        ("giftcards", "0010_count_cards"),
        ("redemption", "0009_taking_back"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReportChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(db_index=True)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="ReportDay",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                ("counted_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ReportMonth",
            fields=[
                ("month", models.DateField(primary_key=True, serialize=False)),
                ("counted_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="RewardCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "span",
                    models.CharField(choices=[("day", "Day"), ("month", "Month")], max_length=8),
                ),
                (
                    "level",
                    models.CharField(
                        choices=[
                            ("pool", "A pool, whoever it served"),
                            ("client", "A client, whatever served it"),
                            ("both", "A client and a pool"),
                        ],
                        max_length=8,
                    ),
                ),
                ("first_day", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                ("issued", models.BigIntegerField()),
                ("delivered", models.BigIntegerField()),
                ("wait_total", models.DecimalField(decimal_places=6, max_digits=30)),
                (
                    "waits",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), size=None
                    ),
                ),
                (
                    "wait_counts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), size=None
                    ),
                ),
                ("face_value_minor", models.DecimalField(decimal_places=0, max_digits=30)),
                ("charged_minor", models.DecimalField(decimal_places=0, max_digits=30)),
                ("agency_margin_minor", models.DecimalField(decimal_places=0, max_digits=30)),
                ("cost_known", models.BigIntegerField()),
                ("cost_minor", models.DecimalField(decimal_places=0, max_digits=30)),
                ("platform_margin_minor", models.DecimalField(decimal_places=0, max_digits=30)),
                ("profit_minor", models.DecimalField(decimal_places=0, max_digits=30)),
            ],
        ),
        migrations.AddIndex(
            model_name="redemption",
            index=models.Index(
                condition=models.Q(
                    ("is_test", False),
                    ("issued_at__isnull", False),
                    ("state__in", ["failed", "cancelled"]),
                ),
                fields=["client", "issued_at"],
                name="redemption_taken_back",
            ),
        ),
        migrations.AddField(
            model_name="rewardcount",
            name="brand",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="giftcards.brand",
            ),
        ),
        migrations.AddField(
            model_name="rewardcount",
            name="client",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="credit.client",
            ),
        ),
        migrations.AddField(
            model_name="rewardcount",
            name="pool",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="giftcards.pool",
            ),
        ),
        migrations.AddIndex(
            model_name="rewardcount",
            index=models.Index(
                fields=["span", "level", "first_day"], name="redemption_count_by_day"
            ),
        ),
        migrations.AddIndex(
            model_name="rewardcount",
            index=models.Index(
                condition=models.Q(("client__isnull", False)),
                fields=["client", "span", "first_day"],
                name="redemption_count_by_client",
            ),
        ),
        migrations.AddIndex(
            model_name="rewardcount",
            index=models.Index(
                condition=models.Q(("level", "both")),
                fields=["brand", "span", "first_day"],
                name="redemption_count_by_brand",
            ),
        ),
        install("redemption", "reports"),
    ]
