"""A source of CRM events from its making to its first reward, as an operator goes that way."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from redemption.models import Condition, EventSource, InboundEvent
from tests.browser.conftest import Visitor
from tests.redemption.reporting import EVENT_NAME, Crm, add_contact
from tests.world import build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SAMPLE = '{"kind": "appointment.kept", "person": {"id": 4711}}'


class TestASource:
    def test_is_made_set_up_and_its_event_replayed(self, operator: Visitor, site: str) -> None:
        world = build_world()
        world.stock(1)
        Condition.objects.filter(pk=world.condition.pk).update(crm_event_name=EVENT_NAME)
        page = operator.page
        page.goto(f"{site}/admin/redemption/eventsource/add/")
        page.get_by_label("Client", exact=True).select_option(label=str(world.client))
        page.get_by_label("Name", exact=True).fill("acorn-crm")
        page.get_by_role("button", name="Make it").click()
        secret = page.locator("#event-secret").inner_text()
        crm = Crm(world=world, source=EventSource.objects.get(), secret=secret)
        # SHOT secret
        assert operator.fits()

        page.get_by_role("link", name="Say where its events have what we ask for").click()
        page.get_by_label("Event type").fill("$.kind")
        page.get_by_label("Contact id").fill("$.contact.id")
        page.get_by_label("Campaign", exact=True).select_option(label=str(world.campaign))
        page.get_by_label("A body to try it on").fill(SAMPLE)
        trial = page.locator("#event-trial")
        expect(trial).to_contain_text("Not found: contact_id at $.contact.id.")
        page.get_by_label("Contact id").fill("$.person.id")
        expect(trial).to_contain_text("4711 is unknown")
        # SHOT set_up
        assert operator.fits()
        page.get_by_role("button", name="Keep it").click()
        expect(page.get_by_text("Kept. The next event is read like this.")).to_be_visible()
        expect(page.locator("#event-curl")).to_contain_text(f"{site}/api/v1/events/acorn-crm/")
        # SHOT source
        assert operator.fits()

        crm.report({"kind": EVENT_NAME, "person": {"id": 4711}}, event_id="evt-1")
        page.goto(f"{site}/admin/redemption/inboundevent/")
        # SHOT list
        page.get_by_role("link", name="evt-1").click()
        expect(page.get_by_text("Add the person to the campaign with this")).to_be_visible()
        assert operator.fits()
        # SHOT event
        add_contact(world, "4711", phone="+12025550123")
        operator.open_actions()
        page.locator("a:visible", has_text="Replay").first.click()
        page.get_by_role("button", name="Replay it").click()
        expect(page.get_by_text("Rewarded.")).to_be_visible()
        assert InboundEvent.objects.get().outcome == "issued"
        # SHOT replayed
        assert operator.complaints == []
