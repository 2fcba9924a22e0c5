"""The admin in a real browser: its policy against foreign scripts lets all of its own run."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, expect

from alerts.models import Alert
from alerts.services.alerts import raise_alert
from giftcards.models import GiftCard, Pool
from redemption.models import Campaign, Redemption
from redemption.services.redeem import Caller, Contact, redeem
from tests.browser.conftest import Visitor
from tests.staff import make_platform_admin
from tests.world import NOW, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def operator(browser: Browser, contexts: list[BrowserContext], site: str) -> Visitor:
    """A platform admin who has just signed in by the form."""
    visitor = Visitor(browser, contexts, width=1280)
    visitor.be(make_platform_admin(), site)
    return visitor


class TestAdminInABrowser:
    def test_opens_lists_details_and_forms_without_a_complaint(
        self, operator: Visitor, site: str
    ) -> None:
        world = build_world()
        world.stock(1)
        redeem(
            caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
            contact=Contact(method="sms", to="+15005550006"),
            code=world.invite()[0],
            now=NOW,
        )
        card = GiftCard.objects.get()
        addresses = [
            reverse("admin:index"),
            reverse("admin:error_catalogue"),
            reverse("admin:redemption_redemption_changelist"),
            reverse("admin:redemption_redemption_change", args=[Redemption.objects.get().pk]),
            reverse("admin:giftcards_giftcard_change", args=[card.pk]),
            reverse("admin:giftcards_pool_changelist"),
            reverse("admin:giftcards_pool_change", args=[Pool.objects.get().pk]),
            reverse("admin:redemption_campaign_change", args=[Campaign.objects.get().pk]),
            reverse("admin:redemption_campaign_add"),
            reverse("admin:credit_user_add"),
            reverse("admin:sms_messagetemplate_add"),
            reverse("admin:django_celery_beat_periodictask_add"),
        ]
        for address in addresses:
            operator.look_at(site + address)

    def test_resolves_an_alert_from_its_page(self, operator: Visitor, site: str) -> None:
        alert = raise_alert(
            kind="x", severity=Alert.Severity.WARNING, subject="Look", dedupe_key="x", now=NOW
        )
        page = operator.page
        page.goto(site + reverse("admin:alerts_alert_change", args=[alert.pk]))
        page.get_by_role("link", name="Resolve").click()
        page.get_by_role("button", name="Resolve").click()
        expect(page.get_by_text("Resolved “Look”.")).to_be_visible()
        alert.refresh_from_db()
        assert alert.state == "resolved"
        assert operator.complaints == []

    def test_finds_the_client_of_a_new_campaign_by_typing(
        self, operator: Visitor, site: str
    ) -> None:
        world = build_world()
        page = operator.page
        page.goto(site + reverse("admin:redemption_campaign_add"))
        page.get_by_label("Name").first.fill("Spring")
        page.locator(".field-client .select2-selection").click()
        page.locator(".select2-search__field").fill("Acorn")
        page.locator(".select2-results__option", has_text="Acorn Ltd").click()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("was added successfully")).to_be_visible()
        campaign = Campaign.objects.get(name="Spring")
        assert (campaign.client, campaign.account) == (world.client, world.account)
        assert operator.complaints == []
