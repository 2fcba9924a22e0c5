"""The lines of a statement as people read them: what it was, for whom, and what is left."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from credit.selectors.counterparts import names_of_counterparts
from credit.selectors.statements import StatementLine
from credit.selectors.viewers import Viewer
from redemption.dashboard.amounts import Amount, show_amount, show_change
from redemption.models import Redemption

_REDEMPTION: Final = re.compile(r"redemption:([0-9a-f-]{36})(?::|$)")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """A line; ``url`` leads to the redemption, where one may open it."""

    at: datetime
    words: str
    about: str
    note: str
    url: str
    amount: Amount
    balance: Amount


def line_rows(
    lines: Sequence[StatementLine],
    *,
    viewer: Viewer,
    account_id: UUID,
    currency: str,
    may_open_admin: bool,
) -> list[LineRow]:
    """Lay out the lines that stand on one page."""
    others = names_of_counterparts(
        viewer=viewer,
        account_id=account_id,
        transaction_ids=[line.transaction_id for line in lines],
    )
    redemption_ids = {line.id: _redemption_of(line) for line in lines}
    campaigns = _campaigns_of({key for key in redemption_ids.values() if key}, viewer)
    rows = []
    for line in lines:
        redemption_id = redemption_ids[line.id]
        rows.append(
            LineRow(
                at=line.at,
                words=_words(line, others.get(line.transaction_id, "")),
                about=campaigns.get(redemption_id, "") if redemption_id else "",
                note=line.note,
                url=reverse("admin:redemption_redemption_change", args=[redemption_id])
                if redemption_id in campaigns and may_open_admin
                else "",
                amount=show_change(line.amount_minor, currency),
                balance=show_amount(line.balance_after_minor, currency),
            )
        )
    return rows


def _redemption_of(line: StatementLine) -> UUID | None:
    found = _REDEMPTION.match(line.reference)
    return UUID(found[1]) if found else None


def _campaigns_of(redemption_ids: Collection[UUID], viewer: Viewer) -> dict[UUID, str]:
    seen = Redemption.objects.filter(viewer.client_filter(), pk__in=redemption_ids)
    return dict(seen.order_by().values_list("pk", "campaign__name"))


def _words(line: StatementLine, other: str) -> str:
    comes_in = line.amount_minor > 0
    if line.kind == "allocation" and other:
        words = _("Allocation from %(name)s") if comes_in else _("Allocation to %(name)s")
        return words % {"name": other}
    return {
        "issue": _("Credit issued by the platform"),
        "allocation": _("Allocation received") if comes_in else _("Allocation"),
        "redemption": _("Reward"),
        "refund": _("Reward given back"),
        "hold": _("Set aside for a purchase"),
        "release": _("No longer set aside"),
        "capture": _("Rest of what was set aside") if comes_in else _("Purchase"),
        "card_sale": _("Cards sold") if comes_in else _("Cards bought"),
        "adjustment": _("Correction by the platform"),
    }.get(line.kind, line.kind)
