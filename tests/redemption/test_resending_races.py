"""A reward is sent again while its first text is being written, exchanged or called in about.

However the two meet, one link leads to the card, nobody else is sent it, and there is one reward.
Each rule has a control: the same moment without it, where a stranger reads what is not theirs or
the records tell what is not so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from pytest_django import Settings

from credit.models import Transaction
from credit.selectors.viewers import SYSTEM
from giftcards.models import GiftCard
from giftcards.services.secrets import open_field
from redemption.models import DeskTask, Redemption, RevealLink
from redemption.services import ending, texts
from redemption.services.links import derive_reveal_token
from redemption.services.redeem import RedeemResult
from redemption.services.resending import resend_reward
from redemption.services.texts import render_reward
from sms.emulator import Emulator
from sms.models import DeliveryAttempt, Message, MessageTemplate
from sms.services.cancelling import MessageStanding
from sms.services.parties import Draft, RenderedText, Rendering, Unsendable
from sms.services.sending import lease_length, send_due_messages
from sms.services.status import record_status_report
from tests.invariants import broken_invariants
from tests.races import Locked, run_at_once
from tests.redemption.asking import ask
from tests.redemption.taking_back import LATER, card_of, live_links, redeem_one, replace, row
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+12025550123"
OTHER = "+12025550199"
ROUNDS = 4


@pytest.fixture
def world(twilio_settings: Settings) -> World:
    world = build_world()
    world.stock(2)
    return world


@pytest.fixture
def threads() -> Iterator[Callable[..., Future[Any]]]:
    def run(work: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return work(*arguments)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        yield lambda work, *arguments: pool.submit(run, work, *arguments)


Start = Callable[..., Future[Any]]


def resend(result: RedeemResult, *, to: str = OTHER) -> None:
    resend_reward(viewer=SYSTEM, redemption_id=result.redemption_id, to=to, now=LATER)


def send(after: float = 0) -> None:
    send_due_messages(now=LATER + timedelta(seconds=after))


def call_back(result: RedeemResult, status: str) -> None:
    """Report on the reward's first text, as the provider does."""
    first = first_of(result)
    record_status_report(
        message_id=first.pk,
        provider_id=first.provider_id or "SM0",
        status=status,
        error_code="" if status == "delivered" else "30006",
        now=LATER,
    )


def first_of(result: RedeemResult) -> Message:
    assert result.message_id is not None
    return Message.objects.get(pk=result.message_id)


def current_card(result: RedeemResult) -> GiftCard:
    card = row(result).card
    assert card is not None
    return card


def token(result: RedeemResult, version: int) -> str:
    return derive_reveal_token(redemption_id=result.redemption_id, version=version)


def texts_with(emulator: Emulator, result: RedeemResult, version: int) -> list[str]:
    """Return whom the link of a version was texted to."""
    wanted = token(result, version)
    return [text.to for text in emulator.messages() if wanted in text.body]


def side_by_side(*works: Callable[[], object], apart: float = 0) -> None:
    """Do all at once, each of the later ones a moment later; none may fail."""
    waiting = iter(enumerate(works))

    def work() -> object:
        number, one = next(waiting)
        time.sleep(number * apart)
        return one()

    failures = [end for end in run_at_once(len(works), work) if isinstance(end, Exception)]
    assert failures == []


def assert_one_reward(result: RedeemResult, emulator: Emulator, *, to: str = OTHER) -> None:
    """Check what must be true however it came about."""
    send(after=60)
    (version,) = live_links(result)
    assert set(texts_with(emulator, result, version)) == {to}
    for dead in range(1, version):
        # One at most was written before the link died.
        assert len(texts_with(emulator, result, dead)) <= 1
    held = GiftCard.objects.filter(holder_id=result.redemption_id).exclude(status="void")
    assert held.get().pk == row(result).card_id
    assert Transaction.objects.filter(kind="redemption").count() == 1
    assert Redemption.objects.count() == 1
    assert broken_invariants() == {}


