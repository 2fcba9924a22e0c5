"""Campaigns side by side: codes, who came with one, who was rewarded, where, and what it cost."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db import connection

from redemption.selectors.histograms import percentile_of
from redemption.selectors.reward_days import Clients
from redemption.selectors.spans import ONE_DAY, midnight

_STANDS: Final = "r.state IN ('issued', 'delivered', 'confirmed')"
_CAME: Final = """
    SELECT r.campaign_id, r.door, r.currency, r.code_age_hours, count(*),
        count(*) FILTER (WHERE {stands}),
        coalesce(sum(r.charged_minor) FILTER (WHERE {stands}), 0)
    FROM redemption_redemption r
    WHERE r.client_id = ANY (%(clients)s) {campaign}
        AND r.created_at >= %(start)s AND r.created_at < %(end)s AND NOT r.is_test
    GROUP BY 1, 2, 3, 4
"""
_CODES: Final = """
    SELECT r.campaign_id, count(*) FROM redemption_recipient r
    WHERE r.client_id = ANY (%(clients)s) {campaign}
        AND r.created_at < %(end)s AND NOT r.is_test
    GROUP BY 1
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSums:
    """What became of a campaign's codes.

    :param codes: all that people had by the end of the period.
    :param came: rewards that were asked for in the period, whatever became of them.
    :param redeemed: those of them that were issued and stand, ``by_door`` the same by door.
    :param charged: what they cost, by currency, in minor units.
    :param median_hours: from the code's making to the request, of those who were rewarded;
        rounded up to whole hours, after two days to whole days. None while nobody was.
    """

    campaign_id: UUID
    codes: int
    came: int
    redeemed: int
    by_door: Mapping[str, int]
    charged: Mapping[str, int]
    median_hours: int | None

    @property
    def rate(self) -> float | None:
        """How many of its codes brought a reward in the period; None without codes."""
        return self.redeemed / self.codes if self.codes else None


def compare_campaigns(
    *, clients: Clients, campaign_id: UUID | None, first: date, last: date
) -> list[CampaignSums]:
    """Return the campaigns that had codes or requests, those with most rewards first.

    Whoever asks has made sure that the clients and the campaign are theirs to see.
    """
    parameters = {
        "clients": list(clients.ids),
        "campaign": campaign_id,
        "start": midnight(first),
        "end": midnight(last + ONE_DAY),
    }
    campaign = "" if campaign_id is None else "AND r.campaign_id = %(campaign)s"
    with connection.cursor() as cursor:
        cursor.execute(_CODES.format(campaign=campaign), parameters)
        codes = dict(cursor.fetchall())
        cursor.execute(_CAME.format(campaign=campaign, stands=_STANDS), parameters)
        came: dict[UUID, list[tuple[Any, ...]]] = defaultdict(list)
        for row in cursor.fetchall():
            came[row[0]].append(row[1:])
    sums = [_sum(key, codes.get(key, 0), came.get(key, [])) for key in {**codes, **came}]
    return sorted(sums, key=lambda row: (-row.redeemed, -row.codes, str(row.campaign_id)))


def _sum(campaign_id: UUID, codes: int, rows: list[tuple[Any, ...]]) -> CampaignSums:
    by_door: dict[str, int] = defaultdict(int)
    charged: dict[str, int] = defaultdict(int)
    waits: dict[int, int] = defaultdict(int)
    for door, currency, hours, _came, redeemed, amount in rows:
        if redeemed:
            by_door[door] += redeemed
            charged[currency] += int(amount)
            waits[hours] += redeemed
    return CampaignSums(
        campaign_id=campaign_id,
        codes=codes,
        came=sum(row[3] for row in rows),
        redeemed=sum(by_door.values()),
        by_door=dict(by_door),
        charged=dict(charged),
        median_hours=percentile_of(waits, 50),
    )
