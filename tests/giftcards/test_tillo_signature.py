"""How requests to Tillo are signed."""

import time

import pytest

from giftcards.providers.tillo_signature import sign_request
from tests.giftcards.tillo_fixture import API_KEY, SECRET_KEY, connect, new_order
from tests.giftcards.vendor_stub import VendorStub

# Computed by `openssl dgst -sha256 -hmac tillo-test-secret` over the text beside each.
SIGNATURES = {
    "tillo-test-key-POST-digital-issue-order-0001-amazon-us-1533025425488": (
        "95c72192fa09e91c55a14092892eea33da5a40c7d0c7464c2dbc1a901c73b02f"
    ),
    "tillo-test-key-DELETE-digital-issue-undo-0001-amazon-us-1533025425488": (
        "9d4dc45a8042bce2854846e6616eebc09497e1afa379e4a1ba56cd2847042016"
    ),
    "tillo-test-key-GET-check-stock-starbucks-us-1533025425488": (
        "0e579012676e14e8909f8602d0fcd01654aed70b279a3cd35b72aba6cc4ad1a2"
    ),
    "tillo-test-key-GET-brands-1533025425488": (
        "736cf9a41547ba00db96034530bc0ad851a3ae37512eefc5170e30c93b8ccbbd"
    ),
    "tillo-test-key-GET-digital-order-status-1533025425488": (
        "be92ec274e970aa03464ef7a094b2d914368bd32bc6fab0ea86172e0df1becd6"
    ),
    "tillo-test-key-POST-digital-order-card-order-0001-amazon-us-1533025425488": (
        "3d38287c5c98de82220059f454bab514ecc74a26ee8fcbf5e5241b85f53ee17b"
    ),
}
SIGNED = tuple(SIGNATURES)


class TestSignRequest:
    @pytest.mark.parametrize(
        ("signed", "method", "endpoint", "request_id", "brand"),
        [
            (SIGNED[0], "POST", "digital/issue", "order-0001", "amazon-us"),
            (SIGNED[1], "DELETE", "digital/issue", "undo-0001", "amazon-us"),
            (SIGNED[2], "GET", "check-stock", "", "starbucks-us"),
            (SIGNED[3], "GET", "brands", "", ""),
            (SIGNED[4], "GET", "digital/order-status", "", ""),
            (SIGNED[5], "POST", "digital/order-card", "order-0001", "amazon-us"),
        ],
    )
    def test_follows_the_written_rule(
        self, signed: str, method: str, endpoint: str, request_id: str, brand: str
    ) -> None:
        signature = sign_request(
            api_key=API_KEY,
            secret_key=SECRET_KEY,
            method=method,
            endpoint=endpoint,
            timestamp=1533025425488,
            request_id=request_id,
            brand=brand,
        )
        assert signature == SIGNATURES[signed]

    def test_is_what_goes_over_the_wire(self, vendor: VendorStub) -> None:
        tillo = connect(vendor.url, clock=lambda: 1533025425488)
        order = new_order(request_id="order-0001")
        tillo.issue(order)
        tillo.cancel(order, request_id="undo-0001", code="AMZN-1")
        tillo.order_status(order)
        sent = [
            (one.method, one.target, one.headers["Signature"], one.headers["Timestamp"])
            for one in vendor.asked
        ]
        keys = list(SIGNATURES.values())
        status = "/digital/order-status?original_client_request_id=order-0001"
        assert sent == [
            ("POST", "/digital/issue", keys[0], "1533025425488"),
            ("DELETE", "/digital/issue", keys[1], "1533025425488"),
            ("GET", status, keys[4], "1533025425488"),
        ]
        assert {one.headers["API-Key"] for one in vendor.asked} == {API_KEY}

    def test_signs_the_milliseconds_of_now(self, vendor: VendorStub) -> None:
        before = time.time_ns() // 1_000_000
        connect(vendor.url).issue(new_order())
        assert before <= int(vendor.asked[0].headers["Timestamp"]) <= time.time() * 1000
