"""Each page that shows a problem leads to the chapter that says what to do about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client as Browser

from alerts.models import Alert
from giftcards.models import GiftCard, ProviderOrder
from redemption.models import AddressBlock, Redemption
from sms.models import ChannelStop, Message
from tests.alerts.incidents import make_alert
from tests.giftcards.ordering import order_card
from tests.redemption.asking import ask
from tests.staff import make_platform_admin, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    """A world in which one card is claimed, one person waits and the pool is empty."""
    world = build_world()
    world.stock(1)
    for code in world.invite(2):
        ask(code)
    return world


@pytest.fixture
def browser() -> Browser:
    return sign_in(make_platform_admin())


def leads_to(browser: Browser, address: str, chapter: str) -> bool:
    page = browser.get(address)
    assert page.status_code == 200, address
    return f'href="/admin/runbook/#{chapter}"' in page.text


def test_every_page_that_shows_a_problem_leads_there(world: World, browser: Browser) -> None:
    alert = make_alert()
    order = order_card(world)
    ProviderOrder.objects.filter(pk=order.pk).update(state="unknown", next_attempt_at=None)
    block = AddressBlock.objects.create(
        network="203.0.113.0/24", reason="guesses", created_by="system",
        until=datetime.now(UTC) + timedelta(days=1),
    )  # fmt: skip
    ChannelStop.objects.create(channel="sms", error_code="20003", stopped_at=NOW, probe_at=NOW)
    card = GiftCard.objects.get(status="claimed")
    assert card.holder_id is not None
    message = Message.objects.get(reference_id=card.holder_id)
    pages = {
        f"/admin/alerts/alert/{alert.pk}/change/": "empty-pool",
        f"/admin/giftcards/pool/{world.pool.pk}/change/": "empty-pool",
        "/admin/redemption/pendingreward/": "empty-pool",
        "/admin/giftcards/giftcard/?stuck=yes": "stuck-card",
        f"/admin/giftcards/giftcard/{card.pk}/change/": "stuck-card",
        "/admin/giftcards/providerorder/?state__exact=unknown": "provider-down",
        f"/admin/giftcards/providerorder/{order.pk}/change/": "provider-down",
        "/admin/giftcards/providercircuit/": "provider-down",
        "/admin/redemption/redemption/duplicates/": "duplicate-claim",
        "/admin/redemption/addressblock/": "too-many-attempts",
        f"/admin/redemption/addressblock/{block.pk}/change/": "too-many-attempts",
        "/admin/redemption/addressblock/look-up/?address=203.0.113.7": "too-many-attempts",
        "/admin/redemption/attemptlog/": "too-many-attempts",
        f"/admin/credit/account/{world.account.pk}/change/": "ledger-drift",
        "/admin/sms/message/": "text-not-delivered",
        f"/admin/sms/message/{message.pk}/change/": "text-not-delivered",
        "/admin/sms/channelstop/": "text-not-delivered",
        f"/admin/redemption/redemption/{card.holder_id}/did_not_come/": "text-not-delivered",
        "/reports/messages/": "text-not-delivered",
        "/admin/jobs/": "job-not-running",
    }
    lost = [page for page, chapter in pages.items() if not leads_to(browser, page, chapter)]
    assert lost == []


def test_a_page_without_the_problem_leads_nowhere(world: World, browser: Browser) -> None:
    world.stock(100)
    card = GiftCard.objects.filter(status="available").earliest("pk")
    for page, chapter in {
        f"/admin/giftcards/pool/{world.pool.pk}/change/": "empty-pool",
        "/admin/giftcards/giftcard/": "stuck-card",
        f"/admin/giftcards/giftcard/{card.pk}/change/": "stuck-card",
        "/admin/giftcards/providerorder/": "provider-down",
        f"/admin/credit/account/{world.account.pk}/change/": "credit-depleted",
    }.items():
        assert not leads_to(browser, page, chapter), page


def test_an_alert_leads_to_its_own_chapter(browser: Browser) -> None:
    for kind, chapter in (("ledger_audit", "ledger-drift"), ("canary", "canary")):
        alert = make_alert(kind=kind, severity=Alert.Severity.WARNING)
        assert leads_to(browser, f"/admin/alerts/alert/{alert.pk}/change/", chapter)
    assert Redemption.objects.count() == 0
