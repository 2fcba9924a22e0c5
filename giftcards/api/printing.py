"""How pools and uploads are printed for partners."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.services.imports import ImportReport
from credit.models import IdempotencyRecord
from credit.money import format_amount
from giftcards.models import CardBatch, Pool
from giftcards.selectors.pools import PoolCounts


@dataclasses.dataclass(eq=False, kw_only=True)
class RowsRefusedError(ServiceError):
    """Nothing of the file was written; ``errors`` has the rows' lines and reasons."""

    code: ClassVar = ErrorCode.INVALID_INPUT
    answer_fields: ClassVar = ("batch", "accepted", "rejected")

    errors: list[dict[str, Any]]  # type: ignore[assignment]  # of rows instead of fields
    batch: dict[str, Any]
    accepted: int
    rejected: int
    is_replay: bool = False


def print_pool(pool: Pool, counts: PoolCounts) -> dict[str, Any]:
    """Print a pool as it stands."""
    value = pool.denomination
    return {
        "id": str(pool.pk),
        "name": pool.name,
        "brand": pool.brand.name,
        "brand_id": str(pool.brand_id),
        "value": format_amount(value.value_minor, value.currency),
        "currency": value.currency,
        "kind": pool.kind,
        "client_id": None if pool.client_id is None else str(pool.client_id),
        "purchase_method": pool.purchase_method,
        "low_stock_threshold": pool.low_stock_threshold,
        "total": counts.total,
        "available": counts.available,
        "claimed": counts.claimed,
        "delivered": counts.delivered,
        "redeemed": counts.redeemed,
        "expired": counts.expired,
        "stuck": counts.stuck,
        "available_percent": counts.available_percent,
        "utilisation": counts.utilisation,
        "level": counts.colour,
        "archived_at": (
            None
            if pool.archived_at is None
            else pool.archived_at.isoformat().replace("+00:00", "Z")
        ),
    }


def print_report(report: ImportReport) -> dict[str, Any]:
    """Print what became of a file."""
    return {
        "batch": {
            "id": None if report.batch_id is None else str(report.batch_id),
            "state": report.state,
        },
        "accepted": report.accepted,
        "rejected": report.rejected,
        "errors": [problem._asdict() for problem in report.problems],
    }


def print_kept_report(record: IdempotencyRecord) -> dict[str, Any]:
    """Print the first answer to a key again, whatever became of the upload since."""
    if record.details:
        return {
            "batch": {"id": None, "state": CardBatch.State.PREVIEWED.value},
            "accepted": record.details["accepted"],
            "rejected": record.details["rejected"],
            "errors": record.details["rejects"],
        }
    assert record.object_id is not None  # noqa: S101  held by the function that writes it
    batch = CardBatch.objects.get(pk=record.object_id)
    is_refused = batch.state == CardBatch.State.REFUSED
    state = CardBatch.State.REFUSED if is_refused else CardBatch.State.IMPORTED
    return {
        "batch": {"id": str(batch.pk), "state": state.value},
        "accepted": batch.accepted,
        "rejected": batch.rejected,
        "errors": batch.rejects,
    }
