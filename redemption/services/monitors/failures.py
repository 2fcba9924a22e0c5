"""Redemptions that fail through no fault of who asks, by their codes; and all of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection

from alerts.codes import ErrorCode
from alerts.models import Alert
from alerts.services.monitors import BETTER, Finding, find_standing, is_critical, register_monitor

_KIND: Final = "provisioning_failures"
_ALL_FAIL: Final = "redemptions_failing"
# Ours, the client's or a vendor's; who types a wrong code or is too late is not among them.
_CODES: Final = (
    ErrorCode.CONDITION_INCOMPLETE,
    ErrorCode.BRAND_UNAVAILABLE,
    ErrorCode.OUT_OF_STOCK,
    ErrorCode.PROVIDER_NOT_CONFIGURED,
    ErrorCode.PROVIDER_FAILED,
    ErrorCode.INSUFFICIENT_CREDIT,
    ErrorCode.LEDGER_FAILED,
    ErrorCode.NO_BILLING_ACCOUNT,
    ErrorCode.DATABASE_FAILED,
    ErrorCode.DELIVERY_NOT_STARTED,
    ErrorCode.UNEXPECTED,
)
# So many times more than are too many are an emergency.
_CRITICAL_FACTOR: Final = 5
_JUST_NOW: Final = timedelta(minutes=15)
# Each redemption counts once for each code, however often its steps were tried.
_BY_CODE: Final = """
    SELECT error_code, count(DISTINCT coalesce(redemption_id::text, request_id))
    FROM redemption_provisioningtrace
    WHERE at > %(since)s AND at <= %(now)s AND error_code = ANY (%(codes)s)
        AND (status = 'refused' OR step IN ('call_provider', 'take_back'))
    GROUP BY error_code ORDER BY error_code
"""
# What was decided for whom: served, or let wait, beside failed.
_ALL: Final = """
    SELECT count(DISTINCT redemption_id) FILTER (WHERE step IN ('debit_account', 'place_order',
            'wait') OR step = 'claim_card' AND status = 'ok'),
        count(DISTINCT coalesce(redemption_id::text, request_id)) FILTER (
            WHERE status = 'refused' AND error_code = ANY (%(codes)s))
    FROM redemption_provisioningtrace WHERE at > %(since)s AND at <= %(now)s
"""


@register_monitor("provisioning_failures")
def watch_failures(*, now: datetime) -> Iterable[Finding]:
    """Find codes that more redemptions failed with than ``PROVISIONING_FAILURES`` allows.

    The traces lie in the order of their times, so that an index of blocks finds the last hour's.
    """
    at_most, seconds = settings.THRESHOLDS.failures
    codes = [code.code for code in _CODES]
    counts = count_failures(since=now - timedelta(seconds=seconds), now=now)
    standing = find_standing(kind=_KIND)
    with connection.cursor() as cursor:
        cursor.execute(_ALL, {"since": now - _JUST_NOW, "now": now, "codes": codes})
        decided, failed = cursor.fetchone()
    for name, count in counts.items():
        code = ErrorCode.from_code(name)
        before = standing.get(_key_of(code))
        if count > at_most * (1 if before is None else BETTER):
            is_grave = count > _CRITICAL_FACTOR * at_most * (BETTER if is_critical(before) else 1)
            yield _of_code(code, count, at_most, seconds, is_grave=is_grave)
    if failed > at_most and not decided:
        yield Finding(
            kind=_ALL_FAIL,
            severity=Alert.Severity.CRITICAL,
            subject="Every redemption fails",
            message=f"{failed} were tried in the last 15 minutes, and none was served or let wait.",
            data={"failed": failed},
            dedupe_key=_ALL_FAIL,
        )


def count_failures(*, since: datetime, now: datetime) -> dict[str, int]:
    """Count who failed since then through no fault of their own, by error code."""
    codes = [code.code for code in _CODES]
    with connection.cursor() as cursor:
        cursor.execute(_BY_CODE, {"since": since, "now": now, "codes": codes})
        return dict(cursor.fetchall())


def _of_code(
    code: ErrorCode, count: int, at_most: int, seconds: float, *, is_grave: bool
) -> Finding:
    return Finding(
        kind=_KIND,
        severity=Alert.Severity.CRITICAL if is_grave else Alert.Severity.WARNING,
        subject=f"{count} redemptions failed with {code}: {code.title}",
        message=f"In {seconds / 60:g} minutes; more than {at_most} are too many. {code.operator}"
        f" {code.action}",
        data={"code": code.code, "count": count, "seconds": seconds},
        dedupe_key=_key_of(code),
    )


def _key_of(code: ErrorCode) -> str:
    return f"{_KIND}:{code}"
