"""Sending a reward once more, to the same address or a corrected one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import QuerySet
from pytest_django import Settings

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.transactions import transaction
from credit.models import AuditEvent, Membership, Transaction
from credit.selectors.viewers import SYSTEM, Viewer, viewer_of_user
from credit.services.idempotency import KeyAnsweredError, claim_key
from giftcards.models import GiftCard
from giftcards.services.secrets import open_field
from redemption.models import (
    Campaign,
    DeskTask,
    ProvisioningTrace,
    Recipient,
    Redemption,
    RevealLink,
)
from redemption.services.links import derive_reveal_token
from redemption.services.outcomes import record_outcome
from redemption.services.redeem import Contact, RedeemResult
from redemption.services.resending import Resent, resend_reward
from redemption.services.showing import LinkUnknownError, open_link
from redemption.services.texts import render_reward
from sms.models import Message, MessageTemplate
from sms.services.consents import Proof, grant_consent, revoke_consent
from sms.services.parties import Draft, MessageEvent, Outcome, RenderedText, Unsendable
from tests.invariants import broken_invariants
from tests.redemption.asking import ask, snapshot
from tests.redemption.taking_back import (
    LATER,
    cancel,
    card_of,
    live_links,
    message_states,
    redeem_one,
    replace,
    row,
)
from tests.staff import make_agency_manager, make_user
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "+12025550199"


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture(autouse=True)
def mail(settings: Settings) -> None:
    settings.EMAIL_ENABLED = True


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    assert broken_invariants() == {}


def resend(result: RedeemResult, **changes: Any) -> Resent:
    facts = {"viewer": SYSTEM, "now": LATER}
    return resend_reward(**{**facts, "redemption_id": result.redemption_id, **changes})


def refusal(result: RedeemResult, **changes: Any) -> dict[str, list[str]]:
    """Return what is said of a contact that can't be used; nothing was changed."""
    before = snapshot()
    with pytest.raises(ValidationFailedError) as refused:
        resend(result, **changes)
    assert refused.value.code is ErrorCode.INVALID_INPUT
    assert snapshot() == before
    assert not AuditEvent.objects.filter(action="redemption.resent").exists()
    return refused.value.errors


def reward_text(result: RedeemResult) -> QuerySet[Message]:
    return Message.objects.filter(reference_id=result.redemption_id, purpose="reward")


def render(message_id: Any) -> Any:
    message = Message.objects.get(pk=message_id)
    names = (
        "client_id", "purpose", "channel", "locale", "values", "reference_kind", "reference_id",
    )  # fmt: skip
    facts = {name: getattr(message, name) for name in names}
    return render_reward(drafts=[Draft(message_id=message.pk, **facts)], now=LATER)[message.pk]


def tell(message_id: Any, outcome: Outcome) -> None:
    message = Message.objects.get(pk=message_id)
    event = MessageEvent(
        message_id=message.pk,
        client_id=message.client_id,
        purpose=message.purpose,
        channel=message.channel,
        reference_kind="redemption",
        reference_id=message.reference_id,
        outcome=outcome,
        state="failed",
        error_code="30006",
    )
    with transaction():
        record_outcome(events=[event], now=LATER)


