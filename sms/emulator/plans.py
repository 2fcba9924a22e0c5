"""What will become of an accepted text."""

import dataclasses
from typing import Final, Literal

Outcome = Literal["delivered", "undelivered", "failed", "sent", "queued"]

STEPS: Final[dict[Outcome, tuple[str, ...]]] = {
    "delivered": ("queued", "sent", "delivered"),
    "undelivered": ("queued", "sent", "undelivered"),
    "failed": ("queued", "failed"),
    # The last two never become final: a carrier without receipts, a queue that does not move.
    "sent": ("queued", "sent"),
    "queued": ("queued",),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeliveryPlan:
    """How a text ends, and how we hear of it.

    ``late_seconds`` is how long callbacks lag behind the statuses they tell of, ``copies`` how
    often each is posted.
    """

    outcome: Outcome = "delivered"
    error_code: int | None = None
    copies: int = 1
    late_seconds: float = 0.0
    is_reversed: bool = False
    is_silent: bool = False
    is_early: bool = False

    @property
    def steps(self) -> tuple[str, ...]:
        return STEPS[self.outcome]


USUAL_PLAN: Final = DeliveryPlan()
