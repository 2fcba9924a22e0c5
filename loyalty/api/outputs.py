"""The shapes of what goes out, for the OpenAPI page."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from loyalty.models import Checkout, LoyaltyTransaction, Payment, Refund, Reward


class _Output(serializers.Serializer[Any]):
    """Describes an answer; never run."""


class CustomerOutput(_Output):
    id = serializers.UUIDField()
    client_id = serializers.UUIDField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    phone = serializers.CharField()
    email = serializers.CharField()
    points_balance = serializers.IntegerField()
    points_held = serializers.IntegerField()
    points_available = serializers.IntegerField()
    lifetime_points = serializers.IntegerField()
    tier = serializers.CharField(allow_null=True)
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class PointsOutput(_Output):
    id = serializers.UUIDField()
    points = serializers.IntegerField()
    type = serializers.ChoiceField(choices=LoyaltyTransaction.Type.values)
    reference_type = serializers.ChoiceField(choices=LoyaltyTransaction.Reference.values)
    reference_id = serializers.UUIDField()
    balance_before = serializers.IntegerField()
    balance_after = serializers.IntegerField()
    description = serializers.CharField()
    created_at = serializers.DateTimeField()


class StockItemOutput(_Output):
    id = serializers.UUIDField()
    client_id = serializers.UUIDField()
    sku = serializers.CharField()
    name = serializers.CharField()
    price = serializers.CharField()
    currency = serializers.CharField()
    on_hand = serializers.IntegerField()
    reserved = serializers.IntegerField()
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class RegisterSessionOutput(_Output):
    id = serializers.UUIDField()
    client_id = serializers.UUIDField()
    register = serializers.CharField()
    currency = serializers.CharField()
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    orders = serializers.IntegerField()
    sales = serializers.CharField()
    refunds = serializers.CharField()
    points_spent = serializers.IntegerField()
    points_earned = serializers.IntegerField()


class QuoteOutput(_Output):
    subtotal = serializers.CharField()
    discount = serializers.CharField()
    total = serializers.CharField()
    currency = serializers.CharField()
    points_to_earn = serializers.IntegerField()
    redeemable = serializers.BooleanField()
    available = serializers.IntegerField(allow_null=True)


class PaymentOutput(_Output):
    id = serializers.UUIDField()
    gateway = serializers.CharField()
    state = serializers.CharField(help_text=f"One of {', '.join(Payment.State.values)}.")
    amount = serializers.CharField()
    currency = serializers.CharField()
    reference = serializers.CharField()


class CheckoutLineOutput(_Output):
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    price = serializers.CharField()
    refunded = serializers.IntegerField()


class StepOutput(_Output):
    name = serializers.CharField()
    status = serializers.CharField()
    milliseconds = serializers.FloatField()


class CheckoutOutput(_Output):
    id = serializers.UUIDField()
    client_id = serializers.UUIDField()
    customer_id = serializers.UUIDField(allow_null=True)
    register_session_id = serializers.UUIDField(allow_null=True)
    order_number = serializers.CharField()
    state = serializers.CharField(help_text=f"One of {', '.join(Checkout.State.values)}.")
    loyalty = serializers.ChoiceField(choices=Checkout.Loyalty.values)
    subtotal = serializers.CharField()
    discount = serializers.CharField()
    total = serializers.CharField()
    refunded = serializers.CharField()
    currency = serializers.CharField()
    points_redeemed = serializers.IntegerField()
    points_earned = serializers.IntegerField()
    points_balance = serializers.IntegerField(allow_null=True)
    lines = CheckoutLineOutput(many=True)
    payment = PaymentOutput()
    steps = StepOutput(many=True)
    created_at = serializers.DateTimeField()


class RefundOutput(_Output):
    refund_id = serializers.UUIDField()
    checkout_id = serializers.UUIDField()
    state = serializers.CharField(help_text=f"One of {', '.join(Refund.State.values)}.")
    amount = serializers.CharField()
    currency = serializers.CharField()
    points_taken_back = serializers.IntegerField()
    points_returned = serializers.IntegerField()
    shortfall_points = serializers.IntegerField()
    points_balance = serializers.IntegerField(allow_null=True)


class ReconciliationOutput(_Output):
    id = serializers.UUIDField()
    checkout_id = serializers.UUIDField()
    client_id = serializers.UUIDField()
    customer_id = serializers.UUIDField()
    points_earned = serializers.IntegerField()
    points_redeemed = serializers.IntegerField()
    order_total = serializers.CharField()
    currency = serializers.CharField()
    error = serializers.CharField()
    attempts = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    last_attempt_at = serializers.DateTimeField(allow_null=True)
    resolved = serializers.BooleanField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolved_by = serializers.CharField()
    resolution_note = serializers.CharField()


class OwedOutput(_Output):
    unresolved_count = serializers.IntegerField()
    lost_earnings = serializers.IntegerField(help_text="Points earned that are still to come.")
    incorrect_redemptions = serializers.IntegerField(
        help_text="Points redeemed that are still held, not spent."
    )


class ReconciliationPageOutput(_Output):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ReconciliationOutput(many=True)
    summary = OwedOutput()


class RewardReasonOutput(_Output):
    code = serializers.CharField()
    detail = serializers.CharField()


class RewardCardOutput(_Output):
    brand = serializers.CharField()
    value = serializers.CharField()
    currency = serializers.CharField()
    code = serializers.CharField(allow_null=True)
    pin = serializers.CharField(allow_null=True)
    number = serializers.CharField(allow_null=True)
    url = serializers.CharField(allow_null=True)
    expires_on = serializers.DateField(allow_null=True)
    redemption_url = serializers.CharField(allow_null=True)
    last4 = serializers.CharField()


class RewardMessageOutput(_Output):
    id = serializers.UUIDField()
    channel = serializers.CharField()
    to_masked = serializers.CharField()
    state = serializers.CharField()


class RewardOutput(_Output):
    id = serializers.UUIDField()
    customer_id = serializers.UUIDField()
    state = serializers.CharField(help_text=f"One of {', '.join(Reward.State.values)}.")
    reason = RewardReasonOutput(allow_null=True)
    source = serializers.CharField(allow_null=True)  # type: ignore[assignment]  # a field's name
    face_value = serializers.CharField()
    charged = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    credit_remaining = serializers.CharField(allow_null=True)
    card = RewardCardOutput(allow_null=True)
    reveal_url = serializers.CharField(allow_null=True)
    message = RewardMessageOutput(allow_null=True)
    created_at = serializers.DateTimeField()
    issued_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    points_spent = serializers.IntegerField()
    points_balance = serializers.IntegerField()