class TestAgainstAWorker:
    def test_that_comes_meanwhile_finds_nothing_to_send(
        self, world: World, threads: Start, twilio_emulator: Emulator
    ) -> None:
        result = ask(world.invite()[0])
        with Locked("redemption_recipient", result.recipient_id) as recipient:
            # It has the messages' rows, and waits for the recipient's.
            resent = threads(resend, result)
            recipient.wait_until_blocked(blocked=1)
            send()
            assert twilio_emulator.messages() == []
            recipient.release()
            resent.result()
        assert first_of(result).state == "cancelled"
        assert_one_reward(result, twilio_emulator)
        assert texts_with(twilio_emulator, result, 1) == []

    def test_without_the_lock_would_call_a_text_cancelled_that_is_out(
        self,
        world: World,
        threads: Start,
        twilio_emulator: Emulator,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # The control: the messages are read, and not locked.
        monkeypatch.setattr(ending, "lock_messages_about", read_without_lock)
        result = ask(world.invite()[0])
        with Locked("redemption_recipient", result.recipient_id) as recipient:
            resent = threads(resend, result)
            recipient.wait_until_blocked(blocked=1)
            send()
            assert len(twilio_emulator.messages(to=PHONE)) == 1
            recipient.release()
            resent.result()
        assert first_of(result).state == "cancelled"

    def test_that_died_on_the_way_lets_no_stranger_have_the_new_link(
        self, world: World, twilio_emulator: Emulator
    ) -> None:
        result = die_while_sending(world)
        resend(result)
        send(after=lease_length("sms").total_seconds() + 1)
        assert_one_reward(result, twilio_emulator)
        assert texts_with(twilio_emulator, result, 1) == []
        assert first_of(result).state == "cancelled"

    def test_that_looks_at_no_time_would_send_it_to_them(
        self, world: World, twilio_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The control: a late try of the first message carries the link of now.
        monkeypatch.setattr(texts, "_overtaken", lambda *_, **__: set())
        result = die_while_sending(world)
        resend(result)
        send(after=lease_length("sms").total_seconds() + 1)
        send(after=lease_length("sms").total_seconds() + 60)
        assert set(texts_with(twilio_emulator, result, 2)) == {PHONE, OTHER}

    @pytest.mark.parametrize("to", [PHONE, OTHER])
    @pytest.mark.parametrize("apart", [number * 0.005 for number in range(ROUNDS)])
    def test_ends_with_one_link_whoever_is_first(
        self, world: World, twilio_emulator: Emulator, to: str, apart: float
    ) -> None:
        result = ask(world.invite()[0])
        side_by_side(send, lambda: resend(result, to=to), apart=apart)
        assert_one_reward(result, twilio_emulator, to=to)
        assert len(twilio_emulator.messages(to=PHONE)) <= (2 if to == PHONE else 1)


def read_without_lock(*, reference_kind: str, reference_id: UUID) -> list[MessageStanding]:
    return [
        MessageStanding(
            message_id=message.pk,
            purpose=message.purpose,
            state=message.state,
            created_at=message.created_at,
            is_in_work=message.next_attempt_at is not None,
            is_out=False,
        )
        for message in Message.objects.filter(
            reference_kind=reference_kind, reference_id=reference_id
        )
    ]


def die_while_sending(world: World) -> RedeemResult:
    """Leave a reward whose worker was killed before the provider heard of it."""
    result = ask(world.invite()[0])
    Message.objects.update(state="sending", next_attempt_at=LATER + lease_length("sms"))
    DeliveryAttempt.objects.create(
        message=first_of(result), number=1, status="sending", requested_at=LATER
    )
    return result


class TestAgainstAnExchange:
    @pytest.mark.parametrize("apart", [number * 0.005 for number in range(ROUNDS)])
    @pytest.mark.parametrize("is_first", [True, False])
    def test_ends_with_one_link_whoever_is_first(
        self, world: World, twilio_emulator: Emulator, is_first: bool, apart: float
    ) -> None:
        result = ask(world.invite()[0])
        deeds = [lambda: resend(result), lambda: replace(result)]
        side_by_side(*(deeds if is_first else reversed(deeds)), send, apart=apart)
        assert_one_reward(result, twilio_emulator)
        assert live_links(result) == [3]
        assert RevealLink.objects.count() == 3
        assert GiftCard.objects.filter(status="void").count() == 1


class TestAgainstACallback:
    @pytest.mark.parametrize("apart", [number * 0.005 for number in range(ROUNDS)])
    @pytest.mark.parametrize("status", ["delivered", "undelivered"])
    @pytest.mark.parametrize("is_first", [True, False])
    def test_tells_nothing_of_the_corrected_address(
        self, world: World, twilio_emulator: Emulator, is_first: bool, status: str, apart: float
    ) -> None:
        result = ask(world.invite()[0])
        send()
        assert texts_with(twilio_emulator, result, 1) == [PHONE]
        deeds = [lambda: resend(result), lambda: call_back(result, status)]
        side_by_side(*(deeds if is_first else reversed(deeds)), apart=apart)
        # It was another phone that said so; and who has the reward now is not known yet.
        assert row(result).state == "delivered"
        assert not DeskTask.objects.filter(done_at=None).exists()
        assert_one_reward(result, twilio_emulator)
        assert first_of(result).state == status


class TestTheSecondLook:
    """A text that shows the code itself looks once more when its disclosure is committed."""

    @pytest.fixture(autouse=True)
    def _shows_the_code(self, world: World) -> None:
        for purpose in ("reward", "resend"):
            MessageTemplate.objects.create(
                client=world.client, purpose=purpose, channel="sms", body="Your code: {{code}}"
            )

    @pytest.mark.parametrize("deed", [resend, replace])
    def test_finds_that_the_text_is_no_longer_for_them(
        self, world: World, threads: Start, deed: Callable[[RedeemResult], object]
    ) -> None:
        result, rendering = write_during(world, threads, deed)
        assert isinstance(rendering, Unsendable)
        assert not rendering.is_failure
        # The mark was set before: it may have been seen, as far as anybody can tell.
        current = current_card(result)
        assert current.disclosed_at is not None
        assert broken_invariants() == {}

    @pytest.mark.parametrize("deed", [resend, replace])
    def test_left_out_would_show_a_stranger_the_code(
        self,
        world: World,
        threads: Start,
        deed: Callable[[RedeemResult], object],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # The control: what was true at the first look is taken for true.
        monkeypatch.setattr(texts, "_is_live", lambda *_: True)
        result, rendering = write_during(world, threads, deed)
        assert isinstance(rendering, RenderedText)
        current = current_card(result)
        assert rendering.body == f"Your code: {open_field(current.code_encrypted, field='code')}"


def write_during(
    world: World, threads: Start, deed: Callable[[RedeemResult], object]
) -> tuple[RedeemResult, Rendering]:
    """Write the first text while the reward is sent elsewhere or exchanged, and commits first."""
    result = redeem_one(world)
    draft = Draft(
        message_id=result.message_id or uuid4(),
        client_id=world.client.pk,
        purpose="reward",
        channel="sms",
        locale="en",
        values={},
        reference_kind="redemption",
        reference_id=result.redemption_id,
    )
    with Locked("giftcards_giftcard", card_of(result).pk) as card:
        # The deed has the redemption's row and waits for the card's; the writer has looked at the
        # link and waits for the redemption's.
        done = threads(deed, result)
        card.wait_until_blocked(blocked=1)
        written = threads(lambda: render_reward(drafts=[draft], now=LATER))
        card.wait_until_blocked(blocked=2)
        card.release()
        done.result()
        (rendering,) = written.result().values()
    return result, rendering
