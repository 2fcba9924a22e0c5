"""Where a message and a redemption may go from each of their states, and where not."""

from typing import Any, Final

import psycopg
import pytest

from giftcards.models import GiftCard
from redemption.models import Redemption
from sms.models import Message
from tests.guards.raw import as_application, without
from tests.redemption.asking import ask
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED: Final = psycopg.errors.RestrictViolation

# The states of a message from its beginning to its ends; one rank never follows itself.
RANKS: Final = [
    {"queued"},
    {"sending"},
    {"unknown"},
    {"accepted"},
    {"sent"},
    {"undelivered", "failed"},
    {"suppressed", "cancelled"},
    {"delivered", "manually_delivered"},
]
# A try that failed is tried again: back to the queue, or straight to the next try.
TRIED_AGAIN: Final = {
    *((state, "queued") for state in ("sending", "unknown", "accepted", "sent")),
    *((state, "queued") for state in ("undelivered", "failed")),
    *((state, "sending") for state in ("undelivered", "failed", "unknown")),
}
MESSAGE_STATES: Final = list(Message.State.values)

GIVEN: Final = {"issued", "delivered", "confirmed"}
REDEMPTION_STATES: Final = list(Redemption.State.values)


def rank(state: str) -> int:
    return next(number for number, states in enumerate(RANKS) if state in states)


def message_may(before: str, after: str) -> bool:
    return before == after or rank(after) > rank(before) or (before, after) in TRIED_AGAIN


def redemption_may(before: str, after: str) -> bool:
    """Tell what becomes of a reward: given, it stays so or is taken back; cancelled is the end."""
    if before in GIVEN:
        return after in GIVEN | {"cancelled", "failed"}
    return before != "cancelled" or after == "cancelled"


@pytest.fixture(autouse=True)
def rows() -> None:
    world = build_world()
    world.stock(1)
    ask(world.invite()[0])
    # What has ended holds no card, which is another guard's business.
    GiftCard.objects.update(status="void")


def set_state(connection: psycopg.Connection[Any], table: str, state: str) -> None:
    due = ", next_attempt_at = NULL" if table == "sms_message" else ""
    connection.execute(f"UPDATE {table} SET state = %s{due}", [state])


def check(table: str, guard: str, before: str, after: str, *, allowed: bool) -> None:
    """Try a step as the application; where it is refused, show that only the guard refuses it."""
    with without(guard, table) as owner:
        if table == "redemption_redemption":
            # That it is being prepared by an order is another guard's business.
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER redemption_fits_its_order")
        set_state(owner, table, before)
        set_state(owner, table, after)  # the control: nothing else is in the way
        set_state(owner, table, before)
        owner.execute("SET CONSTRAINTS ALL IMMEDIATE")  # pending checks forbid the next line
        owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER {guard}")
        if allowed:
            set_state(owner, table, after)
            return
        with pytest.raises(REFUSED, match=f"can not go from {before} to {after}"):
            set_state(owner, table, after)


class TestMessage:
    @pytest.mark.parametrize("before", MESSAGE_STATES)
    def test_only_goes_forward(self, before: str) -> None:
        for after in MESSAGE_STATES:
            check(
                "sms_message",
                "sms_message_only_forward",
                before,
                after,
                allowed=message_may(before, after),
            )

    def test_is_kept_to_it_for_the_application_too(self) -> None:
        with as_application() as connection:
            set_state(connection, "sms_message", "delivered")
            with pytest.raises(REFUSED):
                set_state(connection, "sms_message", "sent")


class TestRedemption:
    @pytest.mark.parametrize("before", REDEMPTION_STATES)
    def test_goes_nowhere_it_may_not(self, before: str) -> None:
        for after in REDEMPTION_STATES:
            check(
                "redemption_redemption",
                "redemption_transition",
                before,
                after,
                allowed=redemption_may(before, after),
            )
