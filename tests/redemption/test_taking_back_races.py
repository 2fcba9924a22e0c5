"""Somebody is about to see a card's code while it is being taken back: one of the two comes first.

Each with a control: the same moment with the rule broken, where the code of a card in stock is in
somebody's hands.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from credit.services.api_keys import SCOPES
from giftcards.models import GiftCard
from giftcards.services.secrets import open_field
from redemption.models import Redemption
from redemption.services.disclosure import Disclosure
from redemption.services.redeem import RedeemResult
from redemption.services.showing import LinkUnknownError, bind_link, open_link, show_card
from redemption.services.texts import render_reward
from sms.emulator import Emulator
from sms.models import Message, MessageTemplate
from sms.services.parties import Draft, RenderedText
from sms.services.sending import send_due_messages
from tests.invariants import broken_invariants
from tests.races import Locked, run_at_once
from tests.redemption.asking import ask
from tests.redemption.taking_back import (
    LATER,
    cancel,
    card_of,
    clean_up,
    expire,
    give_up_text,
    live_links,
    redeem_one,
    refunds,
    replace,
    row,
)
from tests.redemption.test_api import Api, make_key
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

Show = Callable[[World, RedeemResult], str | None]
Take = Callable[[RedeemResult], object]


@pytest.fixture
def world() -> World:
    world = build_world()
    MessageTemplate.objects.create(
        client=world.client, purpose="reward", channel="sms", body="Your code: {{code}}"
    )
    return world


# --- Three ways of seeing a code, each of which returns what it showed --------------------------
def on_the_page(_world: World, result: RedeemResult) -> str | None:
    shown = show_card(redemption_id=result.redemption_id, actor="customer", now=LATER)
    return None if shown is None else shown.code


def in_a_text(world: World, result: RedeemResult) -> str | None:
    draft = Draft(
        message_id=uuid4(),
        client_id=world.client.pk,
        purpose="reward",
        channel="sms",
        locale="en",
        values={},
        reference_kind="redemption",
        reference_id=result.redemption_id,
    )
    (rendering,) = render_reward(drafts=[draft], now=LATER).values()
    if not isinstance(rendering, RenderedText):
        return None
    return rendering.body.removeprefix("Your code: ")


def in_an_answer(world: World, result: RedeemResult) -> str | None:
    api = Api(make_key(world.client, SCOPES))
    card = api.get(f"/redemptions/{result.redemption_id}/").json()["card"]
    return None if card is None else card["code"]


SHOWS = [on_the_page, in_a_text, in_an_answer]
TAKES = [lambda result: clean_up(), lambda result: cancel(result), lambda result: expire()]


def stuck_one(world: World) -> RedeemResult:
    result = redeem_one(world)
    give_up_text(result)
    return result


def code_of(card: GiftCard) -> str:
    return open_field(card.code_encrypted, field="code")


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


class TestSeenFirst:
    @pytest.mark.parametrize("show", SHOWS)
    @pytest.mark.parametrize("take", TAKES, ids=["clean-up", "cancel", "claim expiry"])
    def test_keeps_the_card_out_of_stock(
        self, world: World, threads: Start, show: Show, take: Take
    ) -> None:
        result = stuck_one(world)
        with Locked("giftcards_giftcard", card_of(result).pk) as card_row:
            # It has the redemption's row and waits for the card's, to set its mark.
            shown = threads(show, world, result)
            card_row.wait_until_blocked(blocked=1)
            taken = threads(take, result)
            card_row.wait_until_blocked(blocked=2)
            card_row.release()
            assert shown.result() == code_of(card_of(result))
            taken.result()
        card = card_of(result)
        assert card.status in ("delivered", "void")
        assert card.disclosed_at is not None
        assert refunds() == []
        assert broken_invariants() == {}


class TestTakenFirst:
    @pytest.mark.parametrize("show", SHOWS)
    @pytest.mark.parametrize("take", TAKES, ids=["clean-up", "cancel", "claim expiry"])
    def test_shows_nothing(self, world: World, threads: Start, show: Show, take: Take) -> None:
        result = stuck_one(world)
        with Locked("credit_account", world.account.pk) as account_row:
            # The card is back in stock already, and the refund waits; nothing is committed.
            taken = threads(take, result)
            account_row.wait_until_blocked(blocked=1)
            shown = threads(show, world, result)
            account_row.wait_until_blocked(blocked=2)
            account_row.release()
            taken.result()
            assert shown.result() is None
        assert card_of(result).status == "available"
        assert card_of(result).disclosed_at is None
        assert refunds() == [2_500]
        assert broken_invariants() == {}

    def test_control_a_look_without_the_lock_shows_what_goes_back_to_stock(
        self, world: World, threads: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("redemption.services.showing.disclose_redemption", look_only)
        result = stuck_one(world)
        with Locked("credit_account", world.account.pk) as account_row:
            taken = threads(clean_up)
            account_row.wait_until_blocked(blocked=1)
            shown = on_the_page(world, result)
            account_row.release()
            taken.result()
        assert card_of(result).status == "available"
        assert shown == code_of(card_of(result))  # in two hands as soon as it is claimed again


def look_only(*, redemption_id: UUID, actor: str, now: datetime) -> Disclosure | None:
    """Do what disclosure must not: read without the lock, and leave no mark."""
    redemption = Redemption.objects.select_related("card").get(pk=redemption_id)
    return Disclosure(card=redemption.card) if redemption.state == "issued" else None


class TestASlowText:
    """The provider takes its time; the code is on its way, and nobody knows how far it has come."""

    def send_slowly(self, threads: Start, emulator: Emulator) -> Future[Any]:
        emulator.set_faults([{"match": {"request": "create"}, "action": "timeout", "seconds": 0.4}])
        sending = threads(lambda: send_due_messages(now=datetime.now(UTC)))
        for _ in range(500):
            if emulator.requests.get("create"):
                return sending
            time.sleep(0.005)
        raise AssertionError("the text was not sent")

    def test_with_the_code_keeps_its_card_out_of_stock(
        self, world: World, threads: Start, texting: object, twilio_emulator: Emulator
    ) -> None:
        result = redeem_one(world, now=datetime.now(UTC))
        sending = self.send_slowly(threads, twilio_emulator)
        # The attempt is under way, so the clean-up leaves it alone; a person may still cancel.
        assert clean_up(datetime.now(UTC) + timedelta(hours=1)).taken_back == 0
        ended = cancel(result)
        sending.result()
        (text,) = twilio_emulator.messages()
        assert text.body.endswith(code_of(card_of(result)))
        assert (ended.card, card_of(result).status, refunds()) == ("void", "void", [])
        assert row(result).state == "cancelled"
        # What became of the text is written down all the same.
        assert Message.objects.get().state == "accepted"
        assert broken_invariants() == {}

    def test_with_a_link_brings_one_that_is_dead(
        self, world: World, threads: Start, texting: object, twilio_emulator: Emulator
    ) -> None:
        MessageTemplate.objects.all().delete()
        result = redeem_one(world, now=datetime.now(UTC))
        sending = self.send_slowly(threads, twilio_emulator)
        ended = cancel(result)
        sending.result()
        assert (ended.card, card_of(result).status, refunds()) == ("returned", "available", [2_500])
        (text,) = twilio_emulator.messages()
        assert result.reveal_token is not None
        assert result.reveal_token in text.body
        for look in (open_link, bind_link):
            with pytest.raises(LinkUnknownError):
                look(token=result.reveal_token, browser_digest=b"x" * 32, now=LATER)
        assert Message.objects.get().state == "accepted"
        assert (row(result).state, card_of(result).status) == ("cancelled", "available")
        assert broken_invariants() == {}

    def test_of_a_card_that_was_replaced_meanwhile_says_nothing_of_the_new_one(
        self, world: World, threads: Start, texting: object, twilio_emulator: Emulator
    ) -> None:
        result = redeem_one(world, now=datetime.now(UTC))
        (other,) = world.stock(1)
        sending = self.send_slowly(threads, twilio_emulator)
        replace(result, now=datetime.now(UTC))
        # The new link's text would be sent in the same breath.
        Message.objects.filter(purpose="resend").update(next_attempt_at=LATER.replace(year=2100))
        sending.result()
        other.refresh_from_db()
        assert (other.status, row(result).state) == ("claimed", "issued")
        assert card_of(result).status == "void"
        assert live_links(result) == [2]
        assert broken_invariants() == {}

    def test_that_never_answered_is_in_work_until_it_is_looked_up(
        self, world: World, threads: Start, texting: object, twilio_emulator: Emulator
    ) -> None:
        MessageTemplate.objects.all().delete()
        redeem_one(world, now=datetime.now(UTC))
        twilio_emulator.set_faults(
            [{"match": {"request": "create"}, "action": "timeout", "seconds": 2}]
        )
        now = datetime.now(UTC)
        send_due_messages(now=now)
        assert Message.objects.get().state == "unknown"
        assert clean_up(now + timedelta(hours=1)).taken_back == 0
        assert GiftCard.objects.get().status == "claimed"


class TestAnAnswer:
    def test_that_shows_the_code_is_safe_from_a_clean_up_of_the_same_moment(
        self, world: World
    ) -> None:
        world.stock(20)
        codes = world.invite(20)
        shown = self.crowd(codes, disclose=True)
        assert len(shown) == 20
        assert GiftCard.objects.filter(status="available").count() == 0
        assert broken_invariants() == {}

    def test_control_one_that_was_not_disclosed_is_taken_back(self, world: World) -> None:
        world.stock(20)
        shown = self.crowd(world.invite(20), disclose=False)
        back = {code_of(card) for card in GiftCard.objects.filter(status="available")}
        assert back & shown

    def crowd(self, codes: list[str], *, disclose: bool) -> set[str]:
        """Redeem while two others clean up as if it were an hour later; return what was shown."""
        waiting, lock, over = iter(codes), threading.Lock(), threading.Event()
        shown: set[str] = set()

        def live() -> None:
            with lock:
                code = next(waiting, None)
            if code is None:
                while not over.is_set():
                    Message.objects.filter(state="queued").update(
                        state="failed", next_attempt_at=None
                    )
                    clean_up(NOW + timedelta(hours=1))
                return
            result = ask(code, disclose=disclose)
            assert result.card is not None
            with lock:
                shown.add(open_field(result.card.code_encrypted, field="code"))
                if len(shown) >= 10:
                    over.set()

        try:
            outcomes = run_at_once(len(codes) + 2, live)
        finally:
            over.set()
        assert [one for one in outcomes if one is not None] == []
        clean_up(NOW + timedelta(hours=1))
        return shown


class TestTwoAtOnce:
    def test_clean_up_takes_a_card_back_once(self, world: World) -> None:
        results = [stuck_one(world) for _ in range(10)]
        outcomes = run_at_once(8, clean_up)
        counts = [one.taken_back for one in outcomes if not isinstance(one, Exception)]
        assert len(counts) == 8, outcomes
        assert sum(counts) == 10
        assert refunds() == [2_500] * 10
        assert {row(result).state for result in results} == {"failed"}
        assert world.balance() == 100_000

    def test_cancel_ends_a_redemption_once(self, world: World) -> None:
        result = redeem_one(world)
        outcomes = run_at_once(8, lambda: cancel(result))
        assert sum(not isinstance(one, Exception) for one in outcomes) == 1
        assert refunds() == [2_500]
        assert broken_invariants() == {}

    def test_replace_takes_as_many_cards_as_it_was_called(self, world: World) -> None:
        result = redeem_one(world)
        world.stock(8)
        outcomes = run_at_once(4, lambda: replace(result))
        done = sum(not isinstance(one, Exception) for one in outcomes)
        assert done >= 1
        assert GiftCard.objects.filter(status="void").count() == done
        assert GiftCard.objects.filter(status="available").count() == 8 - done
        assert world.balance() == 100_000 - 2_500
        assert broken_invariants() == {}
