"""Everybody does everything with a few cards, in an order that a seed decides.

What was seen is written down by who saw it. At the end of each run no code was seen by two people,
none that was seen is in stock, and all that is promised of money and cards holds.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random  # noqa: TID251  it decides in which order things happen in a test
from uuid import UUID

import pytest

from alerts.errors import ServiceError
from credit.selectors.viewers import SYSTEM
from giftcards.models import CardEvent, GiftCard
from giftcards.services.revealing import reveal_card
from giftcards.services.secrets import open_field
from redemption.models import Redemption, Replacement
from redemption.services.cancelling import cancel_redemption
from redemption.services.disclosure import Disclosure
from redemption.services.redeem import Contact
from redemption.services.replacing import replace_card
from redemption.services.serving import serve_waiting
from redemption.services.showing import show_card
from redemption.services.stuck import clean_up_stuck
from sms.emulator import Emulator
from sms.models import Message, MessageTemplate
from sms.services.sending import send_due_messages
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.redemption.asking import ask
from tests.redemption.taking_back import WHY
from tests.staff import make_user
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)

CROWD = 8
STEPS = 16
PEOPLE = 12
CARDS = 14
Deed = Callable[[Random], object]


class NothingYetError(Exception):
    """Nobody has redeemed anything, so there is nothing to do it with."""


class Storm:
    """A world, what can be done in it, and who has seen which code."""

    def __init__(self, seed: int) -> None:
        self.world = build_world(credit_minor=10_000_000)
        self.world.stock(CARDS)
        self.codes = self.world.invite(PEOPLE)
        # Each has a number of their own, so that a text says whose it is.
        self.phones = {code: f"+1206555{n:04d}" for n, code in enumerate(self.codes)}
        self.people = {self.world.recipient(code).pk: phone for code, phone in self.phones.items()}
        for purpose in ("reward", "resend"):
            MessageTemplate.objects.create(
                client=self.world.client, purpose=purpose, channel="sms", body="{{code}}"
            )
        self.boss = make_user(is_superuser=True)
        self.seen: dict[str, set[str]] = defaultdict(set)
        self.surprises: list[BaseException] = []
        self._seeds = iter(range(seed * 1000, seed * 1000 + CROWD))
        self._lock = threading.Lock()

    def live(self) -> None:
        with self._lock:
            random = Random(next(self._seeds))
        deeds: list[Deed] = [
            self.redeem, self.redeem, self.redeem_on_screen, self.show, self.show, self.send,
            self.lose_texts, self.clean_up, self.clean_up, self.cancel, self.replace, self.look,
            self.serve,
        ]  # fmt: skip
        for _ in range(STEPS):
            try:
                random.choice(deeds)(random)
            except (ServiceError, NothingYetError):
                pass  # a refusal is an answer
            except Exception as error:  # noqa: BLE001  whatever it is, it is not expected
                self.surprises.append(error)

    def note(self, code: str, person: str) -> None:
        with self._lock:
            self.seen[code].add(person)

    # --- What people do -------------------------------------------------------------------------
    def redeem(self, random: Random) -> None:
        code = random.choice(self.codes)
        ask(code, contact=Contact(method="sms", to=self.phones[code]), now=datetime.now(UTC))

    def redeem_on_screen(self, random: Random) -> None:
        code = random.choice(self.codes)
        nowhere = Contact(method="none")
        result = ask(code, contact=nowhere, disclose=True, now=datetime.now(UTC))
        if result.card is not None:
            self.note(open_field(result.card.code_encrypted, field="code"), self.phones[code])

    def show(self, random: Random) -> None:
        redemption = self.any_redemption(random)
        shown = show_card(redemption_id=redemption, actor="customer", now=datetime.now(UTC))
        if shown is not None:
            self.note(shown.code, self.person(redemption))

    # --- What we do -----------------------------------------------------------------------------
    def send(self, _random: Random) -> None:
        send_due_messages(now=datetime.now(UTC), batch_size=5)

    def lose_texts(self, _random: Random) -> None:
        Message.objects.filter(state="queued").update(state="failed", next_attempt_at=None)

    def serve(self, _random: Random) -> None:
        serve_waiting(now=datetime.now(UTC), limit=3)

    def clean_up(self, _random: Random) -> None:
        clean_up_stuck(now=datetime.now(UTC) + timedelta(hours=1), limit=20)

    def cancel(self, random: Random) -> None:
        redemption = self.any_redemption(random)
        now = datetime.now(UTC)
        cancel_redemption(viewer=SYSTEM, redemption_id=redemption, reason=WHY, now=now)

    def replace(self, random: Random) -> None:
        redemption = self.any_redemption(random)
        now = datetime.now(UTC)
        replace_card(viewer=SYSTEM, redemption_id=redemption, reason="Empty", now=now)

    def look(self, random: Random) -> None:
        held = list(GiftCard.objects.exclude(status="available").values_list("pk", flat=True))
        if held and random.random() < 0.3:
            now = datetime.now(UTC)
            card = random.choice(held)
            reveal_card(card_id=card, user=self.boss, address="::1", reason="Why not", now=now)

    # --- How it ends ----------------------------------------------------------------------------
    def any_redemption(self, random: Random) -> UUID:
        found = list(Redemption.objects.order_by("created_at").values_list("pk", flat=True))
        if not found:
            raise NothingYetError
        return random.choice(found)

    def person(self, redemption_id: UUID) -> str:
        return self.people[Redemption.objects.get(pk=redemption_id).recipient_id]

    def read_texts(self, emulator: Emulator) -> None:
        for text in emulator.messages():
            if text.body.startswith("GIFT-"):  # and no notice of a delay
                self.note(text.body, text.to)

    def seen_and_in_stock(self) -> set[str]:
        cards = GiftCard.objects.filter(status="available").values_list("code_encrypted", flat=True)
        return {open_field(sealed, field="code") for sealed in cards} & set(self.seen)

    def seen_by_two(self) -> dict[str, set[str]]:
        return {code: people for code, people in self.seen.items() if len(people) > 1}


class TestStorm:
    @pytest.mark.parametrize("seed", [1, 2, 3, 4])
    def test_shows_each_code_to_one_person_and_adds_up(
        self, texting: object, twilio_emulator: Emulator, seed: int
    ) -> None:
        storm = Storm(seed)
        run_at_once(CROWD, storm.live)
        storm.read_texts(twilio_emulator)
        assert storm.surprises == []
        assert storm.seen_by_two() == {}
        assert storm.seen_and_in_stock() == set()
        assert broken_invariants() == {}
        seen = GiftCard.objects.filter(disclosed_at__isnull=False)
        assert not seen.filter(status="available").exists()
        # What happened was worth the while, and every step of a card names who took it.
        assert storm.seen
        states = set(Redemption.objects.values_list("state", flat=True))
        assert states & {"failed", "cancelled"}
        assert Replacement.objects.count() + len(states) > 2
        actors = set(CardEvent.objects.values_list("actor", flat=True))
        assert actors <= {"key:test", "customer", "system", f"user:{storm.boss.pk}"}

    def test_control_without_the_lock_somebody_sees_another_ones_code(
        self, texting: object, twilio_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for place in ("showing", "texts"):
            monkeypatch.setattr(f"redemption.services.{place}.disclose_redemption", look_only)
        for seed in range(10, 20):
            storm = Storm(seed)
            run_at_once(CROWD, storm.live)
            storm.read_texts(twilio_emulator)
            if storm.seen_by_two() or storm.seen_and_in_stock():
                return
        raise AssertionError("the storm can't lose")


def look_only(*, redemption_id: UUID, actor: str, now: datetime) -> Disclosure | None:
    """Do what disclosure must not: read without the lock, and leave no mark."""
    redemption = Redemption.objects.select_related("card").get(pk=redemption_id)
    return Disclosure(card=redemption.card) if redemption.state == "issued" else None
