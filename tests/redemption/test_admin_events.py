"""Events and their sources in the admin: looked at, set up, tried out, replayed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from credit.models import AuditEvent
from redemption.models import EventSource, InboundEvent, Redemption
from redemption.services.inbound_events import process_events
from tests.redemption.reporting import Crm, add_contact, connect_crm, only_event
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

SAMPLE = '{"kind": "appointment.kept", "who": {"id": 4711}}'
REFUSED = (302, 403, 404)
PATHS = {
    "event_type": "$.kind",
    "contact_id": "$.who.id",
    "campaign_id": "",
    "occurred_at": "",
    "contact_method": "sms_then_email",
}


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def crm(world: World) -> Crm:
    return connect_crm(world)


@pytest.fixture
def admin() -> Browser:
    return sign_in(make_platform_admin())


def source_url(crm: Crm, way: str = "change") -> str:
    return reverse(f"admin:redemption_eventsource_{way}", args=[crm.source.pk])


def event_url(event: InboundEvent, way: str = "change") -> str:
    return reverse(f"admin:redemption_inboundevent_{way}", args=[event.pk])


def words_of(page: Any) -> str:
    return str(page.content.decode()).replace("&#x27;", "'")


class TestSource:
    def test_is_made_with_a_secret_that_is_shown_once(self, world: World, admin: Browser) -> None:
        url = reverse("admin:redemption_eventsource_add")
        page = admin.post(url, {"client": world.client.pk, "name": "acorn-crm"})
        secret = page.context["secret"]
        assert secret in words_of(page)
        assert "no-store" in page["Cache-Control"]
        source = EventSource.objects.get()
        assert connect(world, source, secret).report().status_code == 202
        for way in ("change", "set_up", "rotate"):
            url = reverse(f"admin:redemption_eventsource_{way}", args=[source.pk])
            assert secret.removeprefix("whsec_") not in words_of(admin.get(url))
        kept = AuditEvent.objects.get(action="event_source.created")
        assert secret not in str(kept.details)

    def test_says_that_a_name_is_taken(self, crm: Crm, admin: Browser) -> None:
        url = reverse("admin:redemption_eventsource_add")
        page = admin.post(url, {"client": crm.world.client.pk, "name": crm.source.name})
        assert "This name is taken." in words_of(page)
        assert EventSource.objects.count() == 1

    def test_rotates_with_an_overlap(self, crm: Crm, admin: Browser) -> None:
        page = admin.post(source_url(crm, "rotate"), {"days": 7})
        fresh = connect(crm.world, crm.source, page.context["secret"])
        assert [crm.report().status_code, fresh.report().status_code] == [200, 200]
        page = admin.post(source_url(crm, "rotate"), {"days": 7})
        assert "The secret before is still good" in words_of(page)
        page = admin.post(source_url(crm, "rotate"), {"days": 0})
        assert [crm.report().status_code, fresh.report().status_code] == [401, 401]

    def test_is_switched_off_and_on(self, crm: Crm, admin: Browser) -> None:
        admin.post(source_url(crm, "switch"), {"_form_submitted": "1"})
        assert crm.report().status_code == 401
        admin.post(source_url(crm, "switch"), {"_form_submitted": "1"})
        assert crm.report().status_code == 200
        assert AuditEvent.objects.filter(action="event_source.switched").count() == 2

    def test_says_how_it_is_called(self, crm: Crm, admin: Browser) -> None:
        crm.report(headers={"webhook-signature": "v1,AAAA"})
        page = words_of(admin.get(source_url(crm)))
        assert f"/api/v1/events/{crm.source.name}/" in page
        assert "openssl dgst -sha256" in page

    def test_is_no_strangers(self, crm: Crm) -> None:
        stranger = sign_in(make_agency_manager(crm.world.agency))
        for way in ("change", "set_up", "rotate"):
            assert stranger.get(source_url(crm, way)).status_code in REFUSED
        assert stranger.post(source_url(crm, "try_out"), PATHS).status_code in REFUSED
        assert stranger.post(source_url(crm, "set_up"), PATHS).status_code in REFUSED
        assert EventSource.objects.get().mapping == {}


class TestSetUp:
    def test_keeps_the_paths(self, crm: Crm, admin: Browser) -> None:
        paths = {**PATHS, "campaign": crm.world.campaign.pk, "contact_method": "email"}
        admin.post(source_url(crm, "set_up"), {**paths, "step": "keep", "sample": SAMPLE})
        source = EventSource.objects.get()
        assert source.mapping == {"event_type": "$.kind", "contact_id": "$.who.id"}
        assert (source.campaign, source.contact_method) == (crm.world.campaign, "email")
        kept = AuditEvent.objects.get(action="event_source.set_up")
        assert kept.details["before"]["mapping"] == {}
        assert "4711" not in str(kept.details)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"contact_id": "$..id"}, "Not understood from here on: ..id."),
            ({"contact_id": "who.id"}, "Start with $, and name one place"),
            ({"contact_id": ""}, "Say where the body has it, or leave all paths empty."),
            ({"campaign": ""}, "Say where the body has it, or choose the campaign."),
        ],
    )
    def test_says_what_is_wrong_with_a_path(
        self, crm: Crm, admin: Browser, changes: dict[str, str], words: str
    ) -> None:
        data = {**PATHS, "campaign": crm.world.campaign.pk, "step": "keep", **changes}
        assert words in words_of(admin.post(source_url(crm, "set_up"), data))
        assert EventSource.objects.get().mapping == {}

    @pytest.mark.parametrize("is_live", [True, False])
    def test_tries_a_sample_out(self, crm: Crm, admin: Browser, is_live: bool) -> None:
        data = {**PATHS, "campaign": crm.world.campaign.pk, "step": "try", "sample": SAMPLE}
        url = source_url(crm, "try_out" if is_live else "set_up")
        page = words_of(admin.post(url, data))
        assert "This would become a reward:" in page
        assert "4711 is known" in page
        assert "Text to •••0123" in page
        page = words_of(admin.post(url, {**data, "sample": SAMPLE.replace("4711", "4712")}))
        assert "This would be kept, and wait for a person:" in page
        assert "4712 is unknown" in page
        page = words_of(admin.post(url, {**data, "sample": '{"kind": 1}'}))
        assert "Not found: contact_id at $.who.id." in page
        assert "This is not JSON" in words_of(admin.post(url, {**data, "sample": "{"}))
        assert EventSource.objects.get().mapping == {}
        assert InboundEvent.objects.count() == Redemption.objects.count() == 0


class TestEvents:
    def test_are_found_by_what_one_has(self, crm: Crm, admin: Browser) -> None:
        crm.report(event_id="evt-1", contact_id="a")
        crm.report(event_id="evt-2", contact_id="b")
        url = reverse("admin:redemption_inboundevent_changelist")
        for term in ("evt-1", "a"):
            page = words_of(admin.get(url, {"q": term}))
            assert "evt-1" in page
            assert "evt-2" not in page
        page = words_of(admin.get(url, {"outcome__exact": "unmatched"}))
        assert "evt-1" in page
        assert "evt-1" not in words_of(admin.get(url, {"outcome__exact": "issued"}))

    def test_say_why_they_did_not_match_and_what_to_do(self, crm: Crm, admin: Browser) -> None:
        crm.report(contact_id="4712")
        page = words_of(admin.get(event_url(only_event())))
        assert "No recipient of the campaign has this contact id" in page
        assert "Add the person to the campaign with this contact id" in page
        assert "Kept encrypted for a replay" in page
        assert "Leeds" not in page

    def test_are_replayed_one_by_one(self, crm: Crm, admin: Browser) -> None:
        crm.report(contact_id="4712")
        event = only_event()
        url = event_url(event, "replay")
        page = admin.post(url, {"_form_submitted": "1"}, follow=True)
        assert "Not matched. No recipient of the campaign has this contact id" in words_of(page)
        add_contact(crm.world, "4712", phone="+12025550124")
        page = admin.post(url, {"_form_submitted": "1"}, follow=True)
        assert only_event().outcome == "issued"
        assert only_event().tries == 3
        # It is over: the button is gone, and the address leads nowhere.
        assert url not in words_of(page)
        assert admin.post(url, {"_form_submitted": "1"}).status_code in REFUSED
        assert only_event().tries == 3

    def test_are_replayed_together_with_their_progress(self, crm: Crm, admin: Browser) -> None:
        for contact in ("a", "b"):
            crm.report(contact_id=contact)
        add_contact(crm.world, "a", phone="+12025550124")
        ids = list(InboundEvent.objects.values_list("pk", flat=True))
        url = reverse("admin:redemption_inboundevent_changelist")
        answer = admin.post(url, {"action": "replay_many", "_selected_action": ids})
        page = words_of(admin.get(answer["Location"]))
        assert "0 of 2 events" in page
        assert "every 2s" in page
        process_events(now=datetime.now(UTC), limit=10)
        page = words_of(admin.get(answer["Location"] + "progress/"))
        assert "2 of 2 events" in page
        assert "<dt>Rewarded</dt>" in page
        assert "every 2s" not in page
        answer = admin.post(url, {"action": "replay_many", "_selected_action": ids[:0]})
        assert answer.status_code in (200, 302)

    def test_are_no_strangers(self, crm: Crm) -> None:
        crm.report(contact_id="4712")
        stranger = sign_in(make_agency_manager(crm.world.agency))
        assert stranger.get(event_url(only_event())).status_code in REFUSED
        url = event_url(only_event(), "replay")
        assert stranger.post(url, {"_form_submitted": "1"}).status_code in REFUSED
        assert only_event().tries == 1


def connect(world: World, source: EventSource, secret: str) -> Crm:
    """Return a sender that has this secret."""
    return Crm(world=world, source=source, secret=secret)
