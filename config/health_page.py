"""The daily health page of the admin: is everything well, and where not, what to do."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from alerts.admin.cells import AMBER, RED
from alerts.codes import ErrorCode
from alerts.runbook import Chapter, chapter_url
from alerts.selectors.database import list_running, list_slowest_statements
from alerts.transactions import snapshot
from config.health import DAY, Check, run_checks
from config.job_pages import say_duration
from redemption.services.monitors.failures import count_failures
from sms.selectors.figures import count_message_errors

# More than so many of one kind in a day are to be looked into.
INVESTIGATE_ABOVE: Final = 10
_SHOWN: Final = 10
_STATEMENT_SECONDS: Final = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """A kind of error and how often it came in 24 hours."""

    name: str
    words: str
    count: int
    url: str
    chapter_url: str

    @property
    def is_to_be_investigated(self) -> bool:
        return self.count > INVESTIGATE_ABOVE


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class QueryRow:
    """A statement or a transaction, and how long it takes."""

    name: str
    words: str
    took: str


def show_health(site: Any, request: HttpRequest) -> HttpResponse:
    """Show the figures of this moment, what is wrong first."""
    now = timezone.now()
    with snapshot(), connection.cursor() as cursor:
        # Who looks while the database is slow must not make it slower.
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true)", [f"{_STATEMENT_SECONDS}s"]
        )
        checks = sorted(run_checks(now=now), key=lambda check: check.rank)
        errors = sorted(_errors(now), key=lambda row: -row.count)
        queries, is_counted = _queries()
    context = {
        **site.each_context(request),
        "title": "Health",
        "now": now,
        "checks": checks,
        "summary": _summarise(checks, errors),
        "errors": errors,
        "investigate_above": INVESTIGATE_ABOVE,
        "queries": queries,
        "is_counted": is_counted,
        "slow_url": chapter_url(Chapter.SLOW_SYSTEM),
    }
    request.current_app = site.name
    return TemplateResponse(request, "admin/health.html", context)


def _summarise(checks: list[Check], errors: list[ErrorRow]) -> str:
    act = sum(check.colour == RED for check in checks)
    look = sum(check.colour == AMBER for check in checks)
    look += any(row.is_to_be_investigated for row in errors)
    if not act and not look:
        return "All is well"
    parts = [f"{act} to act on"] if act else []
    return ", ".join([*parts, *([f"{look} to look into"] if look else [])])


def _errors(now: datetime) -> list[ErrorRow]:
    by_code = count_failures(since=now - DAY, now=now)
    rows = [
        ErrorRow(
            name=code,
            words=ErrorCode.from_code(code).operator,
            count=count,
            url=f"{reverse('admin:redemption_provisioningtrace_changelist')}?error_code={code}",
            chapter_url=chapter_url(_CHAPTERS.get(code, Chapter.SLOW_SYSTEM)),
        )
        for code, count in by_code.items()
    ]
    rows += [
        ErrorRow(
            name=f"{_CHANNELS.get(channel, channel)} {code}",
            words="Messages with this error of the carrier's.",
            count=count,
            url=f"{reverse('admin:sms_message_changelist')}?error_code={code}",
            chapter_url=chapter_url(Chapter.TEXT_NOT_DELIVERED),
        )
        for (channel, code), count in count_message_errors(since=now - DAY).items()
    ]
    return rows


_CHANNELS: Final = {"sms": "SMS", "email": "E-mail"}
_CHAPTERS: Final = {
    ErrorCode.OUT_OF_STOCK.code: Chapter.EMPTY_POOL,
    ErrorCode.PROVIDER_NOT_CONFIGURED.code: Chapter.PROVIDER_DOWN,
    ErrorCode.PROVIDER_FAILED.code: Chapter.PROVIDER_DOWN,
    ErrorCode.INSUFFICIENT_CREDIT.code: Chapter.CREDIT_DEPLETED,
    ErrorCode.LEDGER_FAILED.code: Chapter.LEDGER_DRIFT,
}


def _queries() -> tuple[list[QueryRow], bool]:
    """Return the slowest statements; where nobody counts them, what runs longest now."""
    slowest = list_slowest_statements(limit=_SHOWN)
    if slowest is not None:
        return [
            QueryRow(
                name=one.text,
                words=f"{one.calls:,} times, queryid {one.query_id}",
                took=say_duration(one.mean_milliseconds),
            )
            for one in slowest
        ], True
    return [
        QueryRow(
            name=f"{one.application or 'without a name'}, process {one.pid}",
            words=f"{one.state}, waits for {one.waits_for}" if one.waits_for else one.state,
            took=say_duration(one.seconds * 1000),
        )
        for one in list_running(limit=_SHOWN)
    ], False
