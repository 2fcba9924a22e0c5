"""The buttons on a redemption's page that take its reward back, or exchange its card."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from unfold.decorators import action

from credit.models import User
from credit.money import display_amount
from credit.selectors.staff import may_replace_cards
from credit.services.idempotency import KeyClaim
from redemption.admin.changing import Changing, Said, find_row, viewer_of
from redemption.models import Redemption
from redemption.selectors.taking_back import Outlook, foresee, may_cancel, may_replace
from redemption.services.cancelling import cancel_redemption
from redemption.services.replacing import replace_card


class TakingBack(Changing):
    """Mixin: cancel and replace, each with a page that says what will happen."""

    def has_cancel_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return (
            object_id is not None
            and self.admin_site.has_permission(request)
            and may_cancel(find_row(object_id))
        )

    def has_replace_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return (
            object_id is not None
            and self.admin_site.has_permission(request)
            and isinstance(request.user, User)
            and may_replace_cards(request.user)
            and may_replace(find_row(object_id))
        )

    @action(  # type: ignore[untyped-decorator]
        description="Cancel", icon="block", permissions=["cancel"]
    )
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._cancel)(request, object_id)

    def _cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        redemption = find_row(object_id)

        def work(said: Said, claim: KeyClaim) -> str:
            ended = cancel_redemption(
                viewer=viewer_of(request),
                redemption_id=redemption.pk,
                reason=said["reason"],
                now=timezone.now(),
                claim=claim,
            )
            refunded = display_amount(ended.refunded_minor, redemption.currency)
            money = f" {refunded} was given back." if ended.refunded_minor else ""
            return f"Cancelled. {_CARD_IS[ended.card]}{money}"

        words = _describe_cancel(foresee(redemption), redemption)
        return self._serve(request, redemption, work, "Cancel this redemption", "Cancel it", words)

    @action(  # type: ignore[untyped-decorator]
        description="Replace the card", icon="swap_horiz", permissions=["replace"]
    )
    def replace(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._replace)(request, object_id)

    def _replace(self, request: HttpRequest, object_id: str) -> HttpResponse:
        redemption = find_row(object_id)

        def work(said: Said, claim: KeyClaim) -> str:
            replaced = replace_card(
                viewer=viewer_of(request),
                redemption_id=redemption.pk,
                reason=said["reason"],
                now=timezone.now(),
                claim=claim,
            )
            sent = " A new link is on its way." if replaced.message_id else ""
            return f"Replaced: the old card is void.{sent}"

        words = [_REPLACING, f"The old link is dead. {_TOLD[redemption.contact_method != 'none']}"]
        return self._serve(
            request, redemption, work, "Replace the card of this redemption", "Replace it", words
        )


_REPLACING: Final = (
    "The card becomes void for good, and another one of the same brand and value takes its place. "
    "Nothing is charged a second time; what the new card cost is added."
)
_TOLD: Final = {
    True: "A new one is sent to where the first was.",
    False: "Nobody is told: no contact was given.",
}
_CARD_IS: Final = {
    "returned": "The card is back in stock.",
    "void": "The card is void.",
    "none": "There was no card.",
}


def _describe_cancel(outlook: Outlook, redemption: Redemption) -> list[str]:
    """Say what a cancel would do as things stand."""
    charged = display_amount(outlook.charged_minor, redemption.currency)
    is_back = outlook.card == "returned"
    card = {
        "returned": "Nobody has seen its code: the card goes back to stock.",
        "void": "Somebody may have seen its code: the card becomes void."
        if outlook.is_spent
        else "Its link was sent and never opened: the card becomes void.",
        "none": "It has no card.",
    }[outlook.card]
    money = ""
    if outlook.charged_minor and outlook.is_spent:
        why = "Of a card that it had before the code may be known: " if is_back else ""
        money = f"{why}{charged} stays charged. Who is to bear it otherwise is corrected by hand."
    elif outlook.charged_minor:
        money = f"{charged} is given back to the account that paid."
    last = "Nothing more is sent, the link is dead, and the redemption code stays used."
    return [words for words in (card, money, last) if words]
