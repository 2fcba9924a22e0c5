"""A card's life as the database holds it, over the whole table of transitions."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from giftcards.models import GiftCard
from tests.guards.raw import as_application, as_owner, without
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = psycopg.errors.RestrictViolation
STATES = ["available", "claimed", "delivered", "redeemed", "expired", "quarantined", "void"]
ALLOWED = {
    ("available", "claimed"),
    ("available", "expired"),
    ("claimed", "delivered"),
    ("claimed", "quarantined"),
    ("claimed", "available"),  # while undisclosed
    ("delivered", "available"),  # while undisclosed: the link was never opened
    ("delivered", "redeemed"),
    ("quarantined", "claimed"),  # by the same holder
    *((state, "void") for state in STATES),
}
# How a card comes to each state, step by step.
WAYS = {
    "available": [],
    "claimed": ["claimed"],
    "delivered": ["claimed", "delivered"],
    "redeemed": ["claimed", "delivered", "redeemed"],
    "expired": ["expired"],
    "quarantined": ["claimed", "quarantined"],
    "void": ["void"],
}
HOLDER = uuid4()
CHANGE = "giftcards_card_transition"


@pytest.fixture
def card() -> GiftCard:
    world: World = build_world()
    return world.stock(1)[0]


def move(connection: psycopg.Connection[Any], card_id: UUID, state: str) -> None:
    """Write a state with everything the table wants beside it."""
    held = state in ("claimed", "delivered", "redeemed", "quarantined")
    delivered = state in ("delivered", "redeemed")
    free = state in ("available", "expired")
    connection.execute(
        """
        UPDATE giftcards_giftcard SET status = %(state)s,
            holder_kind = CASE WHEN %(held)s THEN 'redemption' WHEN %(free)s THEN NULL
                ELSE holder_kind END,
            holder_id = CASE WHEN %(held)s THEN %(holder)s WHEN %(free)s THEN NULL
                ELSE holder_id END,
            claimed_at = CASE WHEN %(held)s THEN coalesce(claimed_at, now())
                WHEN %(free)s THEN NULL ELSE claimed_at END,
            delivered_at = CASE WHEN %(delivered)s THEN coalesce(delivered_at, now())
                WHEN %(free)s THEN NULL ELSE delivered_at END
        WHERE id = %(id)s
        """,
        {
            "state": state, "held": held, "free": free, "delivered": delivered,
            "holder": HOLDER, "id": card_id,
        },
    )  # fmt: skip


class TestTransition:
    @pytest.mark.parametrize("before", STATES)
    @pytest.mark.parametrize("after", STATES)
    def test_is_one_of_the_table(self, card: GiftCard, before: str, after: str) -> None:
        with as_application() as connection:
            for state in WAYS[before]:
                move(connection, card.pk, state)
            if before == after or (before, after) in ALLOWED:
                move(connection, card.pk, after)
                return
            with pytest.raises(REFUSED, match="can not"):
                move(connection, card.pk, after)
        with without(CHANGE, "giftcards_giftcard") as connection:
            for state in WAYS[before]:
                move(connection, card.pk, state)
            move(connection, card.pk, after)  # the control: only the guard is in the way

    def test_is_recorded_with_its_actor(self, card: GiftCard) -> None:
        with as_application() as connection:
            connection.execute("SELECT set_config('giftline.actor', 'user:42', true)")
            move(connection, card.pk, "claimed")
            connection.execute("SELECT set_config('giftline.actor', '', true)")
            move(connection, card.pk, "delivered")
            rows = connection.execute(
                "SELECT from_status, to_status, actor FROM giftcards_cardevent ORDER BY id"
            ).fetchall()
        assert rows[0] == ("available", "claimed", "user:42")
        assert rows[1][:2] == ("claimed", "delivered")
        assert rows[1][2].startswith("database:")


class TestDisclosure:
    def test_keeps_a_card_out_of_stock_for_ever(self, card: GiftCard) -> None:
        def disclose_and_put_back(connection: psycopg.Connection[Any]) -> None:
            move(connection, card.pk, "claimed")
            connection.execute("UPDATE giftcards_giftcard SET disclosed_at = now()")
            move(connection, card.pk, "available")

        with as_application() as connection, pytest.raises(REFUSED):
            disclose_and_put_back(connection)
        # The control: without the guard only the table's CHECK is left, which says no as well.
        with (
            without(CHANGE, "giftcards_giftcard") as connection,
            pytest.raises(psycopg.errors.CheckViolation),
        ):
            disclose_and_put_back(connection)

    @pytest.mark.parametrize("to", ["NULL", "now() + interval '1 day'"])
    def test_can_not_be_taken_back(self, card: GiftCard, to: str) -> None:
        with as_application() as connection:
            move(connection, card.pk, "claimed")
            connection.execute("UPDATE giftcards_giftcard SET disclosed_at = now()")
            with pytest.raises(REFUSED, match="taken back"):
                connection.execute(f"UPDATE giftcards_giftcard SET disclosed_at = {to}")
        with without(CHANGE, "giftcards_giftcard") as connection:
            move(connection, card.pk, "claimed")
            connection.execute("UPDATE giftcards_giftcard SET disclosed_at = now()")
            connection.execute(f"UPDATE giftcards_giftcard SET disclosed_at = {to}")


class TestHolder:
    def test_keeps_its_card(self, card: GiftCard) -> None:
        with as_application() as connection:
            move(connection, card.pk, "claimed")
            with pytest.raises(REFUSED, match="one holder to another"):
                connection.execute("UPDATE giftcards_giftcard SET holder_id = gen_random_uuid()")

    def test_has_one_card(self) -> None:
        one, two = build_world().stock(2)
        with as_application() as connection:
            move(connection, one.pk, "claimed")
            with pytest.raises(psycopg.errors.UniqueViolation, match="one_per_holder"):
                move(connection, two.pk, "claimed")


class TestCard:
    @pytest.mark.parametrize(
        "change",
        ["value_minor = 1", "currency = 'EUR'", "code_digest = '\\x00'"],
    )
    def test_stays_worth_what_it_was(self, card: GiftCard, change: str) -> None:
        with as_application() as connection, pytest.raises(REFUSED, match="never changes"):
            connection.execute(f"UPDATE giftcards_giftcard SET {change}")
        with without(CHANGE, "giftcards_giftcard") as connection:
            connection.execute(f"UPDATE giftcards_giftcard SET {change}")

    def test_that_was_handed_out_is_not_deleted(self, card: GiftCard) -> None:
        with as_application() as connection:
            move(connection, card.pk, "claimed")
            with pytest.raises(REFUSED, match="can not be deleted"):
                connection.execute("DELETE FROM giftcards_giftcard")

    def test_that_nobody_touched_may_be_taken_out_again(self, card: GiftCard) -> None:
        with as_application() as connection:
            connection.execute("DELETE FROM giftcards_giftcard WHERE id = %s", [card.pk])

    @pytest.mark.parametrize("state", ["delivered", "redeemed", "expired", "void", "quarantined"])
    def test_begins_as_available_or_claimed(self, card: GiftCard, state: str) -> None:
        columns = (
            "pool_id, brand_id, code_encrypted, last4, value_minor, currency, source, claim_key"
        )
        with as_owner() as connection, pytest.raises(REFUSED):
            connection.execute(
                f"INSERT INTO giftcards_giftcard (status, code_digest, {columns})"
                f" SELECT %s, '\\x01', {columns} FROM giftcards_giftcard",
                [state],
            )

    @pytest.mark.parametrize("table", ["giftcards_giftcard", "giftcards_cardevent"])
    def test_and_its_history_are_not_truncated(self, card: GiftCard, table: str) -> None:
        with as_owner() as connection, pytest.raises(REFUSED):
            connection.execute(f"TRUNCATE {table} CASCADE")

    def test_history_is_not_rewritten(self, card: GiftCard) -> None:
        with as_owner() as connection:
            move(connection, card.pk, "claimed")
            for change in (
                "UPDATE giftcards_cardevent SET actor = 'x'",
                "DELETE FROM giftcards_cardevent",
            ):
                with pytest.raises(REFUSED), connection.transaction():
                    connection.execute(change)
