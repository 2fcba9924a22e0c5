"""No monitor reads a large table as a whole: there is an index for each of its questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from alerts.services.monitor_runs import run_monitors
from alerts.services.monitors import list_monitors
from redemption.services.message_days import count_message_days
from redemption.services.report_days import count_report_days
from tests.redemption.taking_back import redeem_one
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

LARGE = {
    "giftcards_giftcard",
    "giftcards_cardevent",
    "giftcards_providerorder",
    "redemption_recipient",
    "redemption_redemption",
    "redemption_provisioningtrace",
    "redemption_attemptlog",
    "sms_message",
    "sms_deliveryattempt",
    "credit_entry",
    "credit_transaction",
    "alerts_alert",
    "loyalty_customer",
    "loyalty_loyaltytransaction",
    "loyalty_checkout",
    "loyalty_payment",
}


@pytest.fixture
def world() -> World:
    return build_world()


@contextmanager
def plans() -> Iterator[list[tuple[str, set[str]]]]:
    """Collect each question with the tables that it reads as a whole, as the last resort."""
    collected: list[tuple[str, set[str]]] = []

    def explain(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        if sql.lstrip().startswith(("SELECT", "WITH")):
            execute(f"EXPLAIN (FORMAT JSON) {sql}", params, many, context)
            plan = context["cursor"].fetchone()[0]
            collected.append((sql, set(read_whole(plan[0]["Plan"]))))
        return execute(sql, params, many, context)

    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
    try:
        with connection.execute_wrapper(explain):
            yield collected
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET enable_seqscan")


def read_whole(node: dict[str, Any]) -> Iterator[str]:
    """Return the tables that a plan reads from end to end.

    What a policy would ask of a tenant is no part of it: the monitors see everything, and it is
    never run for them.
    """
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for part in node.get("Plans", ()):
        if part["Parent Relationship"] != "SubPlan":
            yield from read_whole(part)


class TestPlans:
    @pytest.mark.parametrize("name", list_monitors())
    def test_read_no_large_table_as_a_whole(self, world: World, name: str) -> None:
        redeem_one(world)
        count_report_days(now=NOW, limit=10)
        count_message_days(now=NOW, limit=10)
        with plans() as collected:
            result = run_monitors(now=NOW, names=[name])
        assert not [one for one in result.alerts if one["kind"] == "monitor_failed"]
        assert collected
        assert [(sql, found) for sql, tables in collected if (found := tables & LARGE)] == []

    def test_would_show_one_that_does(self, world: World) -> None:
        """The control: a question that no index answers."""
        with plans() as collected, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM redemption_redemption WHERE user_agent = 'x'")
        assert collected[0][1] == {"redemption_redemption"}
