"""The shapes of what comes in."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rest_framework import serializers

from credit.api.inputs import IdField, StrictSerializer, TextField, VariantSerializer
from credit.api.pagination import ListQuery
from loyalty.models import Checkout
from loyalty.providers import STRIPE
from loyalty.services.checkouts import MANUAL

LONGEST_AMOUNT: Final = 32
_LONGEST_SKU: Final = 64
_MOST_LINES: Final = 200
_MOST_OF_ONE: Final = 10_000
_MOST_POINTS: Final = 10**12
_MOST_ON_HAND: Final = 10**9

_CLIENT_HELP: Final = (
    "For keys of an agency or the platform: the client. A client's own key may leave it out, and"
    " so may a call that names a customer or a till's session."
)
_OF_CLIENT: Final = "Of this client only."


class _OfClient(StrictSerializer):
    client_id = IdField(required=False, help_text=_CLIENT_HELP)


class _Currency(serializers.RegexField):
    def __init__(self, **more: Any) -> None:
        super().__init__(
            r"^[A-Z]{3}\Z",
            trim_whitespace=False,
            error_messages={"invalid": "A currency is three capital letters, such as USD."},
            **more,
        )


class CustomerRequest(_OfClient):
    first_name = TextField(required=False, allow_blank=True, max_length=80, default="")
    last_name = TextField(required=False, allow_blank=True, max_length=80, default="")
    phone = TextField(
        required=False, allow_blank=True, max_length=40, default="", help_text="Kept as E.164."
    )
    email = TextField(required=False, allow_blank=True, max_length=254, default="")


class CustomerChange(StrictSerializer):
    first_name = TextField(required=False, allow_blank=True, max_length=80)
    last_name = TextField(required=False, allow_blank=True, max_length=80)
    phone = TextField(
        required=False, allow_blank=True, max_length=40, help_text="Kept as E.164; empty: none."
    )
    email = TextField(required=False, allow_blank=True, max_length=254)


class CustomersQuery(ListQuery):
    client_id = IdField(required=False, help_text=_OF_CLIENT)
    phone = serializers.CharField(required=False, max_length=40, help_text="With this number.")
    email = serializers.CharField(required=False, max_length=254, help_text="With this address.")


class StockItemRequest(_OfClient):
    sku = TextField(max_length=_LONGEST_SKU)
    name = TextField(max_length=120)
    price = TextField(max_length=LONGEST_AMOUNT, help_text='As a string: `"4.00"`.')
    currency = _Currency(required=False, help_text="That of the client's programme when not given.")
    on_hand = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=_MOST_ON_HAND
    )


class StockItemsQuery(ListQuery):
    client_id = IdField(required=False, help_text=_OF_CLIENT)
    sku = serializers.CharField(required=False, max_length=_LONGEST_SKU)


class SessionRequest(_OfClient):
    register = TextField(max_length=64, help_text="The till's name.")
    currency = _Currency(required=False, help_text="That of the client's programme when not given.")


class SessionsQuery(ListQuery):
    client_id = IdField(required=False, help_text=_OF_CLIENT)
    open = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Only those that are, or are not."
    )


class LineRequest(StrictSerializer):
    sku = TextField(max_length=_LONGEST_SKU)
    quantity = serializers.IntegerField(min_value=1, max_value=_MOST_OF_ONE)


class QuoteRequest(_OfClient):
    customer_id = IdField(required=False, allow_null=True, default=None)
    lines = serializers.ListField(child=LineRequest(), min_length=1, max_length=_MOST_LINES)
    points_to_redeem = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=_MOST_POINTS
    )


class PaymentRequest(VariantSerializer):
    """How the cart is paid."""

    chosen_by = "gateway"
    own_fields: ClassVar = {MANUAL: "result", STRIPE: "payment_method"}

    gateway = serializers.ChoiceField(
        choices=[MANUAL, STRIPE],
        help_text="`manual`: cash or a terminal of your own. `stripe`: charged by us.",
    )
    result = serializers.ChoiceField(
        choices=["approved", "declined"],
        required=False,
        help_text="How it ended; for `manual`, and for it alone.",
    )
    amount = TextField(
        max_length=LONGEST_AMOUNT,
        help_text="What was taken or is to be, in the currency of the cart:"
        ' `"14.00"`. It must be its total.',
    )
    reference = TextField(
        required=False,
        allow_blank=True,
        max_length=120,
        default="",
        help_text="The number on the terminal's slip.",
    )
    payment_method = serializers.RegexField(
        r"^(pm|tok|card|src)_[A-Za-z0-9_]{1,100}\Z",
        required=False,
        trim_whitespace=False,
        error_messages={"invalid": "A token is like pm_…; never send a card's number."},
        help_text="Stripe's token of the customer's card; for `stripe`, and for it alone. It is"
        " not kept.",
    )


class CheckoutRequest(QuoteRequest):
    order_number = TextField(max_length=64, help_text="Yours; no two of a client are the same.")
    register_session_id = IdField(required=False, allow_null=True, default=None)
    payment = PaymentRequest()


class CheckoutsQuery(ListQuery):
    client_id = IdField(required=False, help_text=_OF_CLIENT)
    customer_id = IdField(required=False)
    order_number = serializers.CharField(required=False, max_length=64)
    state = serializers.ChoiceField(choices=Checkout.State.values, required=False)
    created_after = serializers.DateTimeField(
        required=False, help_text="At this moment or later. Without an offset it is UTC."
    )
    created_before = serializers.DateTimeField(
        required=False, help_text="Before this moment. Without an offset it is UTC."
    )


class RefundRequest(StrictSerializer):
    lines = serializers.ListField(
        child=LineRequest(),
        required=False,
        min_length=1,
        max_length=_MOST_LINES,
        help_text="The articles that come back; this or `amount`, one of the two.",
    )
    amount = TextField(
        required=False,
        max_length=LONGEST_AMOUNT,
        help_text='In the currency of the checkout: `"5.00"`.',
    )
    reason = TextField(max_length=200)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("lines" in attrs) == ("amount" in attrs):
            words = "Give either lines or amount."
            raise serializers.ValidationError({"lines": [words], "amount": [words]})
        return attrs


class RewardContactRequest(StrictSerializer):
    method = serializers.ChoiceField(choices=["sms", "email", "none"])
    phone = TextField(required=False, allow_blank=True, max_length=40, default="")
    email = TextField(required=False, allow_blank=True, max_length=254, default="")


class RewardRequest(_OfClient):
    customer_id = IdField()
    denomination_id = IdField(help_text="From `GET /brands/`.")
    contact = RewardContactRequest(
        required=False, help_text="Where the card's link is sent; nowhere when not given."
    )


class ItemsQuery(ListQuery):
    client_id = IdField(required=False, help_text=_OF_CLIENT)
    resolved = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Only those that are, or are not."
    )


class ReplayRequest(StrictSerializer):
    note = TextField(required=False, allow_blank=True, max_length=500, default="")


class ResolveRequest(StrictSerializer):
    note = TextField(max_length=500, help_text="Why, for whoever asks later.")


class EmptyRequest(StrictSerializer):
    """An empty object, or nothing at all."""
