"""What is said to somebody who takes a gift card for points: they have no code to be safe."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_noop as _

from alerts.codes import ErrorCode

# Instead of the catalogue's words, with its placeholders.
REFUSED: Final[dict[ErrorCode, str]] = {
    ErrorCode.BRAND_UNAVAILABLE: _(
        "This gift card is not offered right now. Your points are safe and still yours. "
        "To ask about another card, call {support_phone}."
    ),
    ErrorCode.OUT_OF_STOCK: _(
        "We have run out of these gift cards for the moment. "
        "Your points are safe: please try again in {minutes} minutes. "
        "If you would rather talk to us, call {support_phone}."
    ),
    ErrorCode.PROVIDER_NOT_CONFIGURED: _(
        "We can't prepare this gift card right now. "
        "Your points are safe: please try again in {minutes} minutes. "
        "If you would rather talk to us, call {support_phone}."
    ),
    ErrorCode.INSUFFICIENT_CREDIT: _(
        "We can't give out this gift card right now. "
        "Your points are safe and still yours: please try again later. "
        "If you would rather talk to us, call {support_phone}."
    ),
    ErrorCode.NO_BILLING_ACCOUNT: _(
        "This gift card is not quite ready on our side. Your points are safe and still yours. "
        "Please try again later. If you would like our help now, call {support_phone}."
    ),
}
BEING_PREPARED: Final = _(
    "Your gift card is being prepared, which can take a few minutes. "
    "Your points are set aside for it, and there is nothing more to do."
)
