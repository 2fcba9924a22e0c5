"""Forgetting a person: nothing says any more who they were, and what was paid stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from alerts.errors import ValidationFailedError
from credit.models import AuditEvent, Entry
from credit.selectors.ledger_audit import find_faults
from redemption.models import CallSession, Erasure, Recipient, Redemption, RevealLink
from redemption.services.erasing import (
    EraseNotPermittedError,
    PersonInWorkError,
    PersonUnknownError,
    work_off_erasures,
)
from sms.models import ConsentEvent, Message, OptIn
from tests.redemption.asking import ask
from tests.redemption.forgetting import (
    CITY,
    FIRST,
    LATER,
    MARKS,
    PHONE,
    erase,
    found_in,
    make_operator,
    settle_texts,
    someone_known,
)
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


class TestErasePerson:
    def test_leaves_no_word_of_them_in_any_table(self, world: World) -> None:
        person = someone_known(world)
        assert {mark for marks in found_in(*MARKS).values() for mark in marks} == set(MARKS)
        erasure = erase(make_operator(), person)
        assert found_in(*MARKS) == {}
        assert erasure.erased_at == LATER

    def test_keeps_what_was_given_and_paid(self, world: World) -> None:
        person = someone_known(world)
        kept = ("pk", "state", "card", "charged_minor", "transaction", "created_at", "door")
        before = (
            list(Redemption.objects.values_list(*kept)),
            list(Entry.objects.order_by("pk").values_list()),
            Message.objects.count(),
            ConsentEvent.objects.count(),
            CallSession.objects.count(),
        )
        erase(make_operator(), person)
        assert before == (
            list(Redemption.objects.values_list(*kept)),
            list(Entry.objects.order_by("pk").values_list()),
            Message.objects.count(),
            ConsentEvent.objects.count(),
            CallSession.objects.count(),
        )
        record = AuditEvent.objects.get(action="redemption.looked_at")
        assert record.details == {"before": {"state": "issued"}, "reason": ""}

    def test_touches_nobody_else(self, world: World) -> None:
        person = someone_known(world)
        world.stock(1)
        (code,) = world.invite()
        other = world.recipient(code)
        # No name that an id could have in it, in hexadecimal digits.
        Recipient.objects.filter(pk=other.pk).update(first_name="Beatrix", phone="+12025550199")
        ask(code)
        settle_texts()
        before = found_in("Beatrix", "+12025550199")
        erase(make_operator(), person)
        assert found_in("Beatrix", "+12025550199") == before
        assert Recipient.objects.get(pk=other.pk).code_encrypted

    def test_leaves_their_code_good_for_nobody(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        erase(make_operator(), world.recipient(code))
        with pytest.raises(Exception, match="GC-115"):
            ask(code)
        assert not Redemption.objects.exists()

    def test_kills_their_link(self, world: World) -> None:
        person = someone_known(world)
        erase(make_operator(), person)
        assert not RevealLink.objects.filter(revoked_at=None).exists()
        assert not RevealLink.objects.exclude(bound_to=None).exists()

    def test_says_who_asked_for_it_and_why_without_the_person(self, world: World) -> None:
        operator = make_operator()
        erasure = erase(operator, someone_known(world))
        actions = AuditEvent.objects.filter(action__startswith="person.").order_by("at", "action")
        assert {one.action for one in actions} == {"person.erased", "person.erasure_asked"}
        assert {one.actor for one in actions} == {f"user:{operator.pk}"}
        assert erasure.counts["messages"] == 2

    def test_goes_on_until_the_provider_has_emptied_its_records(self, world: World) -> None:
        # Nobody listens there in this test.
        erasure = erase(make_operator(), someone_known(world))
        assert erasure.provider_ids == ["SM1", "SM2"]
        assert erasure.waits_for == "The provider has not emptied all of its records yet."
        assert erasure.next_attempt_at == LATER + timedelta(minutes=15)

    def test_can_not_be_done_twice(self, world: World) -> None:
        person, operator = someone_known(world), make_operator()
        erase(operator, person)
        with pytest.raises(PersonUnknownError):
            erase(operator, person)
        assert Erasure.objects.count() == 1

    def test_keeps_a_number_that_somebody_else_has_too(self, world: World) -> None:
        person = someone_known(world)
        (code,) = world.invite()
        Recipient.objects.filter(pk=world.recipient(code).pk).update(phone=PHONE)
        erase(make_operator(), person)
        assert OptIn.objects.get(phone=PHONE).state == "revoked"
        # What may be the other's stays: they may have written it, or be who is to be called.
        assert found_in(FIRST, CITY).keys() == {"sms_inboundmessage", "redemption_desktask"}


class TestRefuses:
    def test_who_lacks_the_right(self, world: World) -> None:
        with pytest.raises(EraseNotPermittedError):
            erase(make_operator("export_person"), someone_known(world))
        assert not Erasure.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"reason": " "}, "reason"),
            ({"reason": f"{FIRST} has asked"}, "reason"),
            ({"confirmation": "yes"}, "confirmation"),
        ],
    )
    def test_without_a_reason_and_the_word(
        self, world: World, changes: dict[str, str], field: str
    ) -> None:
        with pytest.raises(ValidationFailedError) as refusal:
            erase(make_operator(), someone_known(world), **changes)
        assert list(refusal.value.errors) == [field]
        assert not Erasure.objects.exists()

    def test_while_a_reward_waits(self, world: World) -> None:
        (code,) = world.invite()
        ask(code)
        settle_texts()
        with pytest.raises(PersonInWorkError) as refusal:
            erase(make_operator(), world.recipient(code))
        assert "waits" in refusal.value.errors["person"][0]
        assert world.recipient(code).first_name == "Ana"

    def test_while_a_text_is_under_way(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        ask(code)
        with pytest.raises(PersonInWorkError) as refusal:
            erase(make_operator(), world.recipient(code))
        assert "under way" in refusal.value.errors["person"][0]
        settle_texts()
        assert erase(make_operator(), world.recipient(code)).erased_at == LATER


class TestWorkOffErasures:
    def test_finishes_what_a_dead_worker_has_left(self, world: World, settings: Settings) -> None:
        settings.TWILIO_ACCOUNT_SID = ""
        person = someone_known(world)
        promised = Erasure.objects.create(
            recipient_ids=[person.pk],
            reason="x",
            requested_by="user:1",
            requested_at=LATER,
            next_attempt_at=LATER,
        )
        assert (work_off_erasures(now=LATER), Erasure.objects.get().waits_for) == (1, "")
        assert work_off_erasures(now=LATER) == 0
        assert found_in(*MARKS) == {}
        promised.refresh_from_db()
        assert promised.next_attempt_at is None

    def test_waits_for_what_has_begun_since(self, world: World) -> None:
        person = someone_known(world)
        Message.objects.create(
            client=world.client,
            purpose="resend",
            channel="sms",
            to=PHONE,
            reference_kind="redemption",
            reference_id=Redemption.objects.get().pk,
            next_attempt_at=LATER,
        )
        Erasure.objects.create(
            recipient_ids=[person.pk],
            reason="x",
            requested_by="user:1",
            requested_at=LATER,
            next_attempt_at=LATER,
        )
        assert work_off_erasures(now=LATER) == 0
        assert Erasure.objects.get().waits_for.startswith("A message is under way")
        assert Recipient.objects.get(pk=person.pk).first_name == FIRST

    def test_leaves_the_ledger_whole(self, world: World) -> None:
        erase(make_operator(), someone_known(world))
        assert find_faults() == []
