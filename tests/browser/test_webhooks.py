"""A webhook endpoint from its making to a replay, as an operator goes that way."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from alerts.models import WebhookEndpoint
from tests.alerts.hooking import Receiver, send
from tests.browser.conftest import Visitor
from tests.redemption.asking import ask
from tests.world import build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class TestAnEndpoint:
    def test_is_made_tried_and_replayed(self, operator: Visitor, site: str) -> None:
        world = build_world()
        world.stock(1)
        page = operator.page
        with Receiver() as receiver:
            page.goto(f"{site}/admin/alerts/webhookendpoint/add/")
            page.get_by_label("Client", exact=True).select_option(label=str(world.client))
            page.get_by_label("Address", exact=True).fill("https://10.0.0.1/")
            assert operator.fits()
            page.get_by_role("button", name="Make it").click()
            expect(page.get_by_text("not a public one")).to_be_visible()
            page.get_by_label("Address", exact=True).fill(receiver.url)
            page.get_by_role("button", name="Make it").click()
            secret = page.locator("#webhook-secret").inner_text()
            assert operator.fits()

            ask(world.invite()[0])
            receiver.answers = [(503, {}, b"down for maintenance"), 204]
            assert send() == 1
            endpoint = WebhookEndpoint.objects.get()
            page.goto(f"{site}/admin/alerts/webhookendpoint/")
            expect(page.get_by_text("0 % of 1")).to_be_visible()
            assert operator.fits()
            page.goto(f"{site}/admin/alerts/webhookendpoint/{endpoint.pk}/change/")
            expect(page.get_by_text("Answered 503.").first).to_be_visible()
            assert operator.fits()
            assert send(later=60) == 1
            page.get_by_role("link", name="All that it was sent").click()
            expect(page.get_by_role("link", name="redemption.issued").first).to_be_visible()
            assert operator.fits()
            page.get_by_role("link", name="redemption.issued").first.click()
            expect(page.get_by_text("down for maintenance")).to_be_visible()
            assert operator.fits()
            operator.open_actions()
            page.locator("a:visible", has_text=re.compile("Replay")).first.click()
            page.get_by_role("button", name="Send it").click()
            expect(page.get_by_text("is on its way once more")).to_be_visible()
            assert send() == 1
            assert {post.id for post in receiver.posts} == {receiver.posts[0].id}
            assert all(post.is_signed_with(secret) for post in receiver.posts)
        assert operator.complaints == []
