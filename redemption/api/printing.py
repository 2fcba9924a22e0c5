"""How a redemption is printed; the one shape of it that partners see."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from alerts.codes import ErrorCode
from credit.money import format_amount
from giftcards.api.printing import print_card
from redemption.codes import TEST_CARD_CODE
from redemption.models import Redemption
from redemption.selectors.redemptions import MessageFacts, RedemptionFacts, TraceStep
from redemption.services.disclosure import Disclosure
from redemption.services.links import derive_reveal_token
from redemption.services.redeem import RedeemResult
from sms.phones import mask_email, mask_phone


def print_result(result: RedeemResult, *, scopes: frozenset[str]) -> dict[str, Any]:
    """Print what a POST has just done, with the card's code: it was disclosed with it."""
    message = (
        ()
        if result.message_id is None
        else (
            MessageFacts(
                message_id=result.message_id,
                purpose="reward",
                channel=result.contact.method,
                to=result.contact.to,
                state="queued",
            ),
        )
    )
    facts = RedemptionFacts(
        redemption_id=result.redemption_id,
        state=result.state,
        reason_code=result.reason_code,
        client_id=result.client_id,
        campaign_id=result.campaign_id,
        recipient_id=result.recipient_id,
        condition_number=result.condition_number,
        source=result.source,
        is_test=result.is_test,
        face_value_minor=result.face_value_minor,
        charged_minor=result.charged_minor,
        currency=result.currency,
        balance_minor=result.balance_minor,
        brand=result.brand_name,
        card=result.card,
        link_version=1 if result.issued_at else None,
        messages=message,
        created_at=result.created_at,
        issued_at=result.issued_at,
        delivered_at=None,
    )
    return print_facts(facts, scopes=scopes, shows_code=True)


def print_first_answer(
    facts: RedemptionFacts, *, state: str, scopes: frozenset[str], disclosed: Disclosure | None
) -> dict[str, Any]:
    """Print the answer to a repeated POST as the first one was, from what is stored.

    :param state: the state that the first answer told.
    :param disclosed: what may be shown: nothing, once it was taken back.
    """
    was_issued = state == "issued"
    printed = print_facts(facts, scopes=scopes, shows_code=was_issued and is_of(facts, disclosed))
    printed["state"] = state
    printed["reason"] = None if was_issued else _reason(_REASONS.get(state, facts.reason_code))
    printed["delivered_at"] = None
    if not was_issued:
        printed.update(
            source=None, charged=None, credit_remaining=None, card=None, reveal_url=None,
            message=None, issued_at=None,
        )  # fmt: skip
    elif printed["message"] is not None:
        printed["message"]["state"] = "queued"
    return printed


_REASONS = {
    "provisioning": "GC-005",
    "unconfirmed": "GC-005",
    "waiting_stock": "GC-003",
    "waiting_opt_in": "GC-009",
    "waiting_approval": "GC-103",
}


def print_facts(
    facts: RedemptionFacts, *, scopes: frozenset[str], shows_code: bool
) -> dict[str, Any]:
    """Print a redemption as it stands.

    :param shows_code: open the card's secrets; its disclosure has been committed.
    """
    # The one that brought the reward, whatever was written about it before or since.
    message = next((one for one in facts.messages if one.purpose == "reward"), None)
    return {
        "id": str(facts.redemption_id),
        "state": facts.state,
        "reason": _reason(facts.reason_code),
        "campaign_id": str(facts.campaign_id),
        "recipient_id": str(facts.recipient_id),
        "condition_number": facts.condition_number,
        "source": facts.source or None,
        "face_value": _amount(facts.face_value_minor, facts.currency),
        "charged": _amount(facts.charged_minor, facts.currency),
        "currency": facts.currency,
        "credit_remaining": (
            _amount(facts.balance_minor, facts.currency) if "credit:read" in scopes else None
        ),
        "card": _print_card(facts, shows_code=shows_code),
        "reveal_url": (
            _reveal_url(
                derive_reveal_token(redemption_id=facts.redemption_id, version=facts.link_version)
            )
            if shows_code and facts.link_version is not None
            else None
        ),
        "message": None if message is None else print_message(message),
        "created_at": _time(facts.created_at),
        "issued_at": _time(facts.issued_at),
        "delivered_at": _time(facts.delivered_at),
    }


