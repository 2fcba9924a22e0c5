"""Reports as CSV: UTF-8 with a byte order mark, amounts in digits and a dot, ids beside names."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from django.http import HttpResponse

from alerts.csvfiles import safe_cell
from credit.money import format_amount
from redemption.dashboard.periods import Period
from redemption.dashboard.report_words import average_minor
from redemption.selectors.card_report import CardReport, CardRow
from redemption.selectors.expiring import ExpiringPool
from redemption.selectors.stock_forecasts import Histories, RunOut

Cells = dict[str, object]

_HUNDREDTH: Final = Decimal("0.01")
_EXPIRING: Final = (
    "pool",
    "pool_id",
    "brand",
    "client",
    "expires_on",
    "cards",
    "value",
    "currency",
)
# For the names of the columns, where there is no row to read them from.
_NOTHING: Final = CardRow(
    key=None, name="", pools=(), currency="USD", total=0, handed_out=0, available=0, sums=None
)


def write_card_report(
    report: CardReport,
    *,
    period: Period,
    histories: Histories,
    shows_cost: bool,
    shows_agency_margin: bool,
) -> bytes:
    """Return the report about cards, a line for each row."""

    def cells(row: CardRow) -> Cells:
        live = row.live_pool_ids
        run_out = histories.run_out(live, row.available) if live else None
        return {
            **_names(row),
            "from": period.start.isoformat(),
            "to": period.end.isoformat(),
            **_counts(row),
            **days_left_cells(run_out),
            **_money(row, shows_cost=shows_cost, shows_agency_margin=shows_agency_margin),
        }

    return write_cells(list(cells(_NOTHING)), [cells(row) for row in report.rows])


def write_expiring(pools: Iterable[ExpiringPool]) -> bytes:
    """Return the cards that expire, a line for each pool and day."""
    return write_cells(
        _EXPIRING,
        [
            {
                "pool": safe_cell(row.pool.name),
                "pool_id": row.pool.pk,
                "brand": safe_cell(row.pool.brand.name),
                "client": safe_cell(row.pool.client.name if row.pool.client else ""),
                "expires_on": day.expires_on.isoformat(),
                "cards": day.cards,
                "value": format_amount(day.value_minor, row.pool.denomination.currency),
                "currency": row.pool.denomination.currency,
            }
            for row in pools
            for day in row.days
        ],
    )


def _names(row: CardRow) -> Cells:
    pool = row.pools[0] if len(row.pools) == 1 and row.pools[0].pk == row.key else None
    return {
        "name": safe_cell(row.name) if row.key else "the platform's stock",
        "id": row.key or "",
        "brand": safe_cell(pool.brand.name) if pool else "",
        "card_value": format_amount(pool.denomination.value_minor, row.currency) if pool else "",
        "client": safe_cell(pool.client.name) if pool and pool.client else "",
        "archived": "yes" if row.is_archived else "no",
        "currency": row.currency,
    }


def _counts(row: CardRow) -> Cells:
    sums = row.sums
    issued, delivered = (sums.issued, sums.delivered) if sums else (0, 0)
    average = sums.average_wait if sums else None
    return {
        "rewards": issued,
        "handed_over": delivered,
        "handed_over_percent": percent_cell(delivered / issued if issued else None),
        "average_seconds": "" if average is None else f"{average:.3f}",
        "p95_seconds": "" if sums is None or sums.p95_wait is None else sums.p95_wait,
        "cards_total": row.total,
        "cards_handed_out": row.handed_out,
        "utilisation_percent": percent_cell(row.utilisation),
        "available": row.available,
    }


def days_left_cells(run_out: RunOut | None) -> Cells:
    """Return for how long a stock lasts, and by which method."""
    left = run_out.left if run_out else None
    return {
        "days_left": _number(left.expected if left else None),
        "days_left_soonest": _number(left.soonest if left else None),
        "days_left_latest": _number(left.latest if left else None),
        "forecast_by": run_out.method if run_out else "",
    }


def _money(row: CardRow, *, shows_cost: bool, shows_agency_margin: bool) -> Cells:
    sums, currency = row.sums, row.currency

    def amount(amount_minor: int | None) -> str:
        return "" if amount_minor is None or sums is None else format_amount(amount_minor, currency)

    issued, known = (sums.issued, sums.cost_known) if sums else (0, 0)
    charged, cost = (sums.charged_minor, sums.cost_minor) if sums else (0, 0)
    cells: Cells = {
        "face_value": amount(sums.face_value_minor if sums else None),
        "charged": amount(charged),
        "charged_per_reward": amount(average_minor(charged, issued)),
    }
    if shows_agency_margin:
        cells["agency_margin"] = amount(sums.agency_margin_minor if sums else None)
    if shows_cost:
        cells |= {
            "rewards_with_known_cost": known,
            "cost": amount(cost if known else None),
            "cost_per_reward": amount(average_minor(cost, known)),
            "platform_margin": amount(sums.platform_margin_minor if sums and known else None),
            "profit": amount(sums.profit_minor if sums and known else None),
        }
    return cells


def write_cells(columns: Sequence[str], lines: Iterable[Cells]) -> bytes:
    """Return the lines under their columns, as every report's file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode("utf-8-sig")


def csv_response(content: bytes, *, name: str) -> HttpResponse:
    """Hand a file out under a name, which holds no quotation mark."""
    return HttpResponse(
        content,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def amounts_cell(amounts: Mapping[str, int]) -> str:
    """Print what was charged in each currency, in one cell: ``"12.50 USD; 8.00 EUR"``.

    :param amounts: minor units by currency.
    """
    return "; ".join(
        f"{format_amount(amount, currency)} {currency}"
        for currency, amount in sorted(amounts.items())
    )


def percent_cell(share: float | None) -> str:
    """Return a share as a file has it, ``"97.25"``: a half is rounded up, as PostgreSQL does."""
    if share is None:
        return ""
    # By its shortest digits: 447 of 480 are 0.93125, a little less in binary.
    return str((Decimal(repr(share)) * 100).quantize(_HUNDREDTH, ROUND_HALF_UP))


def _number(number: int | None) -> object:
    return "" if number is None else number
