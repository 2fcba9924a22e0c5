import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("credit", "0020_policy_order"),
        ("loyalty", "0003_gateways"),
    ]

    operations = [
        migrations.CreateModel(
            name="CustomerErasure",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
                ("requested_by", models.CharField(max_length=48)),
                ("erased_at", models.DateTimeField()),
                (
                    "provider_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        db_default=models.Value([]),
                        default=list,
                        size=None,
                    ),
                ),
                ("next_attempt_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-erased_at"],
            },
        ),
        migrations.AddField(
            model_name="customer",
            name="erased_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("erased_at", None),
                    models.Q(
                        ("email", ""),
                        ("first_name", ""),
                        ("is_active", False),
                        ("last_name", ""),
                        ("phone", ""),
                    ),
                    _connector="OR",
                ),
                name="loyalty_customer_forgotten_says_nothing",
            ),
        ),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.CheckConstraint(
                condition=models.Q(("erased_at", None), ("points_held", 0), _connector="OR"),
                name="loyalty_customer_forgotten_holds_nothing",
            ),
        ),
        migrations.AddField(
            model_name="customererasure",
            name="customer",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="erasure",
                to="loyalty.customer",
            ),
        ),
        migrations.AddIndex(
            model_name="customererasure",
            index=models.Index(
                condition=models.Q(("next_attempt_at__isnull", False)),
                fields=["next_attempt_at"],
                name="loyalty_erasure_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="customererasure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("next_attempt_at__isnull", False), ("provider_ids", []), _connector="OR"
                ),
                name="loyalty_erasure_goes_on_until_done",
            ),
        ),
        install("loyalty", "guards", "payment", "forgetting"),
    ]