def print_detail(
    facts: RedemptionFacts,
    *,
    steps: Sequence[TraceStep],
    scopes: frozenset[str],
    disclosed: Disclosure | None,
) -> dict[str, Any]:
    """Print a redemption as it stands, with its messages and its trace.

    :param disclosed: what may be shown of its card; None hides code, PIN, number and link.
    """
    return {
        **print_facts(facts, scopes=scopes, shows_code=is_of(facts, disclosed)),
        **_print_rest(facts, steps),
    }


def _print_rest(facts: RedemptionFacts, steps: Sequence[TraceStep]) -> dict[str, Any]:
    return {
        "refunded": _amount(facts.refunded_minor, facts.currency),
        "messages": [print_message(message) for message in facts.messages],
        "trace": [print_step(step) for step in steps],
    }


def print_listed(
    facts: RedemptionFacts, *, steps: Sequence[TraceStep], scopes: frozenset[str]
) -> dict[str, Any]:
    """Print a redemption of a list, as ``print_detail`` does.

    Reading a list must not hand out a page of cards, none of which could go back to stock then:
    with ``cards:reveal`` it shows what somebody has seen already, and discloses nothing.
    """
    was_seen = facts.state in Redemption.STANDING and (
        facts.is_test if facts.card is None else facts.card.was_disclosed
    )
    return {
        **print_facts(facts, scopes=scopes, shows_code=was_seen and "cards:reveal" in scopes),
        **_print_rest(facts, steps),
    }


def is_of(facts: RedemptionFacts, disclosed: Disclosure | None) -> bool:
    """Tell whether it is this card that was disclosed: between two looks it may be exchanged."""
    if disclosed is None:
        return False
    shown = None if disclosed.card is None else disclosed.card.pk
    return shown == (None if facts.card is None else facts.card.card_id)


def print_message(message: MessageFacts) -> dict[str, Any]:
    """Print a message with a masked address."""
    return {
        "id": str(message.message_id),
        "channel": message.channel,
        "to_masked": _mask(message.channel, message.to),
        "state": message.state,
    }


def print_step(step: TraceStep) -> dict[str, Any]:
    """Print one step of the trace."""
    return {
        "step": step.step,
        "status": step.status,
        "code": step.code or None,
        "message": step.message,
        "milliseconds": step.milliseconds,
        "at": _time(step.at),
    }


def _print_card(facts: RedemptionFacts, *, shows_code: bool) -> dict[str, Any] | None:
    if facts.is_test and facts.issued_at is not None:
        return _print_test_card(facts, shows_code=shows_code)
    return None if facts.card is None else print_card(facts.card, shows_code=shows_code)


def _print_test_card(facts: RedemptionFacts, *, shows_code: bool) -> dict[str, Any]:
    # It looks like a card, hides like one, and is worth nothing.
    return {
        "brand": facts.brand,
        "value": _amount(facts.face_value_minor, facts.currency),
        "currency": facts.currency,
        "code": TEST_CARD_CODE if shows_code else None,
        "pin": None,
        "number": None,
        "url": None,
        "expires_on": None,
        "redemption_url": None,
        "last4": TEST_CARD_CODE[-4:],
    }


def _reason(code: str) -> dict[str, str] | None:
    if not code:
        return None
    entry = ErrorCode.from_code(code)
    detail = entry.customer_words(
        support_phone=settings.SUPPORT_PHONE_NUMBER,
        hours=settings.REWARD_WITHIN / 3600,
        is_waiting=True,
    )
    return {"code": code, "detail": detail}


def _amount(amount_minor: int | None, currency: str) -> str | None:
    return None if amount_minor is None else format_amount(amount_minor, currency)


def _reveal_url(token: str | None) -> str | None:
    return None if token is None else f"{settings.PUBLIC_BASE_URL}/r/{token}/"


def _mask(channel: str, to: str) -> str:
    return mask_email(to) if channel == "email" else mask_phone(to)


def _time(at: Any) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
