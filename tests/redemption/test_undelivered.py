"""Who is not reached is found on the desk's list, until their reward has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from alerts.models import Alert
from alerts.transactions import transaction
from credit.models import User
from credit.selectors.viewers import SYSTEM, Viewer, viewer_of_user
from giftcards.models import GiftCard
from redemption.models import DeskTask, Recipient
from redemption.services.by_hand import mark_delivered_by_hand
from redemption.services.cancelling import cancel_redemption
from redemption.services.redeem import Contact, RedeemResult
from redemption.services.replacing import replace_card
from redemption.services.resending import resend_reward
from redemption.services.serving import serve_waiting
from sms.emulator import Emulator
from sms.models import Message
from sms.services.consents import Proof, revoke_consent
from sms.services.parties import Outcome
from sms.services.sending import send_due_messages
from tests.redemption.asking import ask
from tests.redemption.undelivered import fail, tasks, tell
from tests.staff import make_platform_admin
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC).replace(microsecond=0)
PHONE = "+12065550101"
BAD_PHONE = "+15005521614"
ADDRESS = "ana@example.com"


@pytest.fixture
def world(twilio_settings: Settings, mail_server: Emulator) -> World:
    world = build_world()
    world.stock(3)
    return world


def claim(world: World, *, to: str = PHONE, email: str = "", **changes: Any) -> RedeemResult:
    """Redeem a new code of somebody whose address may be known."""
    (code,) = world.invite()
    Recipient.objects.filter(pk=world.recipient(code).pk).update(email=email)
    contact = Contact(method="sms", to=to)
    return ask(code, **{"contact": contact, "now": NOW, **changes})


def send(*after: float) -> None:
    for seconds in after or (0,):
        send_due_messages(now=NOW + timedelta(seconds=seconds))


def opt_out(world: World) -> None:
    with transaction():
        revoke_consent(
            client_ids=[world.client.pk],
            phone=PHONE,
            proof=Proof(way="reply", actor="system"),
            now=NOW,
        )


# The error as the provider gives it, the seconds after which it is tried again, and what a person
# then finds on the list where no e-mail can follow.
CLASSES = [
    pytest.param("refused", 30008, (0, 40, 400), "reward_not_delivered", id="retry"),
    pytest.param(
        "refused", 30003, (0, 2200, 10_500, 35_000), "reward_not_delivered", id="retry slowly"
    ),
    pytest.param("refused", 21614, (0,), "bad_number", id="permanent"),
    pytest.param("reported", 30005, (0,), "bad_number", id="permanent, told later"),
    pytest.param("refused", 21610, (0,), "reward_not_delivered", id="opted out"),
    pytest.param("refused", 30007, (0,), "reward_not_delivered", id="filtered"),
    pytest.param("reported", 30007, (0,), "reward_not_delivered", id="filtered, told later"),
]


class TestEveryClass:
    @pytest.mark.parametrize(("how", "code", "tries", "kind"), CLASSES)
    def test_ends_on_the_list_where_no_email_follows(
        self,
        world: World,
        twilio_emulator: Emulator,
        settings: Settings,
        live_server: Any,
        how: str,
        code: int,
        tries: tuple[float, ...],
        kind: str,
    ) -> None:
        settings.PUBLIC_BASE_URL = live_server.url
        action = "error" if how == "refused" else "undelivered"
        twilio_emulator.set_faults([{"action": action, "code": code}])
        result = claim(world)
        for seconds in tries:
            assert tasks() == []
            send(seconds)
        assert twilio_emulator.wait_until_quiet()
        (task,) = DeskTask.objects.all()
        assert (task.kind, task.phone, task.outcome) == (kind, PHONE, "")
        assert (task.redemption_id, task.client_id) == (result.redemption_id, world.client.pk)
        assert not Alert.objects.filter(kind="reward_not_delivered").exists()
        # The card stays with its recipient, and there is no second one.
        assert GiftCard.objects.exclude(status="available").count() == 1

    @pytest.mark.parametrize(("how", "code", "tries", "kind"), CLASSES)
    def test_is_settled_by_the_email_where_one_follows(
        self,
        world: World,
        twilio_emulator: Emulator,
        settings: Settings,
        live_server: Any,
        how: str,
        code: int,
        tries: tuple[float, ...],
        kind: str,
    ) -> None:
        settings.PUBLIC_BASE_URL = live_server.url
        action = "error" if how == "refused" else "undelivered"
        twilio_emulator.set_faults([{"action": action, "code": code}])
        claim(world, email=ADDRESS)
        send(*tries)
        assert twilio_emulator.wait_until_quiet()
        # A callback's e-mail is due by the clock, which has gone on since this file was read.
        send((datetime.now(UTC) - NOW).total_seconds() + tries[-1] + 60)
        assert Message.objects.get(channel="email").state == "accepted"
        # A bad number was a person's business from the first moment.
        assert tasks() == ([("bad_number", "settled")] if kind == "bad_number" else [])

    def test_of_who_said_stop_before_it_was_sent(self, world: World) -> None:
        claim(world)
        opt_out(world)
        send()
        task = DeskTask.objects.get()
        assert task.kind == "reward_not_delivered"
        assert task.note.startswith("They have replied STOP, so no text may go to this number.")

    def test_of_our_own_set_up_asks_nobody_at_the_desk(
        self, world: World, twilio_emulator: Emulator
    ) -> None:
        twilio_emulator.set_faults([{"action": "error", "code": 20003}])
        claim(world)
        send()
        # It waits and goes out when that is mended; who mends it is the platform.
        assert tasks() == []
        assert Alert.objects.filter(severity="critical", state="open").exists()


class TestTheTask:
    def test_names_the_other_number_that_is_known(self, world: World) -> None:
        result = claim(world, to=BAD_PHONE)
        Recipient.objects.update(phone=PHONE)
        send()
        task = DeskTask.objects.get()
        assert (task.kind, task.phone) == ("bad_number", PHONE)
        assert task.redemption_id == result.redemption_id

    def test_is_one_however_often_it_fails(self, world: World) -> None:
        result = claim(world)
        for _ in range(3):
            fail(result.message_id)
        assert tasks() == [("reward_not_delivered", "")]

    def test_of_a_test_code_says_so(self, world: World) -> None:
        result = ask(world.invite(is_test=True)[0], contact=Contact(method="sms", to=PHONE))
        fail(result.message_id)
        assert DeskTask.objects.get().note.startswith("A test code. The text was given up")

    def test_is_not_opened_for_a_notice_that_it_takes_longer(self, world: World) -> None:
        GiftCard.objects.update(status="void")
        claim(world)
        (notice,) = Message.objects.all()
        fail(notice.pk)
        assert tasks() == [("call_back", "")]


def resend(viewer: Viewer, key: UUID) -> None:
    resend_reward(viewer=viewer, redemption_id=key, to="+12065550102", now=NOW)


def by_hand(viewer: Viewer, key: UUID) -> None:
    mark_delivered_by_hand(viewer=viewer, redemption_id=key, note="Read out", now=NOW)


def replace(viewer: Viewer, key: UUID) -> None:
    replace_card(viewer=viewer, redemption_id=key, reason="Empty", now=NOW)


def cancel(viewer: Viewer, key: UUID) -> None:
    cancel_redemption(viewer=viewer, redemption_id=key, reason="Moved away", now=NOW)


class TestIsSettled:
    @pytest.mark.parametrize("deed", [resend, by_hand, replace, cancel])
    def test_by_whatever_is_done_about_it(self, world: World, deed: Any) -> None:
        result, other = claim(world), claim(world)
        fail(result.message_id)
        fail(other.message_id)
        deed(SYSTEM, result.redemption_id)
        assert tasks() == [("reward_not_delivered", ""), ("reward_not_delivered", "settled")]
        assert DeskTask.objects.get(redemption=other.redemption_id).outcome == ""

    @pytest.mark.parametrize("deed", [resend, by_hand])
    def test_as_done_by_the_person_who_did_it(self, world: World, deed: Any) -> None:
        result = claim(world)
        fail(result.message_id)
        user: User = make_platform_admin()
        deed(viewer_of_user(user.pk), result.redemption_id)
        task = DeskTask.objects.get()
        assert (task.outcome, task.done_by) == ("done", user)

    def test_by_a_text_that_arrives_after_all(self, world: World) -> None:
        result = claim(world)
        fail(result.message_id)
        tell(result.message_id, Outcome.ACCEPTED)
        assert tasks() == [("reward_not_delivered", "")]
        tell(result.message_id, Outcome.DELIVERED)
        assert tasks() == [("reward_not_delivered", "settled")]

    def test_not_by_a_text_with_a_dead_link(self, world: World) -> None:
        result = claim(world)
        Message.objects.update(state="sent", next_attempt_at=None)
        resend(SYSTEM, result.redemption_id)
        resent = Message.objects.get(purpose="resend")
        fail(resent.pk)
        tell(result.message_id, Outcome.DELIVERED)
        assert tasks() == [("reward_not_delivered", "")]

    def test_together_with_what_settles_it_or_not_at_all(self, world: World) -> None:
        result = claim(world)
        fail(result.message_id)
        with pytest.raises(ZeroDivisionError), transaction():
            mark_in_vain(result)
        assert tasks() == [("reward_not_delivered", "")]


def mark_in_vain(result: RedeemResult) -> None:
    from redemption.services.desk_tasks import settle_tasks

    assert settle_tasks(redemption_ids=[result.redemption_id], now=NOW) == 1
    raise ZeroDivisionError


class TestOutOfStock:
    """Who waits for a card is called back, where there is a number to call."""

    @pytest.fixture(autouse=True)
    def _empty(self, world: World) -> None:
        GiftCard.objects.update(status="void")

    def test_promises_a_call_within_half_an_hour(self, world: World, settings: Settings) -> None:
        result = claim(world)
        assert result.state == "waiting_stock"
        task = DeskTask.objects.get()
        assert (task.kind, task.phone, task.created_by) == ("call_back", PHONE, "system")
        assert task.due_at == NOW + timedelta(seconds=settings.CALL_BACK_WITHIN)
        assert task.redemption_id == result.redemption_id

    def test_promises_none_where_no_number_is_known(self, world: World) -> None:
        claim(world, contact=Contact(method="email", to=ADDRESS))
        assert tasks() == []

    def test_calls_the_number_on_file_of_who_wants_an_email(self, world: World) -> None:
        (code,) = world.invite()
        Recipient.objects.update(phone=PHONE)
        ask(code, contact=Contact(method="email", to=ADDRESS), now=NOW)
        assert DeskTask.objects.get().phone == PHONE

    def test_promises_it_once_however_often_they_ask(self, world: World) -> None:
        (code,) = world.invite()
        for _ in range(3):
            ask(code, contact=Contact(method="sms", to=PHONE), now=NOW)
        assert tasks() == [("call_back", "")]

    def test_needs_no_call_once_the_reward_is_on_its_way(self, world: World) -> None:
        claim(world)
        world.stock(1)
        serve_waiting(now=NOW, limit=10)
        assert tasks() == [("call_back", "")]
        send()
        assert tasks() == [("call_back", "settled")]

    def test_needs_no_call_once_it_was_cancelled(self, world: World) -> None:
        result = claim(world)
        cancel(SYSTEM, result.redemption_id)
        assert tasks() == [("call_back", "settled")]

    def test_keeps_a_call_that_a_person_has_promised(self, world: World) -> None:
        result = claim(world)
        DeskTask.objects.all().update(done_at=NOW, outcome="settled")
        from redemption.services.desk_tasks import open_task

        with transaction():
            open_task(
                kind="call_back",
                client_id=world.client.pk,
                redemption_id=result.redemption_id,
                phone=PHONE,
                due_at=NOW,
                actor=f"user:{make_platform_admin().pk}",
                now=NOW,
            )
        world.stock(1)
        serve_waiting(now=NOW, limit=10)
        send()
        assert tasks() == [("call_back", ""), ("call_back", "settled")]
