import django.db.models.deletion
from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("credit", "0002_functions"),
        ("giftcards", "0002_functions"),
    ]

    operations = [
        migrations.CreateModel(
            name="AgencyBrand",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("is_offered", models.BooleanField(default=True)),
                ("markup_basis_points", models.PositiveIntegerField(default=0)),
                (
                    "agency",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="brands",
                        to="credit.agency",
                    ),
                ),
                (
                    "brand",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="agency_terms",
                        to="giftcards.brand",
                    ),
                ),
            ],
            options={
                "ordering": ["agency", "brand"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("agency", "brand"), name="giftcards_agencybrand_once_each"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("markup_basis_points__gte", 0), ("markup_basis_points__lte", 100000)
                        ),
                        name="giftcards_agencybrand_markup_within_1000_percent",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AgencyPrice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("price_minor", models.BigIntegerField()),
                (
                    "agency",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="prices",
                        to="credit.agency",
                    ),
                ),
                (
                    "denomination",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="agency_prices",
                        to="giftcards.denomination",
                    ),
                ),
            ],
            options={
                "ordering": ["agency", "denomination"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("agency", "denomination"), name="giftcards_agencyprice_once_each"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("price_minor__gt", 0)),
                        name="giftcards_agencyprice_positive",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ClientBrand",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("is_offered", models.BooleanField(default=True)),
                (
                    "brand",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="client_choices",
                        to="giftcards.brand",
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="brands",
                        to="credit.client",
                    ),
                ),
            ],
            options={
                "ordering": ["client", "brand"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("client", "brand"), name="giftcards_clientbrand_once_each"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ClientDenomination",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("is_offered", models.BooleanField(default=True)),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="denominations",
                        to="credit.client",
                    ),
                ),
                (
                    "denomination",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="client_choices",
                        to="giftcards.denomination",
                    ),
                ),
            ],
            options={
                "ordering": ["client", "denomination"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("client", "denomination"),
                        name="giftcards_clientdenomination_once_each",
                    )
                ],
            },
        ),
        install("giftcards", "price"),
    ]
