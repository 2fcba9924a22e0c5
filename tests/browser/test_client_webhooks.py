"""The page of a client's webhooks as its manager uses it: wide and narrow, light and dark."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, expect

from credit.models import Membership
from credit.selectors.viewers import SYSTEM
from redemption.services.webhook_endpoints import send_test_event
from tests.alerts.hooking import Receiver, now_and, send, subscribe
from tests.browser.axe import violations_in_both
from tests.browser.conftest import Visitor
from tests.staff import make_user
from tests.world import build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class TestClientWebhooks:
    @pytest.mark.parametrize("width", [1280, 390])
    def test_shows_what_was_sent_and_sends_it_again(
        self, browser: Browser, contexts: list[BrowserContext], site: str, width: int
    ) -> None:
        world = build_world()
        user = make_user(is_staff=False)
        role = Membership.Role.CLIENT_MANAGER
        Membership.objects.create(user=user, role=role, client=world.client)
        visitor = Visitor(browser, contexts, width=width)
        visitor.be(user, site)
        page = visitor.page
        with Receiver() as receiver:
            endpoint, _ = subscribe(world.client, f"{receiver.url}/{'very-long-' * 20}")
            receiver.answers = [204, (503, {}, b"down")]
            for _ in range(2):
                send_test_event(viewer=SYSTEM, endpoint_id=endpoint.pk, now=now_and())
                send()
            page.goto(site + reverse("client-overview", args=[world.client.pk]))
            page.get_by_role("link", name="Webhooks").click()
            expect(page.get_by_role("heading", name="Webhooks")).to_be_visible()
            expect(page.get_by_text("Answered 503.").first).to_be_visible()
            assert visitor.fits()
            assert violations_in_both(page) == []
            # What is still on its way has no button.
            page.get_by_role("button", name="Replay").click()
            expect(page.get_by_text("is on its way once more")).to_be_visible()
            assert visitor.fits()
            send(later=1)
            first, _, again = receiver.posts
            assert again.id == first.id
        assert visitor.complaints == []
