"""When things happened in the demo: the same course each time, more by day and lately."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Final

from config.demo_data.campaigns import crm_id_of
from config.demo_data.plan import CAMPAIGNS, HISTORY_DAYS, Calendar, PlannedCampaign
from redemption.models import Redemption

_WEEKEND_SHARE: Final = 0.45
# Hours of the day in UTC for customers in the United States: from, to, and most often.
_HOURS: Final = (13.0, 23.9, 18.5)
_DOORS: Final = {
    Redemption.Door.WEB: 60,
    Redemption.Door.DESK: 20,
    Redemption.Door.CRM: 12,
    Redemption.Door.API: 8,
}
_UNDELIVERED_SHARE: Final = 0.02
# The stock that ran out did so the day before.
_RAN_OUT_BEFORE: Final = timedelta(days=1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PastRedemption:
    """A redemption of the demo's past; ``arrives`` is whether its text got through."""

    at: datetime
    campaign: str
    crm_id: str
    door: Redemption.Door
    arrives: bool
    seconds_to_arrive: int


def tell_past(calendar: Calendar) -> list[PastRedemption]:
    """Return the redemptions of the demo's past, oldest first."""
    past = [past for planned in CAMPAIGNS for past in _tell_campaign(planned, calendar)]
    return sorted(past, key=lambda redemption: redemption.at)


def _tell_campaign(planned: PlannedCampaign, calendar: Calendar) -> Iterator[PastRedemption]:
    # It decides nothing but the shape of a chart, and is to be the same each time.
    rng = random.Random(planned.name)  # noqa: S311
    until = calendar.today - (_RAN_OUT_BEFORE if planned.waiting else timedelta(minutes=10))
    times = sorted(_draw_time(rng, calendar, until) for _ in range(planned.redeemed))
    # Who waits has asked a few hours ago.
    times += [calendar.today - timedelta(hours=5 - hour) for hour in range(planned.waiting)]
    for number, at in enumerate(times):
        yield PastRedemption(
            at=at,
            campaign=planned.name,
            crm_id=crm_id_of(number),
            door=rng.choices(list(_DOORS), weights=list(_DOORS.values()))[0],
            arrives=rng.random() >= _UNDELIVERED_SHARE,
            seconds_to_arrive=round(rng.lognormvariate(1.6, 0.6)) + 1,
        )


def _draw_time(rng: random.Random, calendar: Calendar, until: datetime) -> datetime:
    days = [calendar.begins_at + timedelta(days=number) for number in range(HISTORY_DAYS + 1)]
    weights = [
        (_WEEKEND_SHARE if day.weekday() >= 5 else 1.0) * (1 + 2 * number / HISTORY_DAYS)
        for number, day in enumerate(days)
    ]
    day = rng.choices(days, weights=weights)[0].astimezone(UTC).date()
    midnight = datetime.combine(day, time(), tzinfo=UTC)
    at = midnight + timedelta(hours=rng.triangular(*_HOURS))
    while at >= until:
        at -= timedelta(days=1)
    return max(at, calendar.begins_at + timedelta(minutes=rng.randrange(10, 600)))
