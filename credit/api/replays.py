"""A kept refusal, raised again for the caller who repeats a request."""

import dataclasses

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from credit.models import IdempotencyRecord


@dataclasses.dataclass(eq=False, kw_only=True)
class ReplayedRefusalError(ServiceError):
    """The refusal that a key was answered with; the same words and fields again."""

    code: ErrorCode  # type: ignore[misc]  # the kept one
    is_replay: bool = True


def refusal_of(record: IdempotencyRecord) -> ReplayedRefusalError:
    """Return the error that was kept under a key."""
    return ReplayedRefusalError(
        code=ErrorCode.from_code(record.error_code), errors=record.details.get("errors", {})
    )
