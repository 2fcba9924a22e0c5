"""The clean-up of cards that were claimed and went nowhere."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection

from alerts.models import Alert
from credit.models import AuditEvent
from giftcards.models import GiftCard
from giftcards.services.revealing import reveal_card
from giftcards.services.taking_back import return_card
from redemption.models import Redemption
from redemption.services.disclosure import disclose_redemption
from redemption.services.stuck import MANY_STUCK, STUCK_CARD, TAKEN_BACK, CleanUp
from redemption.tasks import clean_up_stuck as task
from sms.models import Message
from tests.invariants import broken_invariants
from tests.redemption.asking import ask
from tests.redemption.taking_back import (
    LATER,
    cancel_text,
    card_of,
    clean_up,
    give_up_text,
    history,
    live_links,
    message_states,
    redeem_one,
    refunds,
    replace,
    row,
)
from tests.staff import make_user
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

NOTHING = CleanUp()


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    assert broken_invariants() == {}


def alerts(kind: str) -> list[tuple[str, str]]:
    rows = Alert.objects.filter(kind=kind).order_by("first_seen_at")
    return list(rows.values_list("severity", "state"))


class TestTakesBack:
    def test_what_is_on_no_way_any_more(self, world: World) -> None:
        result = redeem_one(world)
        give_up_text(result)
        assert clean_up() == CleanUp(taken_back=1)
        card, redemption = card_of(result), row(result)
        assert (card.status, card.holder_id) == ("available", None)
        assert (redemption.state, redemption.reason_code) == ("failed", "GC-014")
        assert (redemption.failed_at, redemption.card_id) == (LATER, None)
        assert world.balance() == 100_000
        assert refunds() == [2_500]
        assert live_links(result) == []

    def test_what_nobody_was_to_be_told_of(self, world: World) -> None:
        from redemption.services.redeem import Contact

        redeem_one(world, contact=Contact(method="none"))
        assert clean_up() == CleanUp(taken_back=1)

    def test_and_lets_the_code_be_redeemed_anew_in_a_new_row(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        first = ask(code)
        give_up_text(first)
        clean_up()
        second = ask(code)
        assert second.state == "issued"
        assert second.redemption_id != first.redemption_id
        assert second.reveal_token != first.reveal_token
        assert row(first).state == "failed"
        assert world.balance() == 100_000 - 2_500

    def test_with_a_record_of_everything(self, world: World) -> None:
        result = redeem_one(world)
        give_up_text(result)
        clean_up()
        assert history(card_of(result))[-1] == (
            "claimed", "available", "system", "Stuck: claimed, and on its way to nobody",
        )  # fmt: skip
        event = AuditEvent.objects.get(action="redemption.taken_back")
        assert (event.actor, event.client_id) == ("system", world.client.pk)
        assert event.details["after"]["refunded_minor"] == 2_500
        assert alerts(TAKEN_BACK) == [("warning", "open")]
        assert Alert.objects.get(kind=TAKEN_BACK).client_id == world.client.pk
        assert alerts(STUCK_CARD) == []

    def test_each_only_once(self, world: World) -> None:
        give_up_text(redeem_one(world))
        clean_up()
        assert clean_up() == NOTHING
        assert refunds() == [2_500]

    def test_all_of_them_page_by_page(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("redemption.services.stuck._PAGE", 2)
        results = [redeem_one(world) for _ in range(5)]
        for result in results:
            give_up_text(result)
        # The one that stays must not be in the others' way.
        look_at(card_of(results[0]))
        assert clean_up() == CleanUp(taken_back=4, sent_again=1)

    def test_as_the_clock_asks(self, world: World) -> None:
        give_up_text(redeem_one(world))
        task()
        assert GiftCard.objects.get().status == "available"


class TestLeavesAlone:
    def test_what_is_not_old_enough(self, world: World) -> None:
        give_up_text(redeem_one(world))
        assert clean_up(NOW + timedelta(minutes=10)) == NOTHING
        assert GiftCard.objects.get().status == "claimed"

    @pytest.mark.parametrize("state", ["queued", "sending", "unknown", "failed", "undelivered"])
    def test_what_has_a_message_in_work_a_slow_retry_too(self, world: World, state: str) -> None:
        redeem_one(world)
        Message.objects.update(state=state, next_attempt_at=LATER + timedelta(hours=6))
        assert clean_up() == NOTHING
        assert (GiftCard.objects.get().status, Redemption.objects.get().state) == (
            "claimed", "issued",
        )  # fmt: skip

    def test_what_was_shown(self, world: World) -> None:
        result = redeem_one(world)
        give_up_text(result)
        disclose_redemption(redemption_id=result.redemption_id, actor="customer", now=NOW)
        assert clean_up() == NOTHING
        assert card_of(result).status == "delivered"
        assert world.balance() == 100_000 - 2_500

    def test_what_was_delivered_unopened(self, world: World) -> None:
        redeem_one(world)
        Message.objects.update(state="accepted", next_attempt_at=None)
        GiftCard.objects.update(status="delivered", delivered_at=NOW)
        assert clean_up() == NOTHING

    def test_what_waits_in_stock(self, world: World) -> None:
        world.stock(1)
        assert clean_up() == NOTHING

    def test_what_another_kind_of_holder_has(self, world: World) -> None:
        (card,) = world.stock(1)
        claim(world, holder_kind="reward")
        try:
            assert clean_up() == NOTHING
            card.refresh_from_db()
            assert card.status == "claimed"
        finally:
            GiftCard.objects.update(status="void")  # a reward's holder is not built yet


class TestKeeps:
    def test_what_staff_has_seen_with_its_recipient_and_sends_it_once_more(
        self, world: World
    ) -> None:
        result = redeem_one(world)
        give_up_text(result)
        look_at(card_of(result))
        assert clean_up() == CleanUp(sent_again=1)
        assert (card_of(result).status, row(result).state) == ("claimed", "issued")
        assert message_states(result) == [("reward", "failed"), ("resend", "queued")]
        assert alerts(STUCK_CARD) == [("warning", "open")]
        assert refunds() == []
        assert clean_up() == NOTHING  # its text is in work

        Message.objects.filter(purpose="resend").update(state="failed", next_attempt_at=None)
        assert clean_up() == CleanUp(kept=1)
        assert len(message_states(result)) == 2
        assert "cancel or replace" in Alert.objects.get(kind=STUCK_CARD).message

        disclose_redemption(redemption_id=result.redemption_id, actor="user:1", now=LATER)
        assert clean_up() == NOTHING
        assert alerts(STUCK_CARD) == [("warning", "resolved")]

    def test_what_stands_for_a_card_that_was_seen(self, world: World) -> None:
        world.stock(1)
        result = redeem_one(world, disclose=True)
        replace(result, now=NOW)
        Message.objects.filter(purpose="resend").update(state="failed", next_attempt_at=None)
        assert clean_up() == CleanUp(kept=1)
        assert refunds() == []
        assert row(result).state == "issued"

    def test_what_a_text_has_brought_without_our_noticing(self, world: World) -> None:
        result = redeem_one(world)
        Message.objects.update(state="delivered", next_attempt_at=None)
        assert clean_up() == CleanUp(sent_again=1)
        assert card_of(result).status == "claimed"


class TestQuarantines:
    def test_a_card_whose_holder_is_not_there(self, world: World) -> None:
        (card,) = world.stock(1)
        claim(world)
        assert clean_up() == CleanUp(quarantined=1)
        card.refresh_from_db()
        assert card.status == "quarantined"
        assert alerts(STUCK_CARD) == [("critical", "open")]
        assert history(card)[-1][2:] == ("system", "Stuck: its holder lacks it")
        assert clean_up() == NOTHING
        assert alerts(STUCK_CARD) == [("critical", "open")]

    def test_a_card_whose_holder_waits_for_one(self, world: World) -> None:
        result = ask(world.invite()[0])
        cancel_text(result)
        world.stock(1)
        claim(world, holder_id=str(result.redemption_id))
        assert clean_up() == CleanUp(quarantined=1)
        assert row(result).state == "waiting_stock"
        GiftCard.objects.update(status="void")


class TestManyStuckAtOnce:
    def test_are_an_alert_of_their_own_that_ends_by_itself(self, world: World) -> None:
        for result in [redeem_one(world) for _ in range(6)]:
            give_up_text(result)
        assert clean_up() == CleanUp(taken_back=6)
        assert alerts(MANY_STUCK) == [("critical", "open")]
        assert len(alerts(TAKEN_BACK)) == 6
        clean_up()
        assert alerts(MANY_STUCK) == [("critical", "resolved")]

    def test_begin_at_six(self, world: World) -> None:
        for result in [redeem_one(world) for _ in range(5)]:
            give_up_text(result)
        clean_up()
        assert alerts(MANY_STUCK) == []


class TestOneThatFails:
    def test_keeps_no_other_from_going_back(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from redemption.services.cancelling import RedemptionStateError

        first, second = redeem_one(world), redeem_one(world)
        give_up_text(first)
        give_up_text(second)
        real = return_card

        def fail_once(**facts: object) -> bool:
            if facts["card_id"] == card_of(first).pk:
                raise RedemptionStateError(redemption_id=uuid4(), state="x")
            return real(**facts)  # type: ignore[arg-type]

        monkeypatch.setattr("redemption.services.ending.return_card", fail_once)
        assert clean_up() == CleanUp(taken_back=1, failed=1)
        assert (row(first).state, card_of(first).status) == ("issued", "claimed")
        assert live_links(first) == [1]
        monkeypatch.undo()
        assert clean_up() == CleanUp(taken_back=1)


def look_at(card: GiftCard) -> None:
    """Let somebody of the staff see a card's code."""
    boss = make_user(is_superuser=True)
    reveal_card(card_id=card.pk, user=boss, address="::1", reason="Reads it out", now=NOW)


def claim(world: World, *, holder_kind: str = "redemption", holder_id: str = "") -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM giftcards_claim_card(%s, %s, %s, %s)",
            [world.pool.pk, holder_kind, holder_id or str(uuid4()), NOW],
        )
