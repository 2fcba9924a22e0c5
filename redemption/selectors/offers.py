"""Which rewards can be given at all, whatever stock and budget hold."""

from __future__ import annotations

from typing import Any

from django.db.models import (
    BigIntegerField,
    BooleanField,
    F,
    Func,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce

from giftcards.models import Denomination
from redemption.models import Condition


def with_offer(conditions: QuerySet[Condition]) -> QuerySet[Any]:
    """Add ``is_offered`` to conditions: their brand and value are offered (Note [Price]).

    One without a brand or a value, or with a value that the brand does not have, is not.
    """
    denomination = Denomination.objects.filter(
        brand_id=OuterRef("brand_id"),
        value_minor=OuterRef("card_value_minor"),
        currency=OuterRef("currency"),
    )
    return conditions.alias(denomination_id=Subquery(denomination.values("pk")[:1])).annotate(
        is_offered=Coalesce(
            Func(
                F("campaign__client__agency_id"),
                F("campaign__client_id"),
                F("denomination_id"),
                function="giftcards_is_offered",
                output_field=BooleanField(),
            ),
            Value(value=False),
        )
    )


def with_price(conditions: QuerySet[Condition]) -> QuerySet[Any]:
    """Add ``price_minor`` to those conditions that are offered: what their budget is charged."""
    offered = with_offer(conditions).filter(is_offered=True)
    priced: QuerySet[Any] = offered.annotate(
        price_minor=Func(
            F("campaign__client__agency_id"),
            F("denomination_id"),
            function="giftcards_price",
            output_field=BigIntegerField(),
        )
    )
    return priced
