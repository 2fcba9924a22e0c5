"""The admin's page about an address: what is known of it, and what is decided there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client as Browser

from credit.models import AuditEvent
from redemption.models import AddressAllow, AddressBlock, AddressClearing
from redemption.throttling import BlockedError
from tests.redemption.guarding import attempt, empty_counters, fail, moment, shipped_limits
from tests.staff import make_platform_admin, sign_in
from tests.world import NOW

__all__ = ["empty_counters", "shipped_limits"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shipped_limits")]

PAGE = "/admin/redemption/addressblock/look-up/"


@pytest.fixture
def operator() -> Browser:
    return sign_in(make_platform_admin())


def decide(operator: Browser, step: str, *, address: str = "203.0.113.7", **fields: str) -> Any:
    return operator.post(
        f"{PAGE}?address={address}",
        {"step": step, "reason": "They called.", "lasts": "24", **fields},
        follow=True,
    )


class TestLookUp:
    def test_is_not_for_strangers(self) -> None:
        assert Browser().get(PAGE).status_code == 302

    def test_tells_attempts_counters_and_decisions(self, operator: Browser) -> None:
        for _ in range(3):
            fail(at=(datetime.now(UTC) - NOW).total_seconds())
        page = operator.get(f"{PAGE}?address=203.0.113.7").content.decode()
        assert "203.0.113.7/32: free to try" in page
        assert "3 of 5 within 5 minutes" in page
        assert "3 of 20 within 24 hours" in page
        assert page.count("Unknown code") == 3

    @pytest.mark.parametrize("asked", ["nonsense", "1.2.3.4/2", "300.1.1.1"])
    def test_says_what_an_address_looks_like(self, operator: Browser, asked: str) -> None:
        answer = operator.get(PAGE, {"address": asked})
        assert answer.status_code == 200
        assert 'role="alert"' in answer.content.decode()

    def test_of_ipv6_is_about_the_64(self, operator: Browser) -> None:
        page = operator.get(PAGE, {"address": "2001:db8:1:2::77"}).content.decode()
        assert "2001:db8:1:2::/64: free to try" in page


class TestDecisions:
    def test_block_and_unblock(self, operator: Browser) -> None:
        decide(operator, "block")
        block = AddressBlock.objects.get()
        assert (block.network, block.reason) == ("203.0.113.7/32", "They called.")
        assert block.until is not None
        with pytest.raises(BlockedError):
            attempt()
        assert "203.0.113.7/32: blocked" in decide(operator, "block", reason="").content.decode()
        assert AddressBlock.objects.count() == 1
        decide(operator, f"block:{block.pk}")
        attempt()
        block.refresh_from_db()
        assert block.lifted_at is not None
        assert block.lift_reason == "They called."
        actions = AuditEvent.objects.order_by("at", "pk").values_list("action", flat=True)
        assert list(actions) == ["address.blocked", "address.unblocked"]
        again = decide(operator, f"block:{block.pk}").content.decode()
        assert "It was lifted before." in again

    def test_allow_what_is_blocked(self, operator: Browser) -> None:
        decide(operator, "block", address="203.0.113.0/24")
        decide(operator, "allow", lasts="")
        assert AddressAllow.objects.get().until is None
        for _ in range(9):
            attempt()
        with pytest.raises(BlockedError):
            attempt(address="203.0.113.8")

    def test_unblocking_begins_anew(self, operator: Browser) -> None:
        for number in range(20):
            fail(at=number * 100)
        block = AddressBlock.objects.get()
        decide(operator, f"block:{block.pk}")
        clearing = AddressClearing.objects.get()
        AddressClearing.objects.update(created_at=block.created_at)
        assert clearing.network == "203.0.113.7/32"
        fail(at=5000)
        assert AddressBlock.objects.filter(lifted_at=None).count() == 0

    def test_clear_and_undo(self, operator: Browser) -> None:
        for number in range(19):
            fail(at=number * 100)
        decide(operator, "clear")
        clearing = AddressClearing.objects.get()
        AddressClearing.objects.update(created_at=moment(1900))
        fail(at=1950)
        assert not AddressBlock.objects.exists()
        decide(operator, f"clearing:{clearing.pk}")
        fail(at=2300)
        assert AddressBlock.objects.count() == 1

    def test_needs_a_button_that_is_there(self, operator: Browser) -> None:
        for step in ("", "other", "block:x", "nothing:1"):
            assert "Choose one of the buttons." in decide(operator, step).content.decode()
        assert not AddressBlock.objects.exists()


class TestLists:
    @pytest.mark.parametrize(
        "name", ["attemptlog", "addressblock", "addressallow", "addressclearing"]
    )
    def test_open_and_find_an_address(self, operator: Browser, name: str) -> None:
        fail(code="ABCD-1")
        decide(operator, "block")
        decide(operator, "allow")
        decide(operator, "clear")
        for query in ("", "?q=203.0.113.7", "?q=nothing"):
            assert operator.get(f"/admin/redemption/{name}/{query}").status_code == 200
        found = operator.get(f"/admin/redemption/{name}/?q=203.0.113.7").content.decode()
        assert "203.0.113.7/32" in found

    def test_attempts_are_found_by_their_code(self, operator: Browser) -> None:
        fail(code="ABCD-1")
        assert "203.0.113.7/32" in operator.get(
            "/admin/redemption/attemptlog/?q=abcd1"
        ).content.decode()  # fmt: skip
