"""Where the people live who were rewarded, with nobody recognisable by living there.

Note [Small places]
Of a place from which fewer than five rewards were asked for, somebody who knows one of its people
could read what they got. Such places stand together as "elsewhere", by country, or, where
these are fewer than five as well, joined by the next larger place: the sum above a list would tell
a single one that was left out. Where the whole list has fewer than five, it says so and nothing
more.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any, Final, Literal
from uuid import UUID

from django.db import connection

from redemption.selectors.reward_days import Clients
from redemption.selectors.spans import ONE_DAY, midnight
from redemption.selectors.us_states import NAMES, state_code_of

PlaceLevel = Literal["country", "region", "city", "postal"]

FEWEST: Final = 5
_PREFIX: Final = 3
_COLUMNS: Final[dict[PlaceLevel, str]] = {
    "country": "p.country, '' AS region, '' AS name",
    "region": "p.country, p.region, p.region AS name",
    "city": "p.country, p.region, p.city AS name",
    "postal": "p.country, '' AS region, "
    f"left(upper(replace(p.postal_code, ' ', '')), {_PREFIX}) AS name",
}
_STATEMENT: Final = """
    SELECT {columns}, r.currency, count(*), count(r.delivered_at), sum(r.charged_minor)
    FROM redemption_redemption r JOIN redemption_recipient p ON p.id = r.recipient_id
    WHERE r.client_id = ANY (%(clients)s) {campaign}
        AND r.issued_at >= %(start)s AND r.issued_at < %(end)s
        AND r.state IN ('issued', 'delivered', 'confirmed') AND NOT r.is_test
    GROUP BY 1, 2, 3, 4
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A country, region, city or the beginning of a postal code, with its rewards.

    :param country: ISO 3166; empty where nobody wrote it down, as are ``region`` and ``name``.
    :param places: how many places stand together here, each too small to stand alone; 1 of a
        place of its own.
    :param charged: what was charged, by currency, in minor units.
    """

    country: str
    region: str
    name: str
    rewards: int
    delivered: int
    charged: dict[str, int]
    places: int = 1

    is_elsewhere: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Geography:
    """Places, those with most rewards first, those that stand together last.

    :param total: all rewards; 0 where they are too few to tell anything of places.
    :param is_too_small: there are some, but fewer than may be told of.
    """

    places: tuple[Place, ...]
    total: int
    is_too_small: bool = False


def read_geography(
    *,
    clients: Clients,
    campaign_id: UUID | None,
    level: PlaceLevel,
    first: date,
    last: date,
) -> Geography:
    """Return where the rewards went that were issued from the first to the last day (UTC).

    Whoever asks has made sure that the clients and the campaign are theirs to see.
    """
    statement = _STATEMENT.format(
        columns=_COLUMNS[level],
        campaign="" if campaign_id is None else "AND r.campaign_id = %(campaign)s",
    )
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "clients": list(clients.ids),
                "campaign": campaign_id,
                "start": midnight(first),
                "end": midnight(last + ONE_DAY),
            },
        )
        places = _join_spellings(cursor.fetchall(), level)
    total = sum(place.rewards for place in places)
    if 0 < total < FEWEST:
        return Geography(places=(), total=0, is_too_small=True)
    return Geography(places=tuple(_hide_small(places)), total=total)


def _join_spellings(rows: Iterable[tuple[Any, ...]], level: PlaceLevel) -> list[Place]:
    """Put together what people write with other capitals, or a state with its two letters."""
    found: dict[tuple[str, str, str], list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        country, region, name = row[0].upper(), row[1].strip(), row[2].strip()
        state = state_code_of(region) if country == "US" else None
        key = (country, state or region.casefold(), name.casefold())
        if level == "region":
            key = (country, key[1], key[1])
        found[key].append((country, region, name, *row[3:]))
    places = []
    for same in found.values():
        # The spelling that most of them chose.
        country, region, name, *_ = max(same, key=lambda row: (row[4], row[2]))
        state = state_code_of(region) if country == "US" else None
        if state is not None:
            name = NAMES[state] if level == "region" else name
            region = NAMES[state]
        charged: dict[str, int] = {}
        for row in same:
            charged[row[3]] = charged.get(row[3], 0) + int(row[6] or 0)
        places.append(
            Place(
                country=country,
                region=region,
                name=name if level != "country" else country,
                rewards=sum(row[4] for row in same),
                delivered=sum(row[5] for row in same),
                charged=charged,
            )
        )
    return sorted(places, key=lambda place: (-place.rewards, place.country, place.name))


def _hide_small(places: list[Place]) -> list[Place]:
    """Let no place with fewer than five rewards stand alone: Note [Small places]."""
    shown = [place for place in places if place.rewards >= FEWEST]
    small = [place for place in places if place.rewards < FEWEST]
    if not small:
        return shown
    hidden: list[Place] = []
    by_country: dict[str, list[Place]] = defaultdict(list)
    for place in small:
        by_country[place.country].append(place)
    rest: list[Place] = []
    for country, group in by_country.items():
        if sum(place.rewards for place in group) >= FEWEST and len(group) > 1:
            hidden.append(_together(group, country))
        else:
            rest += group
    if rest and sum(place.rewards for place in rest) < FEWEST:
        # The next larger one joins them, from those that stand together already if there are any.
        rest.append(hidden.pop() if hidden else shown.pop())
    if rest:
        hidden.append(_together(rest, ""))
    return shown + sorted(hidden, key=lambda place: -place.rewards)


def _together(places: list[Place], country: str) -> Place:
    charged: dict[str, int] = {}
    for place in places:
        for currency, amount in place.charged.items():
            charged[currency] = charged.get(currency, 0) + amount
    return Place(
        country=country,
        region="",
        name="",
        is_elsewhere=True,
        rewards=sum(place.rewards for place in places),
        delivered=sum(place.delivered for place in places),
        charged=charged,
        places=sum(place.places for place in places),
    )
