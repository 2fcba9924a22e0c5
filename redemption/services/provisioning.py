"""A reward for somebody whom another system knows: a call centre's, or a CRM.

It says who and for what, and vouches for the person; all the rest is ``redeem``.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.utils.translation import gettext as _

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.keyring import digest
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable
from credit.money import AmountError, display_amount, parse_amount
from credit.selectors.viewers import Viewer, viewing
from credit.services.idempotency import KeyAnsweredError, KeyClaim, find_record
from redemption.codes import normalise_code
from redemption.models import Campaign, Condition, Recipient, Redemption
from redemption.services.opt_ins import read_skip_reason, vouch_for_texts
from redemption.services.redeem import Caller, Contact, RedeemResult, UnknownCodeError, redeem


@dataclasses.dataclass(eq=False, kw_only=True)
class CampaignNotFoundError(ServiceError):
    """There is no such campaign, or not for this viewer."""

    code: ClassVar = ErrorCode.NOT_FOUND

    campaign_id: UUID


@dataclasses.dataclass(eq=False, kw_only=True)
class RecipientNotFoundError(ServiceError):
    """The campaign has no such recipient."""

    code: ClassVar = ErrorCode.NOT_FOUND

    recipient_id: UUID


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who is to get what, as another system says it.

    :param recipient_id: or ``code``, one of the two.
    :param brand_id: which brand it takes the condition to be for; None says nothing.
    :param denomination: which value it takes the condition to be for: ``"25.00"``.
    :param skip_opt_in_reason: how it knows that texts are welcome; empty leaves it to the person.
    """

    campaign_id: UUID
    condition_number: int
    recipient_id: UUID | None = None
    code: str | None = dataclasses.field(default=None, repr=False)
    brand_id: UUID | None = None
    denomination: str | None = None
    skip_opt_in_reason: str = ""


@durable
def provision(
    *,
    order: Order,
    viewer: Viewer,
    caller: Caller,
    contact: Contact,
    now: datetime,
    disclose: bool = False,
    key: KeyClaim | None = None,
) -> RedeemResult:
    """Give a recipient the reward of a condition, once; a repeat is answered as by ``redeem``.

    With a reason to skip the opt-in, that texts are welcome is recorded with it and whose word it
    is, where the campaign asks for it; it stays recorded also when the reward is refused.

    :param viewer: whose campaigns are looked at; ``caller`` has the same scope.
    :param disclose: as for ``redeem``.
    :raises CampaignNotFoundError: GC-111.
    :raises RecipientNotFoundError: no such recipient in this campaign (GC-111).
    :raises UnknownCodeError: nobody in this campaign has the code (GC-011).
    :raises ValidationFailedError: no such condition, or it is for another brand or value (GC-012).
    :raises OptedOutError: the person has replied STOP, so no reason will do (GC-115).
    :raises KeyAnsweredError: the key was answered before; its record says how.
    :raises ServiceError: whatever ``redeem`` raises.
    """
    # Before anything is recorded on its behalf: a key that stands for another request, or for
    # this one already, is no word of anybody's.
    if key is not None and find_record(claim=key) is not None:
        raise KeyAnsweredError
    with viewing(viewer):
        campaign = _find_campaign(viewer, order)
        recipient_id = _find_recipient(campaign, order)
        _check_condition(campaign, order)
    if order.skip_opt_in_reason and campaign.opt_in_required:
        contact = _waiting_contact(recipient_id, order) if contact.method == "none" else contact
        if contact.method == "sms":
            vouch_for_texts(
                recipient_id=recipient_id,
                phone=contact.to,
                actor=caller.actor,
                reason=order.skip_opt_in_reason,
                now=now,
            )
    elif order.skip_opt_in_reason:
        read_skip_reason(order.skip_opt_in_reason, field="skip_opt_in_reason")
    return redeem(
        caller=caller,
        contact=contact,
        now=now,
        code=order.code,
        recipient_id=None if order.code is not None else recipient_id,
        condition_number=order.condition_number,
        disclose=disclose,
        key=key,
    )


def _find_campaign(viewer: Viewer, order: Order) -> Campaign:
    try:
        return Campaign.objects.filter(viewer.client_filter()).get(pk=order.campaign_id)
    except Campaign.DoesNotExist:
        raise CampaignNotFoundError(campaign_id=order.campaign_id) from None


def _find_recipient(campaign: Campaign, order: Order) -> UUID:
    recipients = Recipient.objects.filter(campaign=campaign).values_list("pk", flat=True)
    try:
        if order.recipient_id is not None:
            return recipients.get(pk=order.recipient_id)
        code_digest = digest(normalise_code(order.code or ""), purpose="redemption_code")
        return recipients.get(code_digest=code_digest)
    except Recipient.DoesNotExist:
        if order.recipient_id is None:
            raise UnknownCodeError from None
        raise RecipientNotFoundError(recipient_id=order.recipient_id) from None


def _check_condition(campaign: Campaign, order: Order) -> None:
    """Refuse an order whose system takes the condition for another than it is."""
    try:
        condition = campaign.conditions.select_related("brand").get(
            number=order.condition_number, is_active=True
        )
    except Condition.DoesNotExist:
        raise ValidationFailedError(
            errors={"condition_number": [_("This campaign has no such condition.")]}
        ) from None
    errors: dict[str, list[str]] = {}
    if order.brand_id is not None and order.brand_id != condition.brand_id:
        name = condition.brand.name if condition.brand else _("no brand")
        errors["brand_id"] = [_("This condition is for %(brand)s.") % {"brand": name}]
    if order.denomination is not None and not _is_value_of(condition, order.denomination):
        value = (
            _("no value")
            if condition.card_value_minor is None
            else display_amount(condition.card_value_minor, condition.currency)
        )
        errors["denomination"] = [_("This condition is for %(value)s.") % {"value": value}]
    if errors:
        raise ValidationFailedError(errors=errors)


def _is_value_of(condition: Condition, denomination: str) -> bool:
    try:
        return parse_amount(denomination, condition.currency) == condition.card_value_minor
    except AmountError as error:
        raise ValidationFailedError(errors={"denomination": [str(error)]}) from error


def _waiting_contact(recipient_id: UUID, order: Order) -> Contact:
    """Return where a reward that waits for an opt-in was asked for."""
    with seeing(EVERYTHING):
        waiting = Redemption.objects.filter(
            recipient_id=recipient_id,
            condition__number=order.condition_number,
            state=Redemption.State.WAITING_OPT_IN,
            contact_method="sms",
        ).values_list("contact_to", flat=True)
        found = list(waiting[:1])
    return Contact(method="sms", to=found[0]) if found else Contact(method="none")
