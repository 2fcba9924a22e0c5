"""What may stand in the ledger, kind by kind; each refusal with the control that it could."""

from __future__ import annotations

import psycopg
import pytest

from tests.guards.forbidden import NOW_CHECK, Forbidden
from tests.guards.forbidden_settlements import (
    AGENCY,
    CAPTURES,
    CLIENT,
    CONSUMED,
    HELD,
    HOLD,
    HOLDS,
    ISSUING,
    REFUNDS,
    WAY_DOWN,
    movement,
)
from tests.guards.raw import as_owner, without
from tests.redemption.asking import ask
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def debit() -> None:
    """One redemption of 2,500 on an account with credit that was issued and allocated."""
    world = build_world()
    world.stock(1)
    ask(world.invite()[0])


class TestLedger:
    @pytest.mark.parametrize(
        "cases",
        [WAY_DOWN, HOLDS, REFUNDS, CAPTURES],
        ids=["way_down", "holds", "refunds", "captures"],
    )
    def test_refuses_what_does_not_fit(self, cases: list[Forbidden]) -> None:
        for case in cases:
            with (
                as_owner() as connection,
                pytest.raises(psycopg.errors.CheckViolation) as refusal,
            ):
                connection.execute(case.sql)
            assert refusal.value.diag.constraint_name == case.guard, case.sql
            with without(case.guard, case.table) as connection:
                connection.execute(case.sql)  # the control: without the guard it is written

    @pytest.mark.parametrize(
        "statements",
        [
            (movement("issue", (ISSUING, -5), (AGENCY, 5)),),
            (movement("allocation", (AGENCY, -5), (CLIENT, 5)),),
            # Taken from two slots, put into two others.
            (movement("allocation", (AGENCY, -3), (AGENCY, -2), (CLIENT, 1), (CLIENT, 4)),),
            (movement("refund", (CONSUMED, -2_500), (CLIENT, 2_500), settles="redemption"),),
            (movement("refund", (CONSUMED, -1), (CLIENT, 1), settles="redemption"),),
            (movement("adjustment", (CLIENT, -5), (AGENCY, 5), settles="allocation"),),
            (HOLD, movement("release", (HELD, -100), (CLIENT, 100), settles="hold")),
            (HOLD, movement("capture", (HELD, -100), (CONSUMED, 100), settles="hold")),
            (
                HOLD,
                movement("capture", (HELD, -100), (CONSUMED, 1), (CLIENT, 99), settles="hold"),
                movement("refund", (CONSUMED, -1), (CLIENT, 1), settles="capture"),
            ),
            (HOLD, movement("card_sale", (HELD, -100), (AGENCY, 100), settles="hold")),
        ],
    )
    def test_takes_what_fits(self, statements: tuple[str, ...]) -> None:
        with as_owner() as connection:
            connection.execute("".join(statements).rstrip(";") + NOW_CHECK)

    def test_checks_nothing_of_this_for_a_redemption(self) -> None:
        # The hottest movement of all: no event of these guards is ever queued for it.
        with as_owner() as connection:
            (conditions,) = connection.execute(
                "SELECT array_agg(pg_get_triggerdef(oid)) FROM pg_trigger"
                " WHERE tgrelid = 'credit_transaction'::regclass AND tgdeferrable"
                " AND NOT tgisinternal"
            ).fetchone() or ([],)
        assert len(conditions) == 4
        assert all("WHEN" in condition for condition in conditions)
        assert not any("redemption" in condition for condition in conditions)
