"""The admin's pages about points without a model: statistics, recent activity, integrity."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminSelectWidget

from alerts.admin.cells import actor_column, label, link_to_row, moment, table
from credit.selectors.organisations import list_all_client_names
from loyalty.admin.looks import TYPE_COLOURS, change, customer_link, points
from loyalty.admin.transactions import cause_of
from loyalty.models import (
    Checkout,
    Customer,
    LoyaltyTransaction,
    RegisterSession,
    Reward,
    StockItem,
)
from loyalty.selectors.days import PointsDay, count_points_by_day
from loyalty.selectors.integrity import Check, check_points, compare_balances
from redemption.dashboard.charts import draw_bars
from redemption.selectors.spans import FIRST_DAY, LAST_DAY

_DAYS: Final = 30
_MOST_DAYS: Final = 366
_SHOWN: Final = 100
_MEASURES: Final[dict[str, tuple[str, Callable[[PointsDay], int]]]] = {
    "redeemed": ("Points redeemed", lambda day: day.redeemed),
    "redemptions": ("Redemptions", lambda day: day.redemptions),
    "earned": ("Points earned", lambda day: day.earned),
}
# What breaks an invariant, where it is one table's.
_THINGS: Final[dict[str, type[Model]]] = {
    "points transaction": LoyaltyTransaction,
    "checkout": Checkout,
    "article": StockItem,
    "session": RegisterSession,
    "reward": Reward,
}
_COLUMNS: Final = (
    ("Redemptions", "redemptions"),
    ("Customers", "customers"),
    ("Points at tills", "at_tills"),
    ("Points for gift cards", "for_cards"),
    ("Given back", "given_back"),
    ("Earned", "earned"),
    ("Expired", "expired"),
)


class PeriodForm(forms.Form):
    """Whose points, of which days, and what the chart shows."""

    client = forms.TypedChoiceField(
        required=False, coerce=UUID, empty_value=None, widget=UnfoldAdminSelectWidget
    )
    first = forms.DateField(label="From", required=False, widget=UnfoldAdminDateWidget)
    last = forms.DateField(label="To", required=False, widget=UnfoldAdminDateWidget)
    show = forms.ChoiceField(
        label="Chart",
        required=False,
        choices=[(key, words) for key, (words, _) in _MEASURES.items()],
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        clients = [(str(key), name) for key, name in list_all_client_names()]
        self.fields["client"].choices = [("", "All clients"), *clients]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        last = cleaned["last"] = cleaned.get("last") or self.today
        if not FIRST_DAY <= last <= LAST_DAY:
            raise forms.ValidationError(f"Choose days from {FIRST_DAY} to {LAST_DAY}.")
        first = cleaned["first"] = cleaned.get("first") or last - timedelta(days=_DAYS - 1)
        if first > last:
            raise forms.ValidationError("The first day comes after the last one.")
        if (last - first).days >= _MOST_DAYS:
            raise forms.ValidationError(f"Choose {_MOST_DAYS} days at most.")
        return cleaned


def loyalty_urls(site: Any) -> list[URLPattern]:
    """Return the addresses of these pages."""

    def page(view: Callable[[Any, HttpRequest], HttpResponse]) -> Any:
        return site.admin_view(never_cache(functools.partial(view, site)))

    return [
        path("loyalty/statistics/", page(show_statistics), name="loyalty_statistics"),
        path("loyalty/activity/", page(show_activity), name="loyalty_activity"),
        path("loyalty/integrity/", page(show_integrity), name="loyalty_integrity"),
    ]


def show_statistics(site: Any, request: HttpRequest) -> HttpResponse:
    """Show points per day; ``?csv=1`` hands the same days out as a file."""
    today = timezone.now().astimezone(UTC).date()
    asked = PeriodForm(request.GET, today=today)
    days: list[PointsDay] = []
    context: dict[str, Any] = {"title": "Points per day"}
    if asked.is_valid():
        data = asked.cleaned_data
        days = count_points_by_day(first=data["first"], last=data["last"], client_id=data["client"])
        if request.GET.get("csv") == "1":
            return _csv(days)
        shown = data["show"] or "redeemed"
        words, measure = _MEASURES[shown]
        kept = {"client": data["client"] or "", "first": data["first"], "last": data["last"]}
        # The fields say what is shown, also where nothing was chosen.
        asked = PeriodForm(
            {**{name: str(value) for name, value in kept.items()}, "show": shown}, today=today
        )
        context |= {
            "chart": draw_bars(
                [(f"{day.day:%b} {day.day.day}", measure(day)) for day in days],
                tick_every=max(1, len(days) // 6),
            ),
            "measure": words,
            "csv_url": "?" + urlencode({**kept, "csv": 1}),
            "table": table(
                ("Day", *(title for title, _ in _COLUMNS)),
                [
                    (f"{day.day:%Y-%m-%d}", *(points(getattr(day, name)) for _, name in _COLUMNS))
                    for day in reversed(days)
                    if any(getattr(day, name) for _, name in _COLUMNS)
                ],
            ),
            "tiles": [
                {"title": title, "value": f"{sum(getattr(day, name) for day in days):,}"}
                for title, name in _COLUMNS
                # Who came on two days would count twice.
                if name != "customers"
            ],
        }
    context["form"] = asked
    return _page(site, request, "statistics", context)


def show_activity(site: Any, request: HttpRequest) -> HttpResponse:
    """Show the newest changes of anybody's points."""
    who = actor_column("actor")
    rows = LoyaltyTransaction.objects.select_related("customer", "client").order_by("-created_at")
    context = {
        "title": "Recent activity",
        "shown": _SHOWN,
        "all_url": reverse("admin:loyalty_loyaltytransaction_changelist"),
        "table": table(
            ("When", "Client", "Customer", "What", "Points", "Balance", "For", "Who"),
            [
                (
                    moment(row.created_at),
                    row.client.name,
                    customer_link(row.customer),
                    label(row.get_type_display(), TYPE_COLOURS[row.type]),
                    change(row.points),
                    points(row.balance_after),
                    cause_of(row),
                    who(None, row),
                )
                for row in rows[:_SHOWN]
            ],
        ),
        "is_empty": not rows.exists(),
    }
    return _page(site, request, "activity", context)


