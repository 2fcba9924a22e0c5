"""The campaigns for which a partner may redeem, and what each of their conditions earns."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from credit.api.authentication import ApiKeyAuthentication, require_scope
from credit.api.headers import NO_STORE
from credit.api.inputs import IdField, read_query
from credit.api.pagination import ListQuery, page_of, paginate
from credit.api.problems import problems
from credit.money import format_amount
from redemption.models import Campaign, Condition
from redemption.selectors.campaigns import campaigns_of


class CampaignsQuery(ListQuery):
    client_id = IdField(required=False, help_text="Of this client only.")
    status = serializers.ChoiceField(
        choices=Campaign.Status.values, required=False, help_text="In this state only."
    )


class ConditionOutput(serializers.Serializer[Any]):
    """Describes an answer; never run."""

    number = serializers.IntegerField()
    name = serializers.CharField()
    brand = serializers.CharField(allow_null=True)
    brand_id = serializers.UUIDField(allow_null=True)
    value = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    is_active = serializers.BooleanField()


class CampaignOutput(serializers.Serializer[Any]):
    """Describes an answer; never run."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    client_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Campaign.Status.values)
    budget_mode = serializers.ChoiceField(choices=Campaign.BudgetMode.values)
    account_id = serializers.UUIDField(allow_null=True)
    conditions = ConditionOutput(many=True)


_CAMPAIGN = {
    "id": "8b0f5a55-7f0e-4a52-9d5a-0d8f5b1f2c11",
    "name": "Spring visits",
    "client_id": "3d9a1c7e-2b4f-4d8a-8e6c-5a7b9c0d1e03",
    "status": "active",
    "budget_mode": "shared",
    "account_id": "0b6c5d4e-3f2a-4b19-8c07-d6e5f4a3b205",
    "conditions": [
        {
            "number": 1,
            "name": "Came to the appointment",
            "brand": "Solmara Brightleaf",
            "brand_id": "2b8e6f10-7d4c-4a39-9e15-8c7b6a5d4e02",
            "value": "25.00",
            "currency": "USD",
            "is_active": True,
        }
    ],
}


class CampaignsView(APIView):
    """The campaigns in the key's scope."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="list_campaigns",
        summary="List campaigns",
        description="From the oldest to the newest, drafts and ended ones too. `account_id` is the"
        " account that pays: the campaign's own where `budget_mode` is `isolated`, or else the"
        " client's, or the agency's where the agency pays. One of the scopes `redeem`,"
        " `provision`, `credit:read`, `inventory:read`.",
        parameters=[CampaignsQuery],
        responses={200: page_of(CampaignOutput), **problems(401, 403, 404)},
        examples=[
            OpenApiExample(
                "One campaign",
                value={"next": None, "previous": None, "results": [_CAMPAIGN]},
                response_only=True,
                status_codes=["200"],
                media_type="application/json",
            )
        ],
        tags=["Redemptions"],
    )
    def get(self, request: Request) -> Response:
        partner = require_scope(request, "redeem", "provision", "credit:read", "inventory:read")
        query = read_query(CampaignsQuery, request)
        campaigns = campaigns_of(
            viewer=partner.viewer,
            client_id=query.get("client_id"),
            status=query.get("status"),
        )
        page = paginate(request, campaigns, query=query, order=["created_at", "id"])
        return Response(page.printed(map(print_campaign, page.rows)), headers=NO_STORE)


def print_campaign(campaign: Campaign) -> dict[str, Any]:
    """Print a campaign with its conditions by their numbers."""
    return {
        "id": str(campaign.pk),
        "name": campaign.name,
        "client_id": str(campaign.client_id),
        "status": campaign.status,
        "budget_mode": campaign.budget_mode,
        "account_id": None if campaign.account_id is None else str(campaign.account_id),
        "conditions": [_print_condition(condition) for condition in campaign.conditions.all()],
    }


def _print_condition(condition: Condition) -> dict[str, Any]:
    value_minor = condition.card_value_minor
    return {
        "number": condition.number,
        "name": condition.name,
        "brand": None if condition.brand is None else condition.brand.name,
        "brand_id": None if condition.brand_id is None else str(condition.brand_id),
        "value": None if value_minor is None else format_amount(value_minor, condition.currency),
        "currency": condition.currency,
        "is_active": condition.is_active,
    }
