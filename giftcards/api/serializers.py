"""The shapes of what comes in and, for the OpenAPI page, of what goes out."""

from typing import Any

from rest_framework import serializers

from credit.api.inputs import StrictSerializer, TextField
from credit.api.pagination import ListQuery
from giftcards.models import Pool

_LONGEST_CELL = 255


class PoolsQuery(ListQuery):
    archived = serializers.BooleanField(
        required=False,
        default=False,
        help_text="`true` lists the pools that are out of use too.",
    )


class CardRequest(StrictSerializer):
    code = TextField(max_length=_LONGEST_CELL, allow_blank=True)
    pin = TextField(max_length=_LONGEST_CELL, required=False, allow_blank=True, allow_null=True)
    number = TextField(max_length=_LONGEST_CELL, required=False, allow_blank=True, allow_null=True)
    expires_on = TextField(
        max_length=_LONGEST_CELL,
        required=False,
        allow_blank=True,
        allow_null=True,
        help_text="`2031-12-31`, or `12/2031` for the last day of the month.",
    )


class CardsRequest(StrictSerializer):
    cards = serializers.ListField(child=CardRequest(), allow_empty=False, min_length=1)


class _Output(serializers.Serializer[Any]):
    """Describes an answer; never run."""


class PoolOutput(_Output):
    id = serializers.UUIDField()
    name = serializers.CharField()
    brand = serializers.CharField()
    brand_id = serializers.UUIDField()
    value = serializers.CharField()
    currency = serializers.CharField()
    kind = serializers.ChoiceField(choices=Pool.Kind.values)
    client_id = serializers.UUIDField(allow_null=True)
    purchase_method = serializers.ChoiceField(choices=Pool.PurchaseMethod.values)
    low_stock_threshold = serializers.IntegerField()
    total = serializers.IntegerField()
    available = serializers.IntegerField()
    claimed = serializers.IntegerField()
    delivered = serializers.IntegerField()
    redeemed = serializers.IntegerField()
    expired = serializers.IntegerField()
    stuck = serializers.IntegerField()
    available_percent = serializers.FloatField()
    utilisation = serializers.FloatField()
    level = serializers.ChoiceField(choices=["green", "amber", "red"])
    archived_at = serializers.DateTimeField(allow_null=True)
