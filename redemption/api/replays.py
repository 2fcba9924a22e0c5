"""A kept refusal, raised again for the caller who repeats a request."""

import dataclasses
from uuid import UUID

from credit.api.replays import ReplayedRefusalError, refusal_of
from credit.models import IdempotencyRecord


@dataclasses.dataclass(eq=False, kw_only=True)
class ReplayedRedemptionError(ReplayedRefusalError):
    """The refusal of a redemption, which may name the one that came first."""

    redemption_id: UUID | None = None

    @property
    def answer_fields(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("redemption_id",) if self.redemption_id else ()


def redemption_refusal_of(record: IdempotencyRecord) -> ReplayedRedemptionError:
    """Return the error that was kept under a key."""
    kept = refusal_of(record)
    return ReplayedRedemptionError(
        code=kept.code, errors=kept.errors, redemption_id=record.object_id
    )
