"""Each update of a customer's points: one line in the log, one span in a trace."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import structlog

log = structlog.get_logger()

_SPAN: Final = "loyalty.update"
_OPERATION: Final = "loyalty_update"


@dataclasses.dataclass(slots=True, kw_only=True)
class PointsUpdate:
    """An update under way; who does it says what came of it, where something did."""

    customer_id: UUID | None
    order_id: UUID | None = None
    earned: int | None = None
    redeemed: int = 0

    def applied(self, *, earned: int = 0, redeemed: int = 0) -> None:
        """Say what was written."""
        self.earned, self.redeemed = earned, redeemed


@contextlib.contextmanager
def updating_points(
    *, customer_id: UUID | None, order_id: UUID | None = None
) -> Iterator[PointsUpdate]:
    """Log what is applied within, and time it where an error tracker is configured.

    The tracker is an extra: where nobody has set it up, it is not even imported.
    """
    update = PointsUpdate(customer_id=customer_id, order_id=order_id)
    tracker = sys.modules.get("sentry_sdk")
    if customer_id is None or tracker is None or not tracker.is_initialized():
        yield update
        _log(update)
        return
    with tracker.start_span(op=_SPAN, name=_SPAN) as span:
        for tag, value in _tags(update).items():
            span.set_tag(tag, value)
        yield update
        facts = _facts(update)
        if facts:
            span.set_tag("order_id", str(update.order_id))
            tracker.add_breadcrumb(category="loyalty", message="Points updated", data=facts)
    _log(update)


def _log(update: PointsUpdate) -> None:
    facts = _facts(update)
    if facts:
        log.info("[LOYALTY] Points updated", operation=_OPERATION, **facts)


def _tags(update: PointsUpdate) -> dict[str, str]:
    return {"operation": _OPERATION, "customer_id": str(update.customer_id)}


def _facts(update: PointsUpdate) -> dict[str, Any]:
    if update.customer_id is None or update.earned is None:
        return {}
    return {
        "customer_id": str(update.customer_id),
        "order_id": str(update.order_id),
        "earned": update.earned,
        "redeemed": update.redeemed,
        "net_change": update.earned - update.redeemed,
    }
