"""POST /api/v1/monitoring/runs/: what is wrong, asked from outside."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as HttpClient

from alerts.models import Alert, MonitorRun, Notice
from tests.alerts.monitoring import told, told_by_slack
from tests.api.serving import make_secret
from tests.races import run_at_once
from tests.world import World, build_world

__all__ = ["told_by_slack"]

pytestmark = pytest.mark.django_db(transaction=True)

MONITORS = {
    "csv_pools",
    "run_out",
    "campaigns",
    "agencies",
    "clients",
    "provisioning_failures",
    "messages",
    "stuck_cards",
    "providers",
    "ledger",
    "counters",
    "speed",
    "database",
    "jobs",
    "attack",
    "points",
    "payments",
}


@pytest.fixture
def world() -> World:
    """An active campaign that draws on an empty pool."""
    return build_world()


def run(secret: str | None = None, *, body: Any = None, **headers: str) -> Any:
    return HttpClient().post(
        "/api/v1/monitoring/runs/",
        {} if body is None else body,
        content_type="application/json",
        headers={
            "Authorization": f"Api-Key {secret or make_secret(None, ('monitoring',))}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )


def of_pools(answer: Any) -> list[Any]:
    return [alert for alert in answer["alerts"] if alert["kind"] == "pool_empty"]


class TestRun:
    def test_answers_what_was_found_and_opens_it_once(self, world: World) -> None:
        response = run()
        assert response.status_code == 200
        assert response["Cache-Control"] == "no-store"
        answer = response.json()
        assert set(answer) == {"duration_ms", "alerts_generated", "breakdown", "alerts"}
        assert set(answer["breakdown"]) == MONITORS
        assert answer["breakdown"]["csv_pools"] == 1
        assert answer["alerts_generated"] == len(answer["alerts"])
        assert sum(answer["breakdown"].values()) == len(answer["alerts"])
        (found,) = of_pools(answer)
        alert = Alert.objects.get(kind="pool_empty")
        assert found == {
            "id": str(alert.pk),
            "kind": "pool_empty",
            "severity": "critical",
            "subject": "Acorn pool is empty",
            "message": alert.message,
            "data": {"pool_id": str(world.pool.pk), "available": 0, "total": 0, "threshold": 20},
            "dedupe_key": f"pool_stock:{world.pool.pk}",
            "state": "open",
            "count": 1,
            "first_seen_at": found["last_seen_at"],
            "last_seen_at": found["last_seen_at"],
        }
        again = run().json()
        assert again["alerts_generated"] == 0
        assert of_pools(again)[0]["count"] == 2
        assert Alert.objects.filter(kind="pool_empty").count() == 1

    def test_is_for_platform_keys_with_the_scope_alone(self, world: World) -> None:
        for secret in (
            make_secret(world.client, ("monitoring",)),
            make_secret(None, ("redeem", "webhooks")),
        ):
            response = run(secret)
            assert (response.status_code, response.json()["code"]) == (403, "GC-110")
            assert response.json()["scope"] == "monitoring"
        response = run("nonsense")
        assert (response.status_code, response.json()["code"]) == (401, "GC-109")
        assert not MonitorRun.objects.exists()
        assert not Alert.objects.exists()

    def test_refuses_a_field_it_does_not_know(self, world: World) -> None:
        response = run(body={"names": ["ledger"]})
        assert response.status_code == 400
        assert "names" in response.json()["errors"]
        assert not MonitorRun.objects.exists()

    def test_answers_a_repeat_as_the_first_time(self, world: World) -> None:
        secret = make_secret(None, ("monitoring",))
        first = run(secret, Idempotency_Key="one")
        assert "Idempotency-Replayed" not in first
        world.stock(50)
        again = run(secret, Idempotency_Key="one")
        assert again["Idempotency-Replayed"] == "true"
        assert again.json() == first.json()
        assert Alert.objects.get(kind="pool_empty").state == "open"
        other = run(secret, Idempotency_Key="two").json()
        assert of_pools(other) == []
        assert Alert.objects.get(kind="pool_empty").state == "resolved"
        assert MonitorRun.objects.count() == 2

    def test_opens_nothing_twice_when_several_ask_at_once(self, world: World) -> None:
        secret = make_secret(None, ("monitoring",))
        answers = run_at_once(4, lambda: run(secret))
        assert [getattr(answer, "status_code", answer) for answer in answers] == [200] * 4
        opened = [
            one.json()["alerts_generated"] for one in answers if not isinstance(one, Exception)
        ]
        assert sorted(opened)[:3] == [0, 0, 0]
        assert Alert.objects.filter(kind="pool_empty").count() == 1
        notices = Notice.objects.filter(alert__kind="pool_empty")
        assert list(notices.values_list("event", flat=True)) == ["opened"]

    def test_runs_once_when_several_ask_with_one_key_at_once(self, world: World) -> None:
        secret = make_secret(None, ("monitoring",))
        answers = run_at_once(4, lambda: run(secret, Idempotency_Key="one"))
        assert [getattr(answer, "status_code", answer) for answer in answers] == [200] * 4
        bodies = [one.json() for one in answers if not isinstance(one, Exception)]
        assert bodies[1:] == bodies[:1] * 3
        assert MonitorRun.objects.filter(state="done").count() == 1
        assert told().count(("opened", "critical")) == bodies[0]["alerts_generated"]
