"""Gift cards for points over the API."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.codes import ErrorCode
from credit.api.answers import respond, respond_under_key
from credit.api.authentication import ApiKeyAuthentication, Partner, require_scope
from credit.api.headers import KEY_HEADER
from credit.api.inputs import read_body
from credit.api.problems import problems
from credit.models import IdempotencyRecord
from credit.money import format_amount
from credit.services.idempotency import KeyClaim
from giftcards.api.printing import print_card
from loyalty.api import reward_examples as examples
from loyalty.api.asking import (
    SCOPE,
    SCOPE_WORDS,
    TAGS,
    client_of,
    refuse_again,
    request_id_of,
)
from loyalty.api.outputs import RewardOutput
from loyalty.api.printing import print_time
from loyalty.api.shapes import RewardRequest
from loyalty.models import Reward
from loyalty.selectors.customers import points_after
from loyalty.selectors.rewards import credit_after
from loyalty.services.contacts import Contact, read_reward_contact
from loyalty.services.reward_words import BEING_PREPARED
from loyalty.services.rewards import RewardResult, find_reward, take_reward
from sms.phones import mask_email, mask_phone

_FAILURES = (
    ErrorCode.INVALID_INPUT,
    ErrorCode.BRAND_UNAVAILABLE,
    ErrorCode.NO_BILLING_ACCOUNT,
    401,
    402,
    403,
    409,
    ErrorCode.OUT_OF_STOCK,
    ErrorCode.STATE_FORBIDS,
    413,
    415,
    422,
    ErrorCode.NOT_ENOUGH_POINTS,
    503,
)


class RewardsView(APIView):
    """A gift card for a customer's points."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="take_reward",
        summary="Exchange points for a gift card",
        description="Points and card, both or neither; it costs the card's value at the rate of"
        " the programme. 201 shows the card's code and sends its link to the contact. 202: the"
        " card is being bought, the points are held until it comes, and the link is sent by"
        " itself. 422 GC-112: fewer points are `available` than `requested`. 409 GC-003: there is"
        " no card, and nothing was taken. `credit_remaining` is null without `credit:read`."
        f"{SCOPE_WORDS}",
        request=RewardRequest,
        responses={201: RewardOutput, 202: RewardOutput, **problems(*_FAILURES)},
        parameters=[KEY_HEADER],
        examples=examples.REWARD,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        partner = require_scope(request, SCOPE)

        def act(claim: KeyClaim | None) -> Response:
            body = read_body(RewardRequest, request)
            reward = take_reward(
                client_id=client_of(partner, body),
                customer_id=body["customer_id"],
                denomination_id=body["denomination_id"],
                contact=_contact(body),
                actor=partner.actor,
                request_id=request_id_of(request),
                now=timezone.now(),
                disclose=True,
                key=claim,
            )
            is_issued = reward.state != Reward.State.PROVISIONING
            printed = _print_first(partner, reward, is_issued=is_issued)
            return respond(printed, status=201 if is_issued else 202)

        def print_again(record: IdempotencyRecord) -> dict[str, Any]:
            assert record.object_id is not None  # noqa: S101  kept with the reward
            reward = find_reward(reward_id=record.object_id)
            return _print_first(
                partner, reward, is_issued=record.state != Reward.State.PROVISIONING
            )

        return respond_under_key(
            request,
            partner,
            act=act,
            print_again=print_again,
            refuse_again=refuse_again,
            required=True,
        )


def _contact(body: dict[str, Any]) -> Contact:
    contact = body.get("contact")
    return (
        Contact(method="none")
        if contact is None
        else read_reward_contact(prefix="contact.", **contact)
    )


def _print_first(partner: Partner, reward: RewardResult, *, is_issued: bool) -> dict[str, Any]:
    """Print a reward as it was first answered, whatever became of it since."""
    printed: dict[str, Any] = {
        "id": str(reward.reward_id),
        "customer_id": str(reward.customer_id),
        "state": Reward.State.PROVISIONING.value,
        "reason": _being_prepared(),
        "source": None,
        "face_value": format_amount(reward.face_value_minor, reward.currency),
        "charged": None,
        "currency": reward.currency,
        "credit_remaining": None,
        "card": None,
        "reveal_url": None,
        "message": None,
        "created_at": print_time(reward.created_at),
        "issued_at": None,
        "delivered_at": None,
        "points_spent": reward.points_spent,
        "points_balance": points_after(
            customer_id=reward.customer_id,
            reference_id=reward.reward_id if is_issued else None,
            at=reward.created_at,
        ),
    }
    if not is_issued or reward.card is None:
        return printed
    credit_minor = (
        credit_after(reward_id=reward.reward_id) if "credit:read" in partner.scopes else None
    )
    return {
        **printed,
        "state": Reward.State.ISSUED.value,
        "reason": None,
        "source": reward.source or None,
        "charged": _amount(reward.charged_minor, reward.currency),
        "credit_remaining": _amount(credit_minor, reward.currency),
        # What nobody was shown yet is not shown here: its disclosure must be committed first.
        "card": print_card(reward.card, shows_code=reward.card.was_disclosed),
        "reveal_url": f"{settings.PUBLIC_BASE_URL}/points/{reward.reveal_token}/"
        if reward.card.was_disclosed
        else None,
        "message": _print_message(reward),
        "issued_at": print_time(reward.issued_at),
    }


def _print_message(reward: RewardResult) -> dict[str, Any] | None:
    if reward.message_id is None:
        return None
    is_email = reward.contact.method == "email"
    return {
        "id": str(reward.message_id),
        "channel": reward.contact.method,
        "to_masked": (mask_email if is_email else mask_phone)(reward.contact.to),
        "state": "queued",
    }


def _being_prepared() -> dict[str, str]:
    code = ErrorCode.PROVIDER_FAILED
    return {"code": code.code, "detail": code.customer_words(instead=BEING_PREPARED)}


def _amount(amount_minor: int | None, currency: str) -> str | None:
    return None if amount_minor is None else format_amount(amount_minor, currency)
