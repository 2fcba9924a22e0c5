"""What happened on the way to a card, kept for the operator who is asked about it."""

from datetime import datetime
from uuid import UUID

import structlog

from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from redemption.models import ProvisioningTrace

log = structlog.get_logger()


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