def show_integrity(site: Any, request: HttpRequest) -> HttpResponse:
    """Show whether every balance is what its transactions say."""
    began_at = datetime.now(UTC)
    checks = check_points(now=began_at)
    context = {
        "title": "Integrity of points",
        "checks": [_check_view(check) for check in checks],
        "is_sound": not any(check.broken.count for check in checks),
        "customers": f"{Customer.objects.count():,}",
        "transactions": f"{LoyaltyTransaction.objects.count():,}",
        "seconds": f"{(datetime.now(UTC) - began_at).total_seconds():.2f}",
        "asked_at": f"{began_at:%Y-%m-%d %H:%M:%S}",
    }
    return _page(site, request, "integrity", context)


def _check_view(check: Check) -> dict[str, Any]:
    broken = check.broken
    return {
        "promise": check.invariant.sentence,
        "count": broken.count,
        "words": f"{broken.count:,} differ",
        "table": _balances(broken.ids)
        if check.invariant.things == "customer"
        else table(("Id",), [(_link(check.invariant.things, one),) for one in broken.ids]),
    }


def _balances(ids: tuple[str, ...]) -> SafeString | str:
    known = compare_balances(customer_ids=ids)
    return table(
        ("Customer", "Balance", "Sum of what was written"),
        [(link_to_row(Customer, UUID(one)), *map(points, known.get(one, (0, 0)))) for one in ids],
    )


def _link(things: str, key: str) -> SafeString | str:
    model = _THINGS.get(things)
    return key if model is None else link_to_row(model, UUID(key), key)


def _csv(days: list[PointsDay]) -> HttpResponse:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["day", *(name for _, name in _COLUMNS)])
    for day in days:
        writer.writerow([f"{day.day:%Y-%m-%d}", *(getattr(day, name) for _, name in _COLUMNS)])
    name = f"points-{days[0].day:%Y-%m-%d}-{days[-1].day:%Y-%m-%d}.csv"
    return HttpResponse(
        text.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _page(site: Any, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    request.current_app = site.name
    return TemplateResponse(
        request, f"admin/loyalty/{name}.html", {**site.each_context(request), **context}
    )
