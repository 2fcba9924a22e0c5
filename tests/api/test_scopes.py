"""Each address demands its scope, that scope suffices, and the refusal names it."""

from __future__ import annotations

import pytest
from django.test import Client as HttpClient

from credit.services.api_keys import SCOPES
from tests.api.addresses import Operation, operations, schema
from tests.api.serving import make_secret

pytestmark = pytest.mark.django_db(transaction=True)

# Any one of these will do; an address that is missing here fails the test.
DEMANDED = {
    "GET /accounts/": {"credit:read"},
    "GET /accounts/{account_id}/": {"credit:read"},
    "GET /accounts/{account_id}/entries/": {"credit:read"},
    "GET /accounts/{account_id}/statement/": {"credit:read"},
    "POST /allocations/": {"credit:allocate"},
    "GET /brands/": {"inventory:read"},
    "GET /campaigns/": {"redeem", "provision", "credit:read", "inventory:read"},
    "POST /campaigns/{campaign_id}/recipients/": {"recipients:write"},
    "POST /codes/validate/": {"redeem"},
    "GET /loyalty/checkouts/": {"loyalty"},
    "POST /loyalty/checkouts/": {"loyalty"},
    "GET /loyalty/checkouts/{checkout_id}/": {"loyalty"},
    "POST /loyalty/checkouts/{checkout_id}/refund/": {"loyalty"},
    "GET /loyalty/customers/": {"loyalty"},
    "POST /loyalty/customers/": {"loyalty"},
    "GET /loyalty/customers/{customer_id}/": {"loyalty"},
    "PATCH /loyalty/customers/{customer_id}/": {"loyalty"},
    "GET /loyalty/customers/{customer_id}/transactions/": {"loyalty"},
    "POST /loyalty/quotes/": {"loyalty"},
    "GET /loyalty/reconciliation/": {"loyalty"},
    "POST /loyalty/reconciliation/{item_id}/replay/": {"loyalty"},
    "POST /loyalty/reconciliation/{item_id}/resolve/": {"loyalty"},
    "GET /loyalty/register-sessions/": {"loyalty"},
    "POST /loyalty/register-sessions/": {"loyalty"},
    "GET /loyalty/register-sessions/{session_id}/": {"loyalty"},
    "POST /loyalty/register-sessions/{session_id}/close/": {"loyalty"},
    "POST /loyalty/rewards/": {"loyalty"},
    "GET /loyalty/stock-items/": {"loyalty"},
    "POST /loyalty/stock-items/": {"loyalty"},
    "GET /loyalty/stock-items/{stock_item_id}/": {"loyalty"},
    "POST /monitoring/runs/": {"monitoring"},
    "GET /pools/": {"inventory:read"},
    "GET /pools/{pool_id}/": {"inventory:read"},
    "POST /pools/{pool_id}/cards/": {"inventory:write"},
    "POST /pools/{pool_id}/sell/": {"inventory:write"},
    "POST /provision/": {"provision"},
    "GET /redemptions/": {"redeem"},
    "POST /redemptions/": {"redeem"},
    "GET /redemptions/{redemption_id}/": {"redeem"},
    "POST /redemptions/{redemption_id}/cancel/": {"redeem"},
    "POST /redemptions/{redemption_id}/replace/": {"provision"},
    "POST /redemptions/{redemption_id}/resend/": {"redeem"},
    "GET /webhook-endpoints/": {"webhooks"},
    "POST /webhook-endpoints/": {"webhooks"},
    "GET /webhook-endpoints/{endpoint_id}/": {"webhooks"},
    "PATCH /webhook-endpoints/{endpoint_id}/": {"webhooks"},
    "DELETE /webhook-endpoints/{endpoint_id}/": {"webhooks"},
    "GET /webhook-endpoints/{endpoint_id}/deliveries/": {"webhooks"},
    "POST /webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/replay/": {"webhooks"},
    "POST /webhook-endpoints/{endpoint_id}/rotate-secret/": {"webhooks"},
    "POST /webhook-endpoints/{endpoint_id}/test/": {"webhooks"},
}
# Signed, not keyed.
WITHOUT_KEY = {"POST /events/{source}/"}


def ask(operation: Operation, secret: str) -> tuple[int, dict[str, object]]:
    response = HttpClient().generic(
        operation.method,
        operation.path,
        b"{}" if operation.method == "POST" else b"",
        content_type="application/json",
        headers={"Authorization": f"Api-Key {secret}", "Idempotency-Key": "one"},
    )
    return response.status_code, response.json()


class TestScopes:
    def test_are_those_of_the_contract(self) -> None:
        assert set(SCOPES) == {
            "redeem",
            "provision",
            "cards:reveal",
            "inventory:read",
            "inventory:write",
            "recipients:write",
            "credit:read",
            "credit:allocate",
            "events",
            "loyalty",
            "webhooks",
            "monitoring",
        }

    def test_are_decided_for_every_address(self) -> None:
        assert {str(one) for one in operations()} == set(DEMANDED) | WITHOUT_KEY

    @pytest.mark.parametrize("operation", operations(), ids=str)
    def test_are_demanded_and_named(self, operation: Operation) -> None:
        demanded = DEMANDED.get(str(operation))
        if demanded is None:
            return
        for scope in SCOPES:
            status, body = ask(operation, make_secret(None, (scope,)))
            if scope in demanded:
                assert status != 403, (scope, body)
            else:
                assert (status, body["code"]) == (403, "GC-110"), scope
                assert set(str(body["scope"]).split(", ")) == demanded

    def test_are_named_on_the_openapi_page(self) -> None:
        for one in operations():
            for scope in DEMANDED.get(str(one), set()):
                assert f"`{scope}`" in one.described["description"], (str(one), scope)
        assert "ApiKey" in schema()["components"]["securitySchemes"]
