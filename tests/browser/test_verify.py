"""Proving the database and planting a canary, as an operator does in a browser."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import expect

from alerts.services.verification import verify_asked
from credit.models import User
from redemption.models import Canary
from tests.browser.conftest import Visitor
from tests.database import housekeeping, is_superuser
from tests.world import build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class TestTheProof:
    @pytest.mark.skipif(not is_superuser(), reason="only a superuser gets past the triggers")
    def test_is_asked_for_and_followed_on_its_page(self, operator: Visitor, site: str) -> None:
        world = build_world()
        with housekeeping() as connection:
            connection.execute(
                "UPDATE credit_account SET balance_minor = balance_minor + 1 WHERE id = %s",
                [world.account.pk],
            )
        page = operator.page
        page.goto(f"{site}/admin/verify/")
        page.get_by_role("button", name="Prove it now").click()
        expect(page.get_by_text("Waits for a worker").first).to_be_visible()
        # A worker does it; nobody has pressed anything since.
        verify_asked(now=datetime.now(UTC))
        expect(page.get_by_text("1 broken").first).to_be_visible()
        expect(page.get_by_text(str(world.account.pk))).to_be_visible()
        page.get_by_text("All of its proofs, the slowest first").click()
        expect(page.get_by_text("one-reward-each")).to_be_visible()
        assert operator.fits()
        assert operator.complaints == []


class TestACanary:
    def test_is_planted_and_shown_once(self, operator: Visitor, site: str) -> None:
        rights = Permission.objects.filter(codename__in=["export_codes", "reveal_card"])
        for user in User.objects.filter(is_staff=True):
            user.user_permissions.set(rights)
        world = build_world()
        page = operator.page
        page.goto(f"{site}/admin/redemption/canary/plant/")
        page.get_by_label("Campaign").select_option(label=world.campaign.name)
        page.get_by_label("Note").fill("The mail house's file of March, the last line")
        page.get_by_role("button", name="Plant it and show the code").click()
        expect(page.get_by_text("the only time its code is shown")).to_be_visible()
        code = page.locator("dd b").inner_text()
        assert operator.fits()
        page.get_by_role("link", name="All canaries").click()
        expect(page.get_by_text("The mail house's file of March")).to_be_visible()
        assert code not in page.content()
        assert Canary.objects.get().campaign_id == world.campaign.pk
        assert operator.fits()
        assert operator.complaints == []
