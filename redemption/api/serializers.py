"""The shapes of what comes in and, for the OpenAPI page, of what goes out."""

from typing import Any

from rest_framework import serializers

from credit.api.inputs import StrictSerializer, TextField
from redemption.models import Redemption
from sms.models import Message, MessageTemplate

LONGEST_CODE = 80


class ContactSerializer(StrictSerializer):
    method = serializers.ChoiceField(choices=["sms", "email", "none"])
    phone = TextField(required=False, allow_blank=True, max_length=40, default="")
    email = TextField(required=False, allow_blank=True, max_length=254, default="")


class VerificationSerializer(StrictSerializer):
    last_name = TextField(required=False, allow_blank=True, max_length=80)
    postal_code = TextField(required=False, allow_blank=True, max_length=16)
    phone = TextField(required=False, allow_blank=True, max_length=40)


class ValidateRequest(StrictSerializer):
    code = TextField(max_length=LONGEST_CODE)


class RedeemRequest(StrictSerializer):
    code = TextField(max_length=LONGEST_CODE)
    condition_number = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=32767
    )
    contact = ContactSerializer(required=False)
    verification = VerificationSerializer(required=False)


class _Output(serializers.Serializer[Any]):
    """Describes an answer; never run."""


class CampaignName(_Output):
    id = serializers.UUIDField()
    name = serializers.CharField()


class OfferOutput(_Output):
    number = serializers.IntegerField()
    name = serializers.CharField()
    brand = serializers.CharField()
    value = serializers.CharField(allow_null=True)
    currency = serializers.CharField()


class ValidateAnswer(_Output):
    valid = serializers.BooleanField()
    state = serializers.ChoiceField(
        choices=[
            "ready",
            "waiting_opt_in",
            "waiting_approval",
            "out_of_stock",
            "redeemed",
            "in_progress",
            "expired",
            "not_active",
        ]
    )
    campaign = CampaignName()
    conditions = OfferOutput(many=True)
    requires = serializers.ListField(child=serializers.CharField())


class ReasonOutput(_Output):
    code = serializers.CharField()
    detail = serializers.CharField()


class CardOutput(_Output):
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


class MessageOutput(_Output):
    id = serializers.UUIDField()
    channel = serializers.ChoiceField(choices=MessageTemplate.Channel.values)
    to_masked = serializers.CharField()
    state = serializers.CharField(help_text=f"One of {', '.join(Message.State.values)}.")


class TraceOutput(_Output):
    step = serializers.CharField()
    status = serializers.CharField()
    code = serializers.CharField(allow_null=True)
    message = serializers.CharField()
    milliseconds = serializers.FloatField()
    at = serializers.DateTimeField()


class RedemptionOutput(_Output):
    id = serializers.UUIDField()
    state = serializers.CharField(help_text=f"One of {', '.join(Redemption.State.values)}.")
    reason = ReasonOutput(allow_null=True)
    campaign_id = serializers.UUIDField()
    recipient_id = serializers.UUIDField()
    condition_number = serializers.IntegerField()
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field's name
        choices=Redemption.Source.values, allow_null=True
    )
    face_value = serializers.CharField(allow_null=True)
    charged = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    credit_remaining = serializers.CharField(allow_null=True)
    card = CardOutput(allow_null=True)
    reveal_url = serializers.CharField(allow_null=True)
    message = MessageOutput(allow_null=True)
    created_at = serializers.DateTimeField()
    issued_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)


class RedemptionDetailOutput(RedemptionOutput):
    refunded = serializers.CharField(
        allow_null=True, help_text="What was given back of the charge; null where none was made."
    )
    messages = MessageOutput(many=True)
    trace = TraceOutput(many=True)
