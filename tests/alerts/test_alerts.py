from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError

from alerts.codes import ErrorCode
from alerts.models import Alert
from alerts.services.alerts import (
    AlertResolvedError,
    acknowledge_alert,
    raise_alert,
    resolve_alert,
)
from alerts.transactions import transaction
from tests.races import run_at_once

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
SEVERITY = Alert.Severity


def raise_empty_pool(**changes: Any) -> Alert:
    """Raise the alert of one pool, with some arguments changed."""
    given: dict[str, Any] = {
        "kind": "pool_empty",
        "severity": SEVERITY.CRITICAL,
        "subject": "The pool is empty",
        "dedupe_key": "pool_empty:1",
        "now": NOW,
    }
    return raise_alert(**{**given, **changes})


@pytest.mark.django_db
class TestRaiseAlert:
    def test_opens_one(self) -> None:
        client_id = uuid4()
        returned = raise_empty_pool(
            message="Upload.", data={"pool": client_id}, client_id=client_id
        )
        alert = Alert.objects.get()
        assert alert.pk == returned.pk
        assert (alert.state, alert.severity, alert.count) == ("open", "critical", 1)
        assert (alert.subject, alert.message) == ("The pool is empty", "Upload.")
        assert alert.data == {"pool": str(client_id)}
        assert alert.client_id == client_id
        assert (alert.first_seen_at, alert.last_seen_at) == (NOW, NOW)
        assert (alert.acknowledged_at, alert.resolved_at) == (None, None)

    def test_counts_a_repeat_and_keeps_the_newest_words(self) -> None:
        first = raise_empty_pool(data={"waiting": 1})
        again = raise_empty_pool(now=LATER, subject="3 people wait", data={"waiting": 3})
        assert again.pk == first.pk
        alert = Alert.objects.get()
        assert (alert.count, alert.first_seen_at, alert.last_seen_at) == (2, NOW, LATER)
        assert (alert.subject, alert.data) == ("3 people wait", {"waiting": 3})

    def test_never_sets_the_last_time_back(self) -> None:
        raise_empty_pool(now=LATER)
        assert raise_empty_pool(now=NOW).last_seen_at == LATER

    def test_keeps_keys_apart(self) -> None:
        raise_empty_pool()
        raise_empty_pool(dedupe_key="pool_empty:2")
        assert list(Alert.objects.values_list("count", flat=True)) == [1, 1]

    def test_raises_the_severity_and_reopens_what_was_acknowledged(self) -> None:
        alert = raise_empty_pool(severity=SEVERITY.WARNING)
        acknowledge_alert(alert_id=alert.pk, user_id=uuid4(), now=NOW)
        raise_empty_pool(severity=SEVERITY.CRITICAL, now=LATER)
        alert.refresh_from_db()
        assert (alert.severity, alert.state, alert.count) == ("critical", "open", 2)
        assert (alert.acknowledged_by, alert.acknowledged_at) == (None, None)

    @pytest.mark.parametrize("severity", [SEVERITY.INFO, SEVERITY.WARNING])
    def test_does_not_lower_the_severity_or_reopen(self, severity: Alert.Severity) -> None:
        alert = raise_empty_pool(severity=SEVERITY.WARNING)
        user_id = uuid4()
        acknowledge_alert(alert_id=alert.pk, user_id=user_id, now=NOW)
        raise_empty_pool(severity=severity)
        alert.refresh_from_db()
        assert (alert.severity, alert.state, alert.count) == ("warning", "acknowledged", 2)
        assert alert.acknowledged_by == user_id

    def test_opens_a_new_one_after_the_old_was_resolved(self) -> None:
        first = raise_empty_pool()
        resolve_alert(dedupe_key="pool_empty:1", now=NOW)
        second = raise_empty_pool(now=LATER)
        assert second.pk != first.pk
        assert second.count == 1
        assert Alert.objects.count() == 2

    def test_cuts_a_long_subject(self) -> None:
        assert len(raise_empty_pool(subject="x" * 500).subject) == 200


