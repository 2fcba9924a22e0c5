"""The report about places: where the people live who were rewarded."""

from __future__ import annotations

import dataclasses
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from phonenumbers.geodata.locale import LOCALE_DATA

from alerts.csvfiles import safe_cell
from credit.dashboard.access import page_for
from credit.money import display_amount
from credit.selectors.viewers import Viewer
from redemption.dashboard.agency import Figure
from redemption.dashboard.frame import Link, with_query
from redemption.dashboard.report_asking import Asked, asked_context, read_asked, report_file
from redemption.dashboard.report_files import Cells, amounts_cell, percent_cell, write_cells
from redemption.dashboard.report_filters import REPORT_ROLES
from redemption.dashboard.report_words import share_words
from redemption.dashboard.tile_maps import TileMap, draw_tiles
from redemption.selectors.places import FEWEST, Geography, Place, PlaceLevel, read_geography
from redemption.selectors.us_states import state_code_of

_LEVELS: Final[tuple[PlaceLevel, ...]] = ("country", "region", "city", "postal")
_MOST_ROWS: Final = 200
# On fewer states a map tells less than the list.
_FEWEST_STATES: Final = 3
_COLUMNS: Final = (
    "country", "region", "place", "places_together", "rewards", "share_percent", "handed_over",
    "charged", "from", "to",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRow:
    """A place as it stands on the page; ``percent`` is its share of the largest one."""

    name: str
    about: str
    rewards: str
    share: str
    percent: int
    delivered: str
    charged: tuple[str, ...]


@require_safe
@page_for(*REPORT_ROLES)
def geography_report(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show where the people live who were rewarded."""
    level = _read_level(request.GET)
    asked = read_asked(request, viewer, by=level)
    found = _read(asked, level)
    largest = max((place.rewards for place in found.places), default=0)
    address = reverse("report-geography")
    kept = {**asked.filters.kept, **asked.period.query}
    return render(
        request,
        "reports/geography.html",
        {
            **asked_context(request, viewer, asked, current="report-geography"),
            "group": level,
            "groups": [
                Link(
                    label=label,
                    url=with_query(address, **kept, by=name),
                    is_current=name == level,
                )
                for name, label in _level_words().items()
            ],
            "figures": _figures(found, level),
            "rows": [
                _row(place, level, found.total, largest) for place in found.places[:_MOST_ROWS]
            ],
            "left_out": max(0, len(found.places) - _MOST_ROWS),
            "fewest": FEWEST,
            "is_too_small": found.is_too_small,
            "tiles": _tiles(found, level),
        },
        status=asked.status,
    )


@require_safe
@page_for(*REPORT_ROLES)
def geography_report_csv(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Hand out the report about places, for a spreadsheet."""
    level = _read_level(request.GET)
    asked = read_asked(request, viewer, by=level)
    found = _read(asked, level)

    def cells(place: Place) -> Cells:
        return {
            "country": place.country,
            "region": safe_cell(place.region),
            "place": "elsewhere" if place.is_elsewhere else safe_cell(place.name),
            "places_together": place.places,
            "rewards": place.rewards,
            "share_percent": percent_cell(place.rewards / found.total),
            "handed_over": place.delivered,
            "charged": amounts_cell(place.charged),
            "from": asked.period.start.isoformat(),
            "to": asked.period.end.isoformat(),
        }

    content = write_cells(_COLUMNS, [cells(place) for place in found.places])
    return report_file(asked, f"places-by-{level}", content)


def country_words(code: str) -> str:
    """Return a country's name in the reader's language."""
    names = LOCALE_DATA.get(code, {})
    language = (get_language() or "en").split("-")[0]
    name = names.get(language) or names.get("en") or code
    # "*en" stands for "as in English".
    return names.get(name[1:], code) if name.startswith("*") else name


def _read_level(fields: QueryDict) -> PlaceLevel:
    asked = fields.get("by", "region")
    for level in _LEVELS:
        if level == asked:
            return level
    raise Http404


def _level_words() -> dict[PlaceLevel, str]:
    return {
        "country": _("By country"),
        "region": _("By region or state"),
        "city": _("By city"),
        "postal": _("By postal area"),
    }


def _read(asked: Asked, level: PlaceLevel) -> Geography:
    scope = asked.filters.scope
    return read_geography(
        clients=scope.clients,
        campaign_id=scope.campaign_id,
        level=level,
        first=asked.period.start,
        last=asked.period.end,
    )


def _figures(found: Geography, level: PlaceLevel) -> list[Figure]:
    known = sum(place.rewards for place in found.places if place.is_elsewhere or place.name)
    named = [place for place in found.places if place.name and not place.is_elsewhere]
    labels = {
        "country": _("Countries"),
        "region": _("Regions"),
        "city": _("Cities"),
        "postal": _("Postal areas"),
    }
    return [
        Figure(label=_("Rewards"), value=f"{found.total:,}", words=_("issued, and standing")),
        Figure(label=labels[level], value=f"{len(named):,}", words=_("with five rewards or more")),
        Figure(
            label=_("Place known"),
            value=share_words(known / found.total if found.total else None),
            words=_("of the rewards"),
        ),
    ]


def _row(place: Place, level: PlaceLevel, total: int, largest: int) -> PlaceRow:
    name, about = _names(place, level)
    return PlaceRow(
        name=name,
        about=about,
        rewards=f"{place.rewards:,}",
        share=share_words(place.rewards / total),
        percent=round(place.rewards * 100 / largest),
        delivered=f"{place.delivered:,}",
        charged=tuple(
            display_amount(amount, currency) for currency, amount in sorted(place.charged.items())
        ),
    )


def _names(place: Place, level: PlaceLevel) -> tuple[str, str]:
    country = country_words(place.country) if place.country else ""
    if place.is_elsewhere:
        words = ngettext("%(count)d small place", "%(count)d small places", place.places)
        return _("Elsewhere"), " · ".join(
            part for part in (country, words % {"count": place.places}) if part
        )
    if level == "country":
        return country or _("Not known"), ""
    name = place.name or _("Not known")
    if level == "postal" and place.name:
        name = f"{place.name}…"
    parts = (place.region if level == "city" else "", country)
    return name, " · ".join(part for part in parts if part)


def _tiles(found: Geography, level: PlaceLevel) -> TileMap | None:
    if level != "region":
        return None
    states: dict[str, int] = {}
    for place in found.places:
        code = state_code_of(place.name) if place.country == "US" else None
        if code and not place.is_elsewhere:
            states[code] = place.rewards
    return draw_tiles(states) if len(states) >= _FEWEST_STATES else None