class TestResendReward:
    def test_sends_the_same_card_to_the_same_number(self, world: World) -> None:
        result = redeem_one(world)
        before = GiftCard.objects.values().get()
        resent = resend(result)
        assert resent.contact == Contact(method="sms", to="+12025550123")
        assert (resent.is_corrected, resent.has_new_link) == (False, False)
        message = Message.objects.get(pk=resent.message_id)
        assert (message.purpose, message.to, message.state) == ("resend", "+12025550123", "queued")
        # What still waited would have brought the same once more.
        assert message_states(result) == [("reward", "cancelled"), ("resend", "queued")]
        assert live_links(result) == [1]
        assert (row(result).state, row(result).card_id) == ("issued", card_of(result).pk)
        assert GiftCard.objects.values().get() == before
        assert Transaction.objects.filter(kind="redemption").count() == 1
        assert world.balance() == 100_000 - 2_500

    @pytest.mark.parametrize("state", ["issued", "delivered", "confirmed"])
    def test_is_for_every_reward_that_stands(self, world: World, state: str) -> None:
        result = redeem_one(world)
        Redemption.objects.update(state=state)
        resend(result)
        assert row(result).state == state

    def test_goes_to_a_corrected_number_with_another_link(self, world: World) -> None:
        result = redeem_one(world)
        resent = resend(result, to="(202) 555-0199")
        assert resent.contact == Contact(method="sms", to=OTHER)
        assert (resent.is_corrected, resent.has_new_link) == (True, True)
        assert Message.objects.get(purpose="resend").to == OTHER
        assert message_states(result) == [("reward", "cancelled"), ("resend", "queued")]
        assert live_links(result) == [2]
        assert (row(result).contact_method, row(result).contact_to) == ("sms", OTHER)
        old, new = (
            derive_reveal_token(redemption_id=result.redemption_id, version=version)
            for version in (1, 2)
        )
        with pytest.raises(LinkUnknownError):
            open_link(token=old, browser_digest=b"x" * 32, now=LATER)
        open_link(token=new, browser_digest=b"x" * 32, now=LATER)
        rendered = render(resent.message_id)
        assert isinstance(rendered, RenderedText)
        assert new in rendered.body

    def test_goes_by_email(self, world: World) -> None:
        result = redeem_one(world)
        resent = resend(result, to=" ana@example.com ")
        assert resent.contact == Contact(method="email", to="ana@example.com")
        assert Message.objects.get(purpose="resend").channel == "email"
        assert live_links(result) == [2]

    def test_finds_the_address_on_file(self, world: World) -> None:
        result = redeem_one(world)
        assert refusal(result, method="email") == {"to": ["Say where to send it: none is on file."]}
        Recipient.objects.update(email="ana@example.com")
        assert resend(result, method="email").contact.to == "ana@example.com"

    def test_of_an_address_in_other_capitals_is_no_correction(self, world: World) -> None:
        result = redeem_one(world, contact=Contact(method="email", to="Ana@example.com"))
        assert resend(result, to="ana@Example.com").is_corrected is False
        assert row(result).contact_to == "Ana@example.com"

    def test_brings_a_new_link_where_the_old_one_opens_no_more(self, world: World) -> None:
        bound = redeem_one(world)
        RevealLink.objects.update(bound_to=b"y" * 32, bound_at=NOW)
        assert resend(bound).has_new_link is True
        expired = redeem_one(world)
        RevealLink.objects.filter(redemption_id=expired.redemption_id).update(expires_at=LATER)
        resent = resend(expired)
        assert (resent.has_new_link, resent.is_corrected) == (True, False)
        assert live_links(expired) == [2]
        assert isinstance(render(resent.message_id), RenderedText)

    def test_takes_back_what_another_phone_had_confirmed(self, world: World) -> None:
        result = redeem_one(world)
        Redemption.objects.update(state="confirmed", delivered_at=NOW, confirmed_at=NOW)
        resend(result, to=OTHER)
        redemption = row(result)
        assert (redemption.state, redemption.confirmed_at) == ("delivered", None)
        assert redemption.delivered_at == NOW

    def test_of_a_test_sends_too(self, world: World) -> None:
        result = ask(world.invite(is_test=True)[0])
        resend(result, to=OTHER)
        assert Message.objects.get(purpose="resend").to == OTHER

    def test_is_written_down_with_a_masked_address(self, world: World) -> None:
        result = redeem_one(world)
        resent = resend(result, to=OTHER, reason="  A digit was\nwrong ")
        event = AuditEvent.objects.get(action="redemption.resent")
        assert event.actor == "system"
        assert event.details == {
            "before": {"method": "sms", "to": "•••0123"},
            "after": {
                "method": "sms",
                "to": "•••0199",
                "new_link": True,
                "message_id": str(resent.message_id),
            },
            "reason": "A digit was wrong",
        }
        step = ProvisioningTrace.objects.get(step="resend")
        assert (step.status, step.redemption_id) == ("queued", result.redemption_id)
        for record in (str(event.details), str(step.details), step.message):
            assert "5550199" not in record

    def test_takes_the_task_off_the_list_until_it_fails_again(self, world: World) -> None:
        result = redeem_one(world)
        Message.objects.update(state="failed", next_attempt_at=None)
        tell(result.message_id, Outcome.GIVEN_UP)
        assert DeskTask.objects.get().done_at is None
        resent = resend(result)
        assert DeskTask.objects.get().outcome == "settled"
        tell(resent.message_id, Outcome.GIVEN_UP)
        assert DeskTask.objects.filter(done_at=None, kind="reward_not_delivered").count() == 1

    def test_with_a_claim_happens_once(self, world: World) -> None:
        result = redeem_one(world)
        claim = claim_key(owner="c", key="k", method="POST", path="/x", body={})
        resend(result, claim=claim)
        with pytest.raises(KeyAnsweredError):
            resend(result, claim=claim)
        assert Message.objects.filter(purpose="resend").count() == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("asked", "field", "words"),
        [
            ({"to": "12"}, "to", "This number doesn't exist. Please check each digit."),
            ({"to": "x@"}, "to", "Enter an e-mail address like name@example.com."),
            ({"method": "email", "to": OTHER}, "to",
             "Enter an e-mail address like name@example.com."),
            ({"method": "fax"}, "method", "Choose sms or email."),
            ({"method": "none"}, "method", "Choose sms or email."),
        ],
    )  # fmt: skip
    def test_name_what_is_wrong(
        self, world: World, asked: dict[str, str], field: str, words: str
    ) -> None:
        assert refusal(redeem_one(world), **asked) == {field: [words]}

    def test_ask_for_a_contact_where_none_was_given(self, world: World) -> None:
        result = redeem_one(world, contact=Contact(method="none"))
        assert list(refusal(result)) == ["to"]
        assert list(refusal(result, method="none")) == ["to"]
        assert resend(result, to=OTHER).contact.to == OTHER
        assert message_states(result) == [("reward", "queued")]

    def test_say_that_a_person_wants_no_texts(self, world: World) -> None:
        result = redeem_one(world)
        whose = {"client_ids": [world.client.pk], "proof": Proof(way="text: STOP"), "now": NOW}
        with transaction():
            revoke_consent(phone=OTHER, **whose)  # type: ignore[arg-type]
        (words,) = refusal(result, to=OTHER)["to"]
        assert words.startswith("This person has replied STOP")
        # An e-mail may go.
        resend(result, to="ana@example.com")

    def test_say_that_nobody_has_agreed_to_texts(self, world: World) -> None:
        result = redeem_one(world)
        Campaign.objects.update(opt_in_required=True)
        (words,) = refusal(result, to=OTHER)["to"]
        assert words.startswith("This campaign texts only who has agreed")
        with transaction():
            grant_consent(
                client_ids=[world.client.pk], phone=OTHER, proof=Proof(way="text: YES"), now=NOW
            )
        resend(result, to=OTHER)

    def test_keep_codes_out_of_the_record(self, world: World) -> None:
        result = redeem_one(world, disclose=True)
        code = open_field(card_of(result).code_encrypted, field="code")
        assert list(refusal(result, reason=f"{code} never came")) == ["reason"]

    def test_meet_what_has_no_card_or_has_ended(self, world: World) -> None:
        waiting = ask(world.invite()[0])
        ended = redeem_one(build_world(name="Birch"))
        cancel(ended)
        for result in (waiting, ended):
            with pytest.raises(ServiceError) as refused:
                resend(result, to=OTHER)
            assert refused.value.code is ErrorCode.STATE_FORBIDS
        assert not Message.objects.filter(purpose="resend").exists()

    def test_meet_strangers_and_who_only_looks(self, world: World) -> None:
        result = redeem_one(world)
        stranger = build_world(name="Birch")
        auditor, agent_elsewhere = make_user(), make_user()
        Membership.objects.create(user=auditor, role="auditor", client=world.client)
        Membership.objects.create(user=agent_elsewhere, role="agent", client=stranger.client)
        viewers = [
            viewer_of_user(user.pk)
            for user in (auditor, agent_elsewhere, make_agency_manager(stranger.agency))
        ]
        viewers.append(
            Viewer(actor="key:x", client_ids=frozenset({world.client.pk}), scopes=frozenset({"x"}))
        )
        before = snapshot()
        for viewer in viewers:
            with pytest.raises(ServiceError) as refused:
                resend(result, viewer=viewer)
            assert refused.value.code is ErrorCode.NOT_FOUND
        with pytest.raises(ServiceError):
            resend(result, redemption_id=uuid4())
        assert snapshot() == before

    def test_do_not_meet_an_agent_of_the_client(self, world: World) -> None:
        result = redeem_one(world)
        agent = make_user()
        Membership.objects.create(user=agent, role="agent", client=world.client)
        resend(result, viewer=viewer_of_user(agent.pk))
        assert AuditEvent.objects.get(action="redemption.resent").actor == f"user:{agent.pk}"


