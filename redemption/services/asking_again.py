"""Sending a reward's link again because a customer asks for it, who has only typed the code.

A code proves nothing: whoever found the letter has it too. So it moves nothing but our own text to
where it went before, which its owner alone can read, and not often.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from django.utils.translation import gettext as _

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.throttling import Window, count_hit
from alerts.transactions import durable
from credit.selectors.viewers import Viewer
from redemption.models import Redemption
from redemption.services.resending import Resent, resend_reward

# What a text to somebody costs their patience: one in a while, few in a day.
ONCE_IN_SECONDS: Final = 15 * 60
PER_DAY: Final = 4
_CUSTOMER: Final = Viewer(actor="customer", sees_platform=True, scopes=frozenset({"redeem"}))


@dataclasses.dataclass(eq=False, kw_only=True)
class NotReachableError(ServiceError):
    """Nothing can be sent to where the reward went: its owner wants no texts, or it is gone."""

    code: ClassVar = ErrorCode.DELIVERY_NOT_STARTED

    redemption_id: UUID

    def customer_words(self, *, support_phone: str = "") -> str:
        """Print what a customer is told, in the active language."""
        return _(
            "We can't send a text to that phone: its owner has asked us not to, or hasn't agreed "
            "to it yet. Your card is safe. Call {support_phone}: we can send it to another number, "
            "or by e-mail."
        ).format(support_phone=support_phone or _("our support"))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """Where the link to a card can be sent again."""

    redemption_id: UUID
    method: str
    to: str


@seeing(EVERYTHING)
def find_way_back(*, redemption_id: UUID) -> WayBack | None:
    """Return where a reward's link went, None when there is no card or no such place."""
    rows = Redemption.objects.filter(
        pk=redemption_id, state__in=Redemption.STANDING, is_test=False
    ).exclude(contact_to="")
    for method, to in rows.values_list("contact_method", "contact_to"):
        return WayBack(redemption_id=redemption_id, method=method, to=to)
    return None


@durable
def send_link_again(*, redemption_id: UUID, now: datetime) -> Resent:
    """Send a reward's link again to where it went before, and nowhere else.

    Once in 15 minutes and four times in 24 hours; what was refused counts as well.

    :raises RateLimitedError: it was sent a moment ago, or often (GC-101).
    :raises NotReachableError: nothing can be sent there (GC-014).
    :raises RedemptionNotFoundError: there is none (GC-111).
    :raises RedemptionStateError: its card was taken back (GC-115).
    :raises StillRunningError: somebody else works on it (GC-108).
    """
    for rate in ((1, ONCE_IN_SECONDS), (PER_DAY, 24 * 3600)):
        window = Window.of(f"again:{rate[1]}:{redemption_id}", rate)
        count_hit(window, now=now)
    try:
        return resend_reward(viewer=_CUSTOMER, redemption_id=redemption_id, now=now)
    except ValidationFailedError as error:
        raise NotReachableError(redemption_id=redemption_id) from error
