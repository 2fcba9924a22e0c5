import django.db.models.deletion
from django.db import migrations, models

from alerts.sqlfiles import install

PURPOSES = [
    ("reward", "Reward"),
    ("delay_notice", "Delay notice"),
    ("opt_in", "Opt-in request"),
    ("resend", "Resend"),
    ("reminder", "Reminder"),
    ("apology", "Apology"),
    ("test", "Test"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0004_emptying"),
        ("credit", "0007_row_level_security"),
        ("sms", "0008_templates"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeptOptOut",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phone_digest", models.BinaryField(max_length=32)),
                ("opt_in_id", models.BigIntegerField(unique=True)),
                ("opted_out_at", models.DateTimeField()),
                ("kept_at", models.DateTimeField()),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="kept_opt_outs",
                        to="credit.client",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("phone_digest", "client"), name="sms_keptoptout_one_per_number"
                    ),
                ],
            },
        ),
        migrations.AlterField(
            model_name="message",
            name="purpose",
            field=models.CharField(choices=PURPOSES, max_length=16),
        ),
        migrations.AlterField(
            model_name="messagetemplate",
            name="purpose",
            field=models.CharField(choices=PURPOSES, max_length=16),
        ),
        install("sms", "privacy"),
    ]
