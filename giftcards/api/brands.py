"""Which brands and values a partner may hand out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from credit.api.authentication import ApiKeyAuthentication, require_scope
from credit.api.headers import NO_STORE
from credit.api.inputs import read_query
from credit.api.pagination import ListQuery, page_of, paginate
from credit.api.problems import problems
from credit.money import format_amount
from giftcards.models import Brand
from giftcards.selectors.catalogue import OfferedValue, list_offered_brands, list_offered_values


class DenominationOutput(serializers.Serializer[Any]):
    """Describes an answer; never run."""

    id = serializers.UUIDField()
    value = serializers.CharField()
    currency = serializers.CharField()


class BrandOutput(serializers.Serializer[Any]):
    """Describes an answer; never run."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    card_format = serializers.ChoiceField(choices=Brand.CardFormat.values)
    card_class = serializers.ChoiceField(choices=Brand.CardClass.values)
    expiration_policy = serializers.CharField()
    redemption_url = serializers.CharField(allow_null=True)
    balance_url = serializers.CharField(allow_null=True)
    terms_url = serializers.CharField(allow_null=True)
    disclosure = serializers.CharField()
    denominations = DenominationOutput(many=True)


_BRAND = {
    "id": "2b8e6f10-7d4c-4a39-9e15-8c7b6a5d4e02",
    "name": "Solmara Brightleaf",
    "slug": "solmara-brightleaf",
    "card_format": "digital",
    "card_class": "purchased",
    "expiration_policy": "Valid for five years.",
    "redemption_url": "https://brightleaf.example/redeem",
    "balance_url": "https://brightleaf.example/balance",
    "terms_url": None,
    "disclosure": "",
    "denominations": [
        {"id": "c1f0a2b4-5d6e-4f70-8a91-b2c3d4e5f607", "value": "25.00", "currency": "USD"},
        {"id": "c1f0a2b4-5d6e-4f70-8a91-b2c3d4e5f608", "value": "50.00", "currency": "USD"},
    ],
}


class BrandsView(APIView):
    """The brands on offer."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="list_brands",
        summary="List brands and values",
        description="What can be handed out in the key's scope, from the oldest brand to the"
        " newest: for a client what its agency offers and it wants, for an agency what it offers,"
        " for the platform all that is switched on. A brand without such a value is left out."
        " Scope `inventory:read`.",
        parameters=[ListQuery],
        responses={200: page_of(BrandOutput), **problems(401, 403, 404)},
        examples=[
            OpenApiExample(
                "One brand",
                value={"next": None, "previous": None, "results": [_BRAND]},
                response_only=True,
                status_codes=["200"],
                media_type="application/json",
            )
        ],
        tags=["Inventory"],
    )
    def get(self, request: Request) -> Response:
        viewer = require_scope(request, "inventory:read").viewer
        query = read_query(ListQuery, request)
        brands = list_offered_brands(viewer=viewer)
        page = paginate(request, brands, query=query, order=["created_at", "id"])
        values = list_offered_values(viewer=viewer, brand_ids=[brand.pk for brand in page.rows])
        printed = page.printed(print_brand(brand, values[brand.pk]) for brand in page.rows)
        return Response(printed, headers=NO_STORE)


def print_brand(brand: Brand, values: list[OfferedValue]) -> dict[str, Any]:
    """Print a brand with the values on offer."""
    return {
        "id": str(brand.pk),
        "name": brand.name,
        "slug": brand.slug,
        "card_format": brand.card_format,
        "card_class": brand.card_class,
        "expiration_policy": brand.expiration_policy,
        "redemption_url": brand.redemption_url or None,
        "balance_url": brand.balance_url or None,
        "terms_url": brand.terms_url or None,
        "disclosure": brand.disclosure,
        "denominations": [
            {
                "id": str(value.denomination_id),
                "value": format_amount(value.value_minor, value.currency),
                "currency": value.currency,
            }
            for value in values
        ],
    }
