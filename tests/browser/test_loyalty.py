"""The demo's shop in a real browser: every page of points, at a desk and on a phone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from playwright.sync_api import expect

from config.demo_data.loyalty import describe_shop, seed_loyalty
from config.demo_data.plan import DEMO_CLIENT
from credit.models import User
from loyalty.models import Checkout, Customer, LoyaltyProgram, ReconciliationItem
from loyalty.selectors.integrity import check_points
from tests.browser.conftest import Visitor
from tests.world import build_world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "owner"]),
]


def open_demo_shop() -> None:
    """Let the demo's month pass, twice begun."""
    client = build_world().client
    client.slug = DEMO_CLIENT
    client.save(update_fields=["slug"])
    now = datetime.now(UTC)
    for _ in range(2):
        seed_loyalty(now=now)


def addresses() -> dict[str, str]:
    """Return the pages to look at, by the name of their picture."""
    pages = {
        name: reverse(f"admin:loyalty_{name}") for name in ("statistics", "activity", "integrity")
    }
    lists = (
        "customer", "checkout", "reconciliationitem", "loyaltyprogram", "stockitem",
        "registersession", "refund", "reward", "loyaltytransaction",
    )  # fmt: skip
    pages |= {f"{name}-list": reverse(f"admin:loyalty_{name}_changelist") for name in lists}
    customer = Customer.objects.get(pk=describe_shop()["loyalty"]["customer_id"])
    item = ReconciliationItem.objects.get()
    return pages | {
        "customer": reverse("admin:loyalty_customer_change", args=[customer.pk]),
        "adjust": reverse("admin:loyalty_customer_adjust_points", args=[customer.pk]),
        "checkout": reverse("admin:loyalty_checkout_change", args=[item.checkout_id]),
        "owed": reverse("admin:loyalty_reconciliationitem_change", args=[item.pk]),
        "program": reverse(
            "admin:loyalty_loyaltyprogram_change", args=[LoyaltyProgram.objects.get().pk]
        ),
    }


def ends_inside(visitor: Visitor, heading: str) -> bool:
    """Tell whether a list's column is seen as a whole, without scrolling to the side."""
    column = visitor.page.get_by_role("columnheader", name=heading)
    return bool(
        column.evaluate(
            "cell => { for (let box = cell.parentElement; box; box = box.parentElement)"
            " if (cell.getBoundingClientRect().right > box.getBoundingClientRect().right + 1)"
            " return false;"
            " return cell.getBoundingClientRect().right <= document.documentElement.clientWidth }"
        )
    )


class TestPages:
    def test_show_the_demos_shop(self, operator: Visitor, site: str) -> None:
        for user in User.objects.filter(is_staff=True):
            user.user_permissions.set(Permission.objects.filter(codename="adjust_points"))
        open_demo_shop()
        assert (Customer.objects.count(), Checkout.objects.count()) == (30, 151)
        assert {check.broken.count for check in check_points(now=datetime.now(UTC))} == {0}
        page = operator.page
        for name, address in addresses().items():
            operator.look_at(site + address, picture=f"loyalty-{name}")
            if name == "checkout-list" and operator.width == 1280:
                assert ends_inside(operator, "Created")
                # The control: with the words of the checkout's own page it would not.
                page.locator("td.field-points_state span").first.evaluate(
                    "badge => { badge.textContent = 'Points are still to come';"
                    " badge.style.whiteSpace = 'nowrap' }"
                )
                assert not ends_inside(operator, "Created")

    def test_replay_what_is_owed_by_a_press(self, operator: Visitor, site: str) -> None:
        open_demo_shop()
        item = ReconciliationItem.objects.get()
        page = operator.page
        page.goto(site + reverse("admin:loyalty_reconciliationitem_change", args=[item.pk]))
        operator.open_actions()
        page.locator("a:visible", has_text="Replay").first.click()
        page.get_by_role("button", name="Apply them").click()
        expect(page.get_by_text("Applied. The customer's balance is")).to_be_visible()
        item.refresh_from_db()
        assert item.resolved
        assert Checkout.objects.get(pk=item.checkout_id).loyalty == "applied"