class TestTheWrongAddress:
    """Whoever reads what goes there is a stranger."""

    @pytest.mark.parametrize("state", ["sending", "queued", "unknown"])
    def test_is_never_sent_the_new_link(self, world: World, state: str) -> None:
        result = redeem_one(world)
        reward_text(result).update(state="sending")
        resend(result, to=OTHER)
        # A worker had it; it comes back to it, whatever became of the first try.
        assert reward_text(result).get().state == "sending"
        if state != "sending":
            reward_text(result).update(state=state)
        assert isinstance(render(result.message_id), Unsendable)

    def test_is_not_sent_a_code_that_is_being_written(self, world: World) -> None:
        MessageTemplate.objects.create(
            client=world.client, purpose="reward", channel="sms", body="{{code}}"
        )
        result = redeem_one(world)
        reward_text(result).update(state="sending")
        resend(result, to=OTHER)
        assert isinstance(render(result.message_id), Unsendable)
        assert card_of(result).disclosed_at is None

    def test_confirms_nothing(self, world: World) -> None:
        result = redeem_one(world)
        Message.objects.update(state="sent")
        resend(result, to=OTHER)
        tell(result.message_id, Outcome.ACCEPTED)
        tell(result.message_id, Outcome.DELIVERED)
        assert row(result).state == "issued"
        tell(Message.objects.get(purpose="resend").pk, Outcome.ACCEPTED)
        tell(Message.objects.get(purpose="resend").pk, Outcome.DELIVERED)
        assert row(result).state == "confirmed"

    def test_asks_nobody_for_anything_when_it_fails(self, world: World) -> None:
        result = redeem_one(world)
        resend(result, to=OTHER)
        tell(result.message_id, Outcome.GIVEN_UP)
        assert not DeskTask.objects.exists()

    def test_does_not_keep_the_next_failure_from_going_by_email(self, world: World) -> None:
        result = redeem_one(world)
        Recipient.objects.update(email="ana@example.com")
        tell(resend(result).message_id, Outcome.GIVEN_UP)
        assert Message.objects.filter(channel="email").count() == 1
        Message.objects.filter(channel="email").update(state="accepted", next_attempt_at=None)
        resent = resend(result, to=OTHER, now=LATER + timedelta(seconds=1))
        # That e-mail's link is dead by now.
        tell(resent.message_id, Outcome.GIVEN_UP)
        assert Message.objects.filter(channel="email").count() == 2

    def test_is_told_apart_when_two_clocks_differ(self, world: World) -> None:
        result = redeem_one(world)
        first = resend(result, to="+12025550177", now=LATER + timedelta(seconds=1))
        second = resend(result, to=OTHER, now=LATER)
        assert isinstance(render(first.message_id), Unsendable)
        assert isinstance(render(second.message_id), RenderedText)

    def test_a_replacement_with_an_earlier_clock_is_sent(self, world: World) -> None:
        result = redeem_one(world)
        world.stock(1)
        resend(result, to=OTHER, now=LATER + timedelta(seconds=1))
        replaced = replace(result, now=LATER)
        assert isinstance(render(replaced.message_id), RenderedText)
