from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("giftcards", "0011_scannable")]

    operations = [
        migrations.AlterField(
            model_name="giftcard",
            name="status",
            field=models.CharField(
                choices=[
                    ("available", "Available"),
                    ("claimed", "Claimed"),
                    ("delivered", "Delivered"),
                    ("redeemed", "Redeemed"),
                    ("expired", "Expired"),
                    ("quarantined", "Quarantined"),
                    ("held_back", "Held back"),
                    ("void", "Void"),
                ],
                db_default="available",
                max_length=16,
            ),
        ),
        migrations.RemoveConstraint(
            model_name="giftcard",
            name="giftcards_card_held_exactly_when_claimed",
        ),
        migrations.AddConstraint(
            model_name="giftcard",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("holder_id", None),
                        ("holder_kind", None),
                        ("status__in", ["available", "expired"]),
                        ("claimed_at", None),
                        ("delivered_at", None),
                        ("disclosed_at", None),
                    ),
                    models.Q(
                        ("status__in", ["claimed", "delivered", "redeemed", "quarantined"]),
                        ("holder_id__isnull", False),
                        ("holder_kind__isnull", False),
                        ("claimed_at__isnull", False),
                    ),
                    models.Q(
                        ("holder_id", None),
                        ("holder_kind", None),
                        ("status", "held_back"),
                        ("claimed_at", None),
                        ("delivered_at", None),
                        ("sale", None),
                    ),
                    ("status", "void"),
                    _connector="OR",
                ),
                name="giftcards_card_held_exactly_when_claimed",
            ),
        ),
        install("giftcards", "canaries"),
    ]
