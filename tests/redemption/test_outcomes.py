"""What becomes of a reward when its text gets through, or does not."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import override_settings
from pytest_django import Settings

from alerts.models import Alert
from alerts.transactions import MissingTransactionError, transaction
from credit.models import Transaction
from giftcards.models import CardEvent, GiftCard
from redemption.models import DeskTask, Redemption
from redemption.services.outcomes import record_outcome
from redemption.services.redeem import (
    AlreadyProvisionedError,
    Caller,
    Contact,
    RedeemResult,
    redeem,
)
from sms.emulator import Emulator
from sms.models import Message
from sms.services.parties import MessageEvent, Outcome
from sms.services.sending import send_due_messages
from sms.services.status import record_status_report
from tests.redemption.taking_back import cancel
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+12065550101"


@pytest.fixture
def world() -> World:
    return build_world()


def ask(code: str, *, to: str = PHONE, disclose: bool = False) -> RedeemResult:
    return redeem(
        caller=Caller(door=Redemption.Door.API, actor="key:1", request_id=str(uuid4())),
        contact=Contact(method="sms", to=to),
        code=code,
        disclose=disclose,
        now=NOW,
    )


def tell(result: RedeemResult, *outcomes: str, purpose: str = "reward", state: str = "") -> None:
    assert result.message_id is not None
    message = Message.objects.get(pk=result.message_id)
    events = [
        MessageEvent(
            message_id=message.pk,
            client_id=message.client_id,
            purpose=purpose,
            channel="sms",
            reference_kind="redemption",
            reference_id=result.redemption_id,
            outcome=Outcome(outcome),
            state=state,
            error_code="30006",
        )
        for outcome in outcomes
    ]
    with transaction():
        record_outcome(events=events, now=NOW)


def card_of(result: RedeemResult) -> GiftCard:
    assert result.card is not None
    return GiftCard.objects.get(pk=result.card.card_id)


def state_of(result: RedeemResult) -> str:
    return Redemption.objects.get(pk=result.redemption_id).state


class TestRecordOutcome:
    def test_of_a_text_that_was_taken_delivers_card_and_reward(self, world: World) -> None:
        world.stock(1)
        result = ask(world.invite()[0])
        assert (state_of(result), card_of(result).status) == ("issued", "claimed")
        tell(result, "accepted")
        card = card_of(result)
        assert (state_of(result), card.status) == ("delivered", "delivered")
        assert (card.delivered_at, card.disclosed_at) == (NOW, None)
        assert Redemption.objects.get().delivered_at == NOW
        event = CardEvent.objects.order_by("pk").last()
        assert event is not None
        assert (event.from_status, event.to_status, event.actor) == (
            "claimed",
            "delivered",
            "system",
        )
        assert not Alert.objects.exists()

    def test_of_a_text_that_arrived_confirms_the_reward(self, world: World) -> None:
        world.stock(1)
        result = ask(world.invite()[0])
        tell(result, "accepted")
        tell(result, "delivered")
        assert state_of(result) == "confirmed"
        assert Redemption.objects.get().confirmed_at == NOW

    def test_of_an_arrival_that_nobody_announced_does_both(self, world: World) -> None:
        world.stock(1)
        result = ask(world.invite()[0])
        tell(result, "delivered")
        assert (state_of(result), card_of(result).status) == ("confirmed", "delivered")

    def test_repeated_changes_nothing_more(self, world: World) -> None:
        world.stock(1)
        result = ask(world.invite()[0])
        for _ in range(3):
            tell(result, "accepted", "delivered")
        assert state_of(result) == "confirmed"
        assert CardEvent.objects.filter(to_status="delivered").count() == 1

    def test_of_a_card_seen_on_the_screen_only_confirms(self, world: World) -> None:
        world.stock(1)
        result = ask(world.invite()[0], disclose=True)
        seen_at = card_of(result).disclosed_at
        tell(result, "accepted", "delivered")
        assert state_of(result) == "confirmed"
        assert card_of(result).disclosed_at == seen_at

    def test_of_a_test_needs_no_card(self, world: World) -> None:
        result = ask(world.invite(is_test=True)[0])
        tell(result, "accepted", "delivered")
        assert state_of(result) == "confirmed"
        assert not GiftCard.objects.exists()

    def test_of_a_reward_that_was_taken_back_changes_nothing(self, world: World) -> None:
        world.stock(1)
        result = ask(world.invite()[0])
        cancel(result)
        tell(result, "accepted", "delivered")
        assert (state_of(result), card_of(result).status) == ("cancelled", "available")

    def test_of_another_message_about_the_reward_changes_nothing(self, world: World) -> None:
        world.stock(1)
        result = ask(world.invite()[0])
        tell(result, "accepted", "delivered", "given_up", purpose="delay_notice")
        assert (state_of(result), card_of(result).status) == ("issued", "claimed")
        assert not Alert.objects.exists()

    def test_of_giving_up_asks_a_person_and_keeps_the_card_with_its_recipient(
        self, world: World
    ) -> None:
        world.stock(2)
        code = world.invite()[0]
        result = ask(code)
        tell(result, "accepted")
        tell(result, "given_up", state="undelivered")
        task = DeskTask.objects.get()
        assert (task.kind, task.phone, task.done_at) == ("reward_not_delivered", PHONE, None)
        assert task.note.startswith("The text was given up (error 30006).")
        assert task.due_at == NOW + timedelta(minutes=30)
        assert (task.client_id, task.recipient_id) == (world.client.pk, result.recipient_id)
        assert task.redemption_id == result.redemption_id
        # A single reward is the desk's business, no alarm of the platform.
        assert not Alert.objects.exists()
        assert state_of(result) == "delivered"
        assert card_of(result).holder_id == result.redemption_id
        with pytest.raises(AlreadyProvisionedError):
            ask(code)
        assert GiftCard.objects.filter(status="available").count() == 1
        assert Transaction.objects.filter(kind="redemption").count() == 1

    def test_of_giving_up_has_time_when_the_card_was_seen(self, world: World) -> None:
        world.stock(1)
        result = ask(world.invite()[0], disclose=True)
        tell(result, "given_up")
        task = DeskTask.objects.get()
        assert task.due_at == NOW + timedelta(hours=24)
        assert "They have seen the card on the screen." in task.note

    def test_of_an_arrival_after_all_settles_the_task(self, world: World) -> None:
        world.stock(1)
        result = ask(world.invite()[0])
        tell(result, "accepted", "given_up")
        tell(result, "delivered")
        task = DeskTask.objects.get()
        assert (task.outcome, task.done_at, task.done_by) == ("settled", NOW, None)
        assert state_of(result) == "confirmed"

    def test_is_part_of_the_callers_transaction(self, world: World) -> None:
        with pytest.raises(MissingTransactionError):
            record_outcome(events=[], now=NOW)


class TestARewardsText:
    """From the code to the confirmed reward, and what a dead phone leaves."""

    @pytest.fixture(autouse=True)
    def _settings(self, twilio_settings: Settings) -> object:
        with override_settings(PUBLIC_BASE_URL="http://127.0.0.1:1"):
            yield

    def test_carries_the_link_and_confirms_the_reward(
        self, world: World, twilio_emulator: Emulator
    ) -> None:
        world.stock(1)
        result = ask(world.invite()[0])
        assert send_due_messages(now=NOW) == 1
        (text,) = twilio_emulator.messages()
        assert f"/r/{result.reveal_token}/" in text.body
        assert state_of(result) == "delivered"
        record_status_report(
            message_id=result.message_id or uuid4(),
            provider_id=text.sid,
            status="delivered",
            error_code="",
            now=NOW,
        )
        assert state_of(result) == "confirmed"
        message = Message.objects.get()
        assert result.reveal_token is not None
        stored = str(Message.objects.values()) + str(message.attempts.values())
        assert result.reveal_token not in stored
        assert "/r/••••/" in message.preview

    def test_that_never_arrives_costs_one_card(
        self, world: World, twilio_emulator: Emulator
    ) -> None:
        world.stock(3)
        result = ask(world.invite()[0], to="+15005521614")
        send_due_messages(now=NOW)
        assert Message.objects.get().state == "failed"
        assert state_of(result) == "issued"
        task = DeskTask.objects.get()
        assert (task.kind, task.phone) == ("bad_number", "+15005521614")
        assert GiftCard.objects.filter(status="available").count() == 2
        assert Transaction.objects.filter(kind="redemption").count() == 1
        assert world.balance() == 100_000 - 2500
