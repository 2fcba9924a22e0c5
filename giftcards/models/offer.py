from django.db import models
from django.db.models import Q

from credit.models import Agency, Client
from giftcards.models.catalogue import Brand, Denomination
from giftcards.money import LARGEST_MARKUP_BASIS_POINTS


class AgencyBrand(models.Model):
    """On what terms an agency offers a brand; without a row it does, at face value."""

    agency = models.ForeignKey(
        Agency, on_delete=models.CASCADE, related_name="brands", db_index=False
    )
    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="agency_terms")
    is_offered = models.BooleanField(default=True)
    # Hundredths of a percent on top of the face value: 1250 is 12.5 %.
    markup_basis_points = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["agency", "brand"]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "brand"], name="giftcards_agencybrand_once_each"
            ),
            models.CheckConstraint(
                condition=Q(markup_basis_points__gte=0)
                & Q(markup_basis_points__lte=LARGEST_MARKUP_BASIS_POINTS),
                name="giftcards_agencybrand_markup_within_1000_percent",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {'offered' if self.is_offered else 'not offered'}"


class AgencyPrice(models.Model):
    """What an agency's clients pay for a value of a brand, whatever the markup."""

    agency = models.ForeignKey(
        Agency, on_delete=models.CASCADE, related_name="prices", db_index=False
    )
    denomination = models.ForeignKey(
        Denomination, on_delete=models.CASCADE, related_name="agency_prices"
    )
    # In the denomination's currency.
    price_minor = models.BigIntegerField()

    class Meta:
        ordering = ["agency", "denomination"]
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "denomination"], name="giftcards_agencyprice_once_each"
            ),
            models.CheckConstraint(
                condition=Q(price_minor__gt=0), name="giftcards_agencyprice_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class ClientBrand(models.Model):
    """Whether a client wants a brand that its agency offers; without a row it does."""

    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, related_name="brands", db_index=False
    )
    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="client_choices")
    is_offered = models.BooleanField(default=True)

    class Meta:
        ordering = ["client", "brand"]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "brand"], name="giftcards_clientbrand_once_each"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {'offered' if self.is_offered else 'not offered'}"


class ClientDenomination(models.Model):
    """Whether a client wants a value of a brand that it wants; without a row it does."""

    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, related_name="denominations", db_index=False
    )
    denomination = models.ForeignKey(
        Denomination, on_delete=models.CASCADE, related_name="client_choices"
    )
    is_offered = models.BooleanField(default=True)

    class Meta:
        ordering = ["client", "denomination"]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "denomination"], name="giftcards_clientdenomination_once_each"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {'offered' if self.is_offered else 'not offered'}"
