"""What taking a reward back would come to, as things stand."""

from __future__ import annotations

import dataclasses
from typing import Final, Literal

from giftcards.models import GiftCard
from redemption.models import Redemption

State = Redemption.State
# It has ended, or nobody knows yet whether there is a card: a provider has been asked.
BEYOND_CANCELLING: Final = frozenset(
    {State.CANCELLED, State.FAILED, State.PROVISIONING, State.UNCONFIRMED}
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a cancel would do; the amount in minor units.

    :param is_spent: somebody may have seen a code of it, so that the charge stays.
    """

    card: Literal["returned", "void", "none"]
    is_spent: bool
    charged_minor: int


def foresee(redemption: Redemption) -> Outlook:
    """Return what a cancel would do now; what it does is decided under its locks."""
    card = redemption.card
    is_spent = (card is not None and card.disclosed_at is not None) or (
        redemption.replacements.filter(old_was_disclosed=True).exists()
    )
    end: Literal["returned", "void", "none"] = "none"
    if card is not None:
        is_back = card.status == GiftCard.Status.CLAIMED and card.disclosed_at is None
        end = "returned" if is_back else "void"
    return Outlook(card=end, is_spent=is_spent, charged_minor=redemption.charged_minor or 0)


def may_cancel(redemption: Redemption) -> bool:
    """Tell whether a redemption is in a state that can be cancelled."""
    return redemption.state not in BEYOND_CANCELLING


def may_replace(redemption: Redemption) -> bool:
    """Tell whether a redemption has a card that can be replaced."""
    return redemption.state in Redemption.STANDING and redemption.card_id is not None


def may_resend(redemption: Redemption) -> bool:
    """Tell whether a redemption has a reward that can be sent again, or brought by hand."""
    return redemption.state in Redemption.STANDING
