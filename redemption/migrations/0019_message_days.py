import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("credit", "0008_reveal_permission"),
        ("redemption", "0018_privacy"),
        ("sms", "0010_message_when"),
    ]

    operations = [
        migrations.CreateModel(
            name="MessageDay",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                ("counted_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="MessageChange",
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
            name="MessageCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                (
                    "channel",
                    models.CharField(
                        choices=[("sms", "Text message"), ("email", "E-mail")], max_length=8
                    ),
                ),
                ("messages", models.BigIntegerField()),
                ("attempts", models.BigIntegerField()),
                ("accepted", models.BigIntegerField()),
                ("tried", models.BigIntegerField()),
                ("delivered", models.BigIntegerField()),
                ("undelivered", models.BigIntegerField()),
                ("failed", models.BigIntegerField()),
                ("suppressed", models.BigIntegerField()),
                ("cancelled", models.BigIntegerField()),
                ("by_hand", models.BigIntegerField()),
                ("in_doubt", models.BigIntegerField()),
                ("segments", models.BigIntegerField()),
                ("price", models.DecimalField(decimal_places=6, max_digits=30)),
                ("priced", models.BigIntegerField()),
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
                (
                    "error_codes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), size=None
                    ),
                ),
                (
                    "error_attempts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), size=None
                    ),
                ),
                (
                    "error_ends",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), size=None
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="redemption.campaign",
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="credit.client",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="messagecount",
            index=models.Index(fields=["day"], name="redemption_messages_by_day"),
        ),
        migrations.AddIndex(
            model_name="messagecount",
            index=models.Index(fields=["client", "day"], name="redemption_messages_by_client"),
        ),
        install("redemption", "message_reports", "first_names"),
    ]
