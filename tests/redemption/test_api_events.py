"""CRM events over HTTP: what is answered, and what is left behind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.keyring import decrypt
from giftcards.models import GiftCard
from redemption.models import Campaign, Condition, EventSource, EventTry, InboundEvent, Redemption
from redemption.services.inbound_events import BODY_CONTEXT
from sms.models import Message
from tests.redemption.asking import ask
from tests.redemption.reporting import CONTACT, Crm, add_contact, connect_crm, only_event
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def crm(world: World) -> Crm:
    return connect_crm(world)


class TestReport:
    def test_gives_the_reward_and_texts_it(self, crm: Crm, world: World) -> None:
        answer = crm.report(event_id="evt-1")
        reward = Redemption.objects.get()
        assert answer.status_code == 200
        assert answer.json() == {
            "event_id": "evt-1",
            "outcome": "issued",
            "code": None,
            "redemption_id": str(reward.pk),
            "duplicate": False,
        }
        assert (reward.door, reward.actor) == ("crm", f"source:{crm.source.pk}")
        assert (reward.contact_method, reward.contact_to) == ("sms", "+12025550123")
        # Nobody has seen the code yet: it goes out with the text.
        assert reward.state == "issued"
        assert Message.objects.get().reference_id == reward.pk
        assert world.balance() == 97_500
        event = only_event()
        assert (event.outcome, event.tries, event.signature) == ("issued", 1, "current")
        assert (event.event_type, event.contact_id) == ("appointment.kept", CONTACT)
        assert event.occurred_at == datetime(2026, 3, 2, 15, 29, 41, tzinfo=UTC)
        assert event.next_attempt_at is None
        assert event.body_encrypted == ""

    def test_answers_a_repeat_with_what_became_of_the_first(self, crm: Crm) -> None:
        first = crm.report(event_id="evt-1").json()
        again = crm.report(event_id="evt-1")
        assert again.status_code == 200
        assert again.json() == {**first, "duplicate": True}
        assert Redemption.objects.count() == Message.objects.count() == 1
        assert EventTry.objects.count() == 1

    def test_reads_two_spellings_of_a_body_as_the_same(self, crm: Crm) -> None:
        body = crm.body()
        crm.report(body, event_id="evt-1")
        again = crm.report(dict(reversed(body.items())), event_id="evt-1")
        assert (again.status_code, again.json()["duplicate"]) == (200, True)

    def test_refuses_another_body_under_the_same_id(self, crm: Crm, world: World) -> None:
        add_contact(world, "4712", phone="+12025550124")
        crm.report(event_id="evt-1")
        other = crm.report(event_id="evt-1", contact_id="4712")
        assert (other.status_code, other.json()["code"]) == (422, "GC-107")
        assert only_event().contact_id == CONTACT
        assert Redemption.objects.count() == 1

    def test_takes_the_same_id_from_two_sources(self, crm: Crm) -> None:
        other = connect_crm(build_world(name="Birch"))
        assert crm.report(event_id="evt-1").json()["duplicate"] is False
        assert other.report(event_id="evt-1").json()["duplicate"] is False
        assert Redemption.objects.count() == 2

    def test_says_who_has_their_reward(self, crm: Crm, world: World) -> None:
        recipient = world.campaign.recipients.get()
        first = ask(None, recipient_id=recipient.pk)
        answer = crm.report()
        assert answer.status_code == 200
        assert answer.json()["outcome"] == "already_redeemed"
        assert answer.json()["code"] == "GC-010"
        assert answer.json()["redemption_id"] == str(first.redemption_id)
        assert Redemption.objects.count() == 1

    def test_says_what_waits(self, crm: Crm) -> None:
        GiftCard.objects.update(status="void")
        answer = crm.report(event_id="evt-1")
        assert (answer.status_code, answer.json()["outcome"]) == (200, "waiting")
        assert answer.json()["code"] == "GC-003"
        assert crm.report(event_id="evt-1").json() == {**answer.json(), "duplicate": True}

    def test_keeps_what_was_refused(self, crm: Crm) -> None:
        Campaign.objects.update(status="paused")
        answer = crm.report()
        assert answer.status_code == 200
        assert (answer.json()["outcome"], answer.json()["code"]) == ("refused", "GC-104")
        assert answer.json()["redemption_id"] is None
        event = only_event()
        assert (event.outcome, event.error_code) == ("refused", "GC-104")
        assert "Leeds" in decrypt(event.body_encrypted, context=BODY_CONTEXT)
        assert "Leeds" not in str(InboundEvent.objects.values_list())
        assert Redemption.objects.count() == 0


class TestMatching:
    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"contact_id": "nobody"}, "unknown_contact"),
            ({"event_type": "purchase"}, "unknown_condition"),
            ({"campaign_id": "8b0f5a55-7f0e-4a52-9d5a-0d8f5b1f2c11"}, "unknown_campaign"),
        ],
    )
    def test_keeps_what_it_does_not_know(
        self, crm: Crm, changes: dict[str, str], problem: str
    ) -> None:
        answer = crm.report(crm.body(**changes), event_id="evt-1")
        assert answer.status_code == 202
        assert answer.json() == {
            "event_id": "evt-1",
            "outcome": "unmatched",
            "code": None,
            "redemption_id": None,
            "duplicate": False,
        }
        assert (only_event().outcome, only_event().problem) == ("unmatched", problem)
        assert Redemption.objects.count() == 0
        again = crm.report(crm.body(**changes), event_id="evt-1")
        assert (again.status_code, again.json()) == (200, {**answer.json(), "duplicate": True})
        assert only_event().tries == 1

    def test_knows_no_strangers_campaign(self, crm: Crm) -> None:
        other = connect_crm(build_world(name="Birch"))
        answer = crm.report(campaign_id=str(other.world.campaign.pk))
        assert answer.json()["outcome"] == "unmatched"
        assert only_event().problem == "unknown_campaign"

    def test_does_not_guess_between_two_conditions(self, crm: Crm, world: World) -> None:
        Condition.objects.create(
            campaign=world.campaign, number=2, name="Again", brand=world.brand,
            card_value_minor=2500, crm_event_name="appointment.kept",
        )  # fmt: skip
        assert crm.report().json()["outcome"] == "unmatched"
        assert only_event().problem == "several_conditions"

    def test_takes_the_sources_campaign_where_the_body_names_none(self, crm: Crm) -> None:
        assert crm.report(campaign_id=None).status_code == 400
        EventSource.objects.update(campaign=crm.world.campaign)
        assert crm.report(campaign_id=None).json()["outcome"] == "issued"


class TestContact:
    @pytest.mark.parametrize(
        ("rule", "phone", "email", "expected"),
        [
            ("sms_then_email", "+12025550123", "ana@example.com", ("sms", "+12025550123")),
            ("sms_then_email", "", "ana@example.com", ("email", "ana@example.com")),
            ("email_then_sms", "+12025550123", "ana@example.com", ("email", "ana@example.com")),
            ("email_then_sms", "+12025550123", "", ("sms", "+12025550123")),
            ("sms", "", "ana@example.com", None),
            ("email", "+12025550123", "", None),
            ("sms_then_email", "", "", None),
        ],
    )
    def test_follows_the_sources_rule(
        self,
        crm: Crm,
        settings: Any,
        rule: str,
        phone: str,
        email: str,
        expected: tuple[str, str] | None,
    ) -> None:
        settings.EMAIL_ENABLED = True
        EventSource.objects.update(contact_method=rule)
        crm.world.campaign.recipients.update(phone=phone, email=email)
        answer = crm.report().json()
        if expected is None:
            assert (answer["outcome"], answer["code"]) == ("refused", "GC-012")
            assert Redemption.objects.count() == 0
        else:
            reward = Redemption.objects.get()
            assert (reward.contact_method, reward.contact_to) == expected

    def test_waits_for_consent_where_the_campaign_asks_for_it(self, crm: Crm) -> None:
        Campaign.objects.update(opt_in_required=True)
        answer = crm.report().json()
        assert (answer["outcome"], answer["code"]) == ("waiting", "GC-009")


class TestMapping:
    def test_finds_what_it_needs_in_a_foreign_body(self, crm: Crm) -> None:
        EventSource.objects.update(
            campaign=crm.world.campaign,
            mapping={"event_type": "$.kind", "contact_id": "$.who[0]['Contact ID']"},
        )
        answer = crm.report({"kind": "appointment.kept", "who": [{"Contact ID": 4711}]})
        assert (answer.status_code, answer.json()["outcome"]) == (200, "issued")

    def test_keeps_a_body_that_lacks_it(self, crm: Crm) -> None:
        EventSource.objects.update(
            campaign=crm.world.campaign,
            mapping={"event_type": "$.kind", "contact_id": "$.who.id"},
        )
        answer = crm.report({"kind": "appointment.kept", "person": {"id": 4711}})
        assert (answer.status_code, answer.json()["outcome"]) == (202, "unmatched")
        event = only_event()
        assert event.problem == "not_understood"
        assert event.details == "Not found: contact_id at $.who.id."
