"""The daily report: a page and a file of one day, and who wants it by mail."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from typing import Any, Final, cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from alerts.errors import ValidationFailedError
from credit.dashboard.access import page_for
from credit.models import User
from credit.selectors.viewers import Viewer
from redemption.dashboard.charts import draw_bars
from redemption.dashboard.daily_words import daily_meanings, describe_daily
from redemption.dashboard.flow_files import message_lines, money_lines, write_flow
from redemption.dashboard.frame import Link, say, with_query
from redemption.dashboard.message_filters import read_message_filters
from redemption.dashboard.report_files import csv_response
from redemption.dashboard.report_filters import REPORT_ROLES, report_context
from redemption.selectors.daily import HOUR, last_full_day, read_daily_report
from redemption.selectors.spans import FIRST_DAY, ONE_DAY, midnight
from redemption.services.subscriptions import (
    LAST_HOUR,
    TimeZones,
    find_subscription,
    read_unsubscribing,
    subscribe,
    unsubscribe,
    viewer_of_reports,
)

_HOURS: Final = 24
_MORNING: Final = 7


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ChosenDay:
    """The day that an address asks for, yesterday where it says nothing or makes no sense."""

    day: date
    latest: date
    typed: str
    errors: list[str]


@require_safe
@page_for(*REPORT_ROLES)
def daily_report(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show the report of one day."""
    now = timezone.now()
    filters, chosen = read_message_filters(request, viewer), read_day(request.GET, now=now)
    report = read_daily_report(scope=filters.scope, day=chosen.day)
    address = reverse("report-daily")
    return render(
        request,
        "reports/daily.html",
        {
            **report_context(request, viewer, current="report-daily"),
            **describe_daily(report),
            "filters": filters,
            "day": chosen,
            "days": _day_links(address, chosen, filters.kept),
            "is_over": chosen.day < chosen.latest,
            "chart": draw_bars(
                [
                    (
                        f"{hour:02}:00",
                        report.flow.by_part[hour].asked if hour in report.flow.by_part else 0,
                    )
                    for hour in range(_HOURS)
                ],
                tick_every=4,
            ),
            "meanings": daily_meanings(sees_refusals=filters.scope.is_everything),
            "csv_url": with_query(
                reverse("report-daily-csv"), **filters.kept, day=chosen.day.isoformat()
            ),
            "by_mail": _by_mail(cast(User, request.user)),
        },
        status=400 if chosen.errors else 200,
    )


@require_safe
@page_for(*REPORT_ROLES)
def daily_report_csv(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Hand out the report of one day, for a spreadsheet."""
    scope = read_message_filters(request, viewer).scope
    chosen = read_day(request.GET, now=timezone.now())
    if chosen.errors:
        raise Http404
    report = read_daily_report(scope=scope, day=chosen.day)
    return csv_response(
        write_flow(
            report.flow,
            start=midnight(chosen.day),
            part=HOUR,
            parts=_HOURS,
            section="hour",
            campaign_names=scope.campaign_names,
            more=[*money_lines(report.issued), *message_lines(report.messages)],
        ),
        name=f"daily-{chosen.day.isoformat()}.csv",
    )


@require_POST
@never_cache
@login_required
def report_subscription(request: HttpRequest) -> HttpResponse:
    """Begin, change or end one's own subscription; it changes nothing of anybody else's."""
    user = cast(User, request.user)
    if not viewer_of_reports(user.pk).grants:
        raise Http404
    address = reverse("report-daily") + "#by-mail-title"
    if request.POST.get("what") == "end":
        if unsubscribe(user_id=user.pk):
            say(request, _("You get no daily report by mail any more."))
        return redirect(address)
    text = request.POST.get("hour", "")
    hour = int(text) if text.isascii() and text.isdigit() and len(text) <= len("23") else -1
    try:
        subscribe(
            user=user,
            hour=hour,
            time_zone=request.POST.get("time_zone", ""),
            now=timezone.now(),
        )
    except ValidationFailedError as error:
        say(request, " ".join(words for field in error.errors.values() for words in field))
        return redirect(address)
    say(request, _("The daily report will be in your mailbox each morning."))
    return redirect(address)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def report_unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """End the subscription of whom the link was sent to, without signing in (RFC 8058).

    Opening the link only asks, since mail scanners open links; a POST ends it. Nobody gains
    anything by another site's form that sends it: its token is in the mail alone.
    """
    user_id: UUID | None = read_unsubscribing(token)
    if user_id is None:
        raise Http404
    is_done = request.method == "POST"
    if is_done:
        unsubscribe(user_id=user_id)
    return render(
        request,
        "reports/unsubscribe.html",
        {"is_done": is_done, "daily_url": reverse("report-daily")},
    )


def read_day(fields: QueryDict, *, now: datetime) -> ChosenDay:
    """Return the day that an address asks for."""
    yesterday, today = last_full_day(now), now.astimezone(UTC).date()
    text = fields.get("day", "")
    if not text:
        return ChosenDay(day=yesterday, latest=today, typed=yesterday.isoformat(), errors=[])
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        problem = _("Give a day such as 2026-03-01.")
    else:
        if FIRST_DAY <= day <= today:
            return ChosenDay(day=day, latest=today, typed=day.isoformat(), errors=[])
        problem = _("Choose today or a day before.")
    return ChosenDay(day=yesterday, latest=today, typed=text[:32], errors=[problem])


def _day_links(address: str, chosen: ChosenDay, kept: dict[str, str]) -> list[Link]:
    ways = [(_("The day before"), chosen.day - ONE_DAY)]
    if chosen.day < chosen.latest:
        ways.append((_("The day after"), chosen.day + ONE_DAY))
    ways += [(_("Yesterday"), chosen.latest - ONE_DAY), (_("Today so far"), chosen.latest)]
    return [
        Link(
            label=label,
            url=with_query(address, **kept, day=day.isoformat()),
            is_current=day == chosen.day,
        )
        for label, day in ways
    ]


def _by_mail(user: User) -> dict[str, Any]:
    subscription = find_subscription(user_id=user.pk)
    zone = subscription.time_zone if subscription else settings.TIME_ZONE
    hour = subscription.hour if subscription else _MORNING
    return {
        "is_on": subscription is not None,
        "address": user.email,
        "is_possible": bool(user.email) and settings.EMAIL_ENABLED,
        "hours": [(one, f"{one:02}:00", one == hour) for one in range(LAST_HOUR + 1)],
        "zones": [(name, name.replace("_", " "), name == zone) for name in TimeZones.NAMES],
        "when": f"{hour:02}:00, {zone.replace('_', ' ')}",
    }
