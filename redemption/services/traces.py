"""What happened on the way to a card, kept for the operator who is asked about it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import transaction_required
from redemption.models import ProvisioningTrace

log = structlog.get_logger()

# As operators look for them in the log.
NO_CARD_CONFIGURED: Final = "[PROVISION] No gift card configured"
NO_CARD_AVAILABLE: Final = "[PROVISION] No available gift cards in pool"
_MARKERS: Final = {
    ErrorCode.CONDITION_INCOMPLETE: NO_CARD_CONFIGURED,
    ErrorCode.OUT_OF_STOCK: NO_CARD_AVAILABLE,
}


@seeing(EVERYTHING)
def record_refusal(
    *,
    error: ServiceError,
    step: str,
    request_id: str,
    now: datetime,
    redemption_id: UUID | None = None,
) -> None:
    """Write the trace of a refused redemption, whose own transaction left nothing behind."""
    marker = _MARKERS.get(error.code)
    if marker is not None:
        log.warning(marker, code=error.code.code)
    log.info(f"[PROVISION] Refused: {error.code.operator}", code=error.code.code)
    ProvisioningTrace.objects.create(
        request_id=request_id,
        redemption_id=redemption_id or getattr(error, "redemption_id", None),
        step=step,
        status="refused",
        error_code=error.code.code,
        message=error.code.operator[:300],
        milliseconds=0,
        details={},
        at=now,
    )


@seeing(EVERYTHING)
@transaction_required
def record_step(
    *,
    request_id: str,
    redemption_id: UUID,
    step: str,
    status: str,
    message: str,
    now: datetime,
    error_code: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write one step of a redemption's trace, as part of what it tells of.

    :param details: as JSON can hold them; no code, key or phone number.
    """
    ProvisioningTrace.objects.create(
        request_id=request_id,
        redemption_id=redemption_id,
        step=step,
        status=status,
        error_code=error_code,
        message=message[:300],
        milliseconds=0,
        details=dict(details or {}),
        at=now,
    )