@pytest.mark.django_db(transaction=True)
class TestRaiseAlertInCompany:
    def test_opens_one_and_counts_all_when_twenty_raise_it_at_once(self) -> None:
        answers = run_at_once(20, raise_empty_pool)
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert [(a.state, a.count) for a in Alert.objects.all()] == [("open", 20)]

    def test_the_harness_can_lose(self) -> None:
        """The control: looking first and inserting then fails in the same company."""
        looked = threading.Barrier(20)

        def look_then_insert() -> None:
            found = Alert.objects.filter(dedupe_key="pool_empty:1").exists()
            looked.wait(timeout=20)
            assert not found
            Alert.objects.create(kind="x", severity="info", subject="x", dedupe_key="pool_empty:1")

        answers = run_at_once(20, look_then_insert)
        assert sum(isinstance(answer, IntegrityError) for answer in answers) == 19

    def test_loses_no_alert_while_others_resolve_it(self) -> None:
        def raise_and_resolve() -> bool:
            raise_empty_pool()
            return resolve_alert(dedupe_key="pool_empty:1", now=NOW)

        answers = run_at_once(10, raise_and_resolve)
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        alerts = list(Alert.objects.all())
        assert sum(alert.count for alert in alerts) == 10
        assert {alert.state for alert in alerts} == {"resolved"}
        assert answers.count(True) == len(alerts)

    def test_goes_with_the_transaction_it_is_part_of(self) -> None:
        def raise_and_fail() -> None:
            with transaction():
                raise_empty_pool()
                raise KeyError

        with pytest.raises(KeyError):
            raise_and_fail()
        assert not Alert.objects.exists()


@pytest.mark.django_db
class TestAcknowledgeAlert:
    def test_names_who_took_it_on(self) -> None:
        alert = raise_empty_pool()
        user_id = uuid4()
        acknowledge_alert(alert_id=alert.pk, user_id=user_id, now=LATER)
        alert.refresh_from_db()
        assert (alert.state, alert.acknowledged_by) == ("acknowledged", user_id)
        assert (alert.acknowledged_at, alert.resolved_at) == (LATER, None)

    def test_leaves_the_first_one_named(self) -> None:
        alert = raise_empty_pool()
        first = uuid4()
        acknowledge_alert(alert_id=alert.pk, user_id=first, now=NOW)
        acknowledge_alert(alert_id=alert.pk, user_id=uuid4(), now=LATER)
        alert.refresh_from_db()
        assert (alert.acknowledged_by, alert.acknowledged_at) == (first, NOW)

    def test_refuses_a_resolved_one(self) -> None:
        alert = raise_empty_pool()
        resolve_alert(dedupe_key=alert.dedupe_key, now=NOW)
        with pytest.raises(AlertResolvedError) as refusal:
            acknowledge_alert(alert_id=alert.pk, user_id=uuid4(), now=LATER)
        assert refusal.value.code is ErrorCode.STATE_FORBIDS
        alert.refresh_from_db()
        assert (alert.state, alert.acknowledged_by) == ("resolved", None)

    def test_refuses_one_that_never_was(self) -> None:
        with pytest.raises(AlertResolvedError):
            acknowledge_alert(alert_id=UUID(int=0), user_id=uuid4(), now=NOW)


@pytest.mark.django_db
class TestResolveAlert:
    @pytest.mark.parametrize("acknowledged", [True, False])
    def test_closes_the_unresolved_one_of_the_key(self, acknowledged: bool) -> None:
        alert = raise_empty_pool()
        other = raise_empty_pool(dedupe_key="pool_empty:2")
        if acknowledged:
            acknowledge_alert(alert_id=alert.pk, user_id=uuid4(), now=NOW)
        assert resolve_alert(dedupe_key="pool_empty:1", now=LATER)
        alert.refresh_from_db()
        other.refresh_from_db()
        assert (alert.state, alert.resolved_at) == ("resolved", LATER)
        assert (other.state, other.resolved_at) == ("open", None)

    def test_finds_nothing_the_second_time(self) -> None:
        alert = raise_empty_pool()
        resolve_alert(dedupe_key="pool_empty:1", now=NOW)
        assert not resolve_alert(dedupe_key="pool_empty:1", now=LATER)
        alert.refresh_from_db()
        assert alert.resolved_at == NOW
