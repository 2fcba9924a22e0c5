"""Ways round the guards that a session of the runtime role might try."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from giftcards.models import GiftCard
from tests.database import owner_url
from tests.guards.raw import as_application
from tests.redemption.asking import ask
from tests.world import World, build_world

ONE_ROLE = settings.DATABASES["default"]["USER"] == settings.DATABASES["owner"]["USER"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(ONE_ROLE, reason="the given server has one role for everything"),
]

REFUSED = psycopg.errors.RestrictViolation
BALANCE_GUARD: Final = "credit_refuse_balance_change()"
# Each hides a table that a guard reads behind a temporary one that tells it otherwise.
HIDE_OWNERS: Final = """
    SET search_path = pg_temp, pg_catalog, public;
    CREATE TEMPORARY TABLE pg_class (oid oid, relowner oid);
    INSERT INTO pg_temp.pg_class SELECT 'public.credit_account'::regclass, current_user::regrole;
"""
HIDE_CAMPAIGNS: Final = """
    CREATE TEMPORARY TABLE redemption_campaign (id uuid, status text);
    CREATE TEMPORARY TABLE redemption_redemption (campaign_id uuid, condition_id uuid);
    GRANT ALL ON redemption_campaign, redemption_redemption TO PUBLIC;
"""
HIDE_CARDS: Final = """
    CREATE TEMPORARY TABLE giftcards_giftcard AS SELECT * FROM public.giftcards_giftcard;
    UPDATE giftcards_giftcard SET holder_kind = 'redemption',
        holder_id = (SELECT id FROM public.redemption_redemption LIMIT 1);
"""
TAKE_ANOTHER_CARD: Final = """
    UPDATE public.redemption_redemption
    SET card_id = (SELECT id FROM public.giftcards_giftcard WHERE status = 'available')
"""
LET_THROUGH: Final = """
    CREATE OR REPLACE FUNCTION alerts_refuse_change() RETURNS trigger
    LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'
"""
HIDE_RANKS: Final = """
    SET search_path = pg_temp, public;
    CREATE FUNCTION pg_temp.sms_state_rank(text) RETURNS integer
        LANGUAGE sql AS 'SELECT floor(1e6 * random())::integer + 2';
"""


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(2)
    ask(world.invite()[0])
    return world


@contextlib.contextmanager
def unpinned(function: str) -> Iterator[None]:
    """Let a function look wherever its caller's session says, as it would by default."""
    with psycopg.connect(owner_url(), autocommit=True) as owner:
        owner.execute(f"ALTER FUNCTION {function} RESET search_path")
        try:
            yield
        finally:
            owner.execute(f"ALTER FUNCTION {function} SET search_path = public, pg_temp")


class TestTemporaryTable:
    @pytest.mark.parametrize(
        ("hide", "change", "guard"),
        [
            (
                HIDE_OWNERS,
                "UPDATE public.credit_account SET balance_minor = 1 WHERE level = 'client'",
                BALANCE_GUARD,
            ),
            (
                HIDE_CAMPAIGNS,
                "DELETE FROM redemption_condition",
                "redemption_check_condition_removal()",
            ),
        ],
    )
    def test_hides_nothing_from_a_guard(
        self, world: World, hide: str, change: str, guard: str
    ) -> None:
        with as_application() as connection:
            connection.execute(hide)
            with pytest.raises(REFUSED):
                connection.execute(change)
        with unpinned(guard), as_application() as connection:
            connection.execute(hide)
            connection.execute(change)  # the control: unpinned, the guard believes it

    def test_lends_no_card_to_a_redemption(self, world: World) -> None:
        with as_application() as connection:
            connection.execute(HIDE_CARDS)
            with pytest.raises(REFUSED, match="is not held by"):
                connection.execute(TAKE_ANOTHER_CARD)

    def test_hides_nothing_from_the_functions_that_move_money(self, world: World) -> None:
        with as_application() as connection:
            connection.execute(
                "CREATE TEMPORARY TABLE credit_account AS SELECT * FROM public.credit_account;"
                "UPDATE credit_account SET balance_minor = 1000000"
            )
            (balance,) = connection.execute(
                "SELECT credit_debit_account(gen_random_uuid(), %s, 200000, 'USD', 'redemption',"
                " 'consumed', 'x', 'test', now())",
                [world.account.pk],
            ).fetchone() or (0,)
        assert balance is None

    def test_function_of_the_session_ranks_no_message(self, world: World) -> None:
        with as_application() as connection:
            connection.execute(HIDE_RANKS)
            connection.execute(
                "UPDATE public.sms_message SET state = 'delivered', next_attempt_at = NULL"
            )
            with pytest.raises(REFUSED):
                connection.execute("UPDATE public.sms_message SET state = 'sent'")


class TestPrivilege:
    @pytest.mark.parametrize(
        "statement",
        [
            "SET session_replication_role = replica",
            "ALTER TABLE credit_entry DISABLE TRIGGER ALL",
            "ALTER TABLE giftcards_giftcard DISABLE TRIGGER giftcards_card_transition",
            "DROP TRIGGER redemption_transition ON redemption_redemption",
            "ALTER TABLE credit_account DROP CONSTRAINT credit_account_balance_never_negative",
            "DROP INDEX redemption_one_reward_each",
            "DROP TABLE credit_entry",
            LET_THROUGH,
            "ALTER FUNCTION credit_check_zero_sum() RESET search_path",
            "CREATE FUNCTION public.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "CREATE TABLE public.mine (id integer)",
            "CREATE SCHEMA mine",
            "COPY credit_entry FROM STDIN",
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "SELECT pg_read_file('PG_VERSION')",
            "SELECT pg_terminate_backend(pg_backend_pid()) FROM pg_authid",
            "INSERT INTO redemption_redemption DEFAULT VALUES",
            "INSERT INTO giftcards_cardevent DEFAULT VALUES",
            "LOCK TABLE credit_entry IN ACCESS EXCLUSIVE MODE",
        ],
    )
    def test_is_not_the_applications(self, world: World, statement: str) -> None:
        with (
            as_application() as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)

    def test_of_the_owner_can_not_be_taken_on(self, world: World) -> None:
        owner = settings.DATABASES["owner"]["USER"]
        for statement in ("SET ROLE {}", "SET SESSION AUTHORIZATION {}"):
            with (
                as_application() as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                connection.execute(sql.SQL(statement).format(sql.Identifier(owner)))

    def test_to_defer_does_not_outlast_the_commit(self, world: World) -> None:
        # The card back in stock while its redemption is issued: accepted now, refused at commit.
        with as_application() as connection:
            connection.execute(
                "UPDATE giftcards_giftcard SET status = 'available', holder_kind = NULL,"
                " holder_id = NULL, claimed_at = NULL WHERE status = 'claimed'"
            )
            with pytest.raises(REFUSED, match="which is issued"):
                connection.commit()
        assert GiftCard.objects.filter(status="claimed").count() == 1
