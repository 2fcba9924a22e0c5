"""Each trigger and each named constraint refuses something, and nothing else would refuse it.

The control of each is the same statement with that one guard gone: then it goes through. So a
guard that another one makes superfluous, that was switched off or that never worked fails here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest
from django.apps import apps
from django.conf import settings

from tests.database import owner_url
from tests.guards.forbidden import Forbidden
from tests.guards.forbidden_attempts import ATTEMPT_RULES
from tests.guards.forbidden_calls import CALLS
from tests.guards.forbidden_canaries import CANARIES
from tests.guards.forbidden_checkouts import CHECKOUTS
from tests.guards.forbidden_consents import CONSENTS
from tests.guards.forbidden_events import EVENTS
from tests.guards.forbidden_incidents import INCIDENT_PREPARATION, INCIDENTS
from tests.guards.forbidden_jobs import JOBS
from tests.guards.forbidden_loyalty import LOYALTY
from tests.guards.forbidden_mails import MAILS
from tests.guards.forbidden_money import MONEY
from tests.guards.forbidden_notices import NOTICE_PREPARATION, NOTICES
from tests.guards.forbidden_offers import OFFERS
from tests.guards.forbidden_orders import ORDERS
from tests.guards.forbidden_preparation import PREPARATIONS
from tests.guards.forbidden_privacy import PRIVACY
from tests.guards.forbidden_rewards import (
    ALERTS,
    CARDS,
    MESSAGES,
    PREPARATION,
    REDEMPTIONS,
)
from tests.guards.forbidden_rules import RULES
from tests.guards.forbidden_sales import SALES
from tests.guards.forbidden_settlements import SETTLEMENTS
from tests.guards.forbidden_slots import SLOTS
from tests.guards.forbidden_taking_back import TAKING_BACK
from tests.guards.forbidden_tasks import TASKS
from tests.guards.forbidden_uploads import UPLOADS
from tests.guards.forbidden_webhooks import WEBHOOK_PREPARATION, WEBHOOKS
from tests.guards.raw import as_application, as_owner
from tests.redemption.asking import ask
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)

FORBIDDEN: Final = [
    *MONEY,
    *INCIDENTS,
    *JOBS,
    *MAILS,
    *SLOTS,
    *SETTLEMENTS,
    *CARDS,
    *OFFERS,
    *SALES,
    *ORDERS,
    *REDEMPTIONS,
    *PREPARATIONS,
    *RULES,
    *TAKING_BACK,
    *TASKS,
    *ATTEMPT_RULES,
    *MESSAGES,
    *CONSENTS,
    *CALLS,
    *CANARIES,
    *EVENTS,
    *PRIVACY,
    *ALERTS,
    *NOTICES,
    *UPLOADS,
    *WEBHOOKS,
    *LOYALTY,
    *CHECKOUTS,
]
# Triggers that refuse nothing: they write down what happens (see tests/sms/test_consents.py and
# tests/giftcards/test_order_guards.py).
RECORDERS: Final = frozenset(
    {
        ("sms_optin", "sms_optin_is_kept"),
        ("redemption_inboundevent", "redemption_event_is_kept"),
        ("giftcards_giftcard", "giftcards_card_leaves_its_order"),
    }
)
REFUSALS: Final = (
    psycopg.errors.RestrictViolation,
    psycopg.errors.CheckViolation,
    psycopg.errors.UniqueViolation,
)
ONE_ROLE: Final = settings.DATABASES["default"]["USER"] == settings.DATABASES["owner"]["USER"]
OUR_APPS: Final = ("alerts", "credit", "giftcards", "sms", "redemption", "loyalty")
# Triggers that refuse nothing, and where they are tested.
NOT_GUARDS: Final = {
    ("redemption_redemption", "redemption_claim_given_back"),  # tests/redemption/test_caps.py
    ("redemption_campaign", "redemption_cap_taken_away"),
    ("redemption_redemption", "redemption_marks_day"),  # tests/redemption/test_report_days.py
    ("redemption_redemption", "redemption_marks_day_of_new"),
    ("sms_message", "redemption_marks_message_day"),  # tests/redemption/test_message_days.py
    ("sms_message", "redemption_marks_message_day_of_new"),
    ("sms_deliveryattempt", "redemption_marks_attempt_day"),
    # tests/redemption/test_webhook_events.py
    ("redemption_redemption", "redemption_tell_begun"),
    ("redemption_redemption", "redemption_tell_changed"),
}
_IS_TRIGGER: Final = "SELECT 1 FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname = %s"
_IS_CONSTRAINT: Final = "SELECT 1 FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s"
_TRUNCATE_GUARDS: Final = (
    "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'refuse_truncate'"
)


@pytest.fixture(autouse=True)
def rows() -> None:
    """One issued redemption with its card and text, one card in stock, one more recipient."""
    world = build_world()
    world.stock(2)
    code, _ = world.invite(2)
    ask(code)
    with psycopg.connect(owner_url()) as owner:
        owner.execute(PREPARATION + INCIDENT_PREPARATION + NOTICE_PREPARATION + WEBHOOK_PREPARATION)


@contextlib.contextmanager
def connected(case: Forbidden, *, guarded: bool) -> Iterator[psycopg.Connection[Any]]:
    """Connect as who does the forbidden thing, with or without the guard, undone at the end."""
    if not case.as_application:
        with as_owner() as connection:
            take_away_others(connection, case)
            if not guarded:
                take_away(connection, case.guard, case.table)
            yield connection
        return
    # The owner's change has to be committed for the application to see it.
    with contextlib.ExitStack() as stack:
        if not guarded:
            owner = stack.enter_context(psycopg.connect(owner_url(), autocommit=True))
            switch = f"ALTER TABLE {case.table} {{}} TRIGGER {case.guard}"
            owner.execute(switch.format("DISABLE"))
            stack.callback(owner.execute, switch.format("ENABLE"))
        yield stack.enter_context(as_application())


def take_away_others(connection: psycopg.Connection[Any], case: Forbidden) -> None:
    for guard in case.without:
        take_away(connection, guard, case.table)
    if case.guard == "refuse_truncate":  # CASCADE comes to many tables that refuse it too
        for (table,) in connection.execute(_TRUNCATE_GUARDS).fetchall():
            if table != case.table:
                take_away(connection, case.guard, table)


def take_away(connection: psycopg.Connection[Any], guard: str, table: str) -> None:
    if connection.execute(_IS_TRIGGER, [table, guard]).fetchone():
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {guard}")
    elif connection.execute(_IS_CONSTRAINT, [table, guard]).fetchone():
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {guard}")
    else:
        connection.execute(f"DROP INDEX {guard}")


class TestEveryGuard:
    @pytest.mark.parametrize("case", FORBIDDEN, ids=str)
    def test_refuses_what_nothing_else_does(self, case: Forbidden) -> None:
        if case.as_application and ONE_ROLE:
            pytest.skip("the given server has one role for everything")
        with connected(case, guarded=True) as connection, pytest.raises(REFUSALS):
            connection.execute(case.sql)
        with connected(case, guarded=False) as connection:
            connection.execute(case.sql)
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS

    def test_is_in_the_list(self) -> None:
        with as_owner() as connection:
            triggers = set(
                connection.execute(
                    "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal"
                ).fetchall()
            )
        constraints = {
            (model._meta.db_table, constraint.name)
            for model in apps.get_models()
            if model._meta.app_label in OUR_APPS
            for constraint in model._meta.constraints
        }
        triggers -= NOT_GUARDS
        proven = {(case.table, case.guard) for case in FORBIDDEN}
        assert (triggers | constraints) - proven - RECORDERS == set()
        assert proven - (triggers | constraints) == set()
