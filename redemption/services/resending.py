"""Sending a reward once more, to the same address or a corrected one.

The card stays what it is, and nothing is charged. Note [Corrected address]: whoever reads what was
sent to the first address is a stranger. So its link dies with the correction, nothing that waits
for it is sent any more, and a message that is on its way there this moment carries the old link or
is not written at all: whoever writes it looks whether the link was renewed since it was promised.

Locked as for taking back: see redemption/services/ending.py.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _

from alerts.errors import ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.statements import call_function
from alerts.transactions import durable, transaction_required
from credit.models import Membership
from credit.selectors.viewers import MANAGERS, SYSTEM, Viewer, viewing
from credit.services.audit import record_event
from credit.services.idempotency import KeyAnsweredError, KeyClaim, find_record, keep_answer
from redemption.models import Recipient, Redemption, RevealLink
from redemption.services.cancelling import (
    RedemptionNotFoundError,
    RedemptionStateError,
    read_reason,
)
from redemption.services.contacts import read_contact
from redemption.services.desk_tasks import settle_tasks
from redemption.services.ending import KIND, LockedReward, with_locked_reward
from redemption.services.links import renew_link
from redemption.services.redeem import Contact
from redemption.services.traces import record_step
from sms.models import MessageTemplate
from sms.phones import mask_email, mask_phone
from sms.queue import ring_bell
from sms.selectors.consents import has_opted_in, has_opted_out
from sms.services.cancelling import cancel_messages

State = Redemption.State
Purpose = MessageTemplate.Purpose
_ACCEPTED: Final = 202
_SCOPE: Final = "redeem"
_MOMENT: Final = timedelta(microseconds=1)
# Agents move no money, and none moves here.
_ROLES: Final = MANAGERS | {Membership.Role.AGENT}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resent:
    """A reward that is on its way once more.

    :param is_corrected: it goes to another address than before.
    :param has_new_link: the link that went out before leads nowhere any more.
    """

    redemption_id: UUID
    message_id: UUID
    contact: Contact
    is_corrected: bool
    has_new_link: bool


@seeing(EVERYTHING)
@durable
def resend_reward(
    *,
    viewer: Viewer,
    redemption_id: UUID,
    now: datetime,
    method: str = "",
    to: str = "",
    reason: str = "",
    claim: KeyClaim | None = None,
) -> Resent:
    """Send the reward of a redemption once more; the same card, charged once.

    With neither ``method`` nor ``to`` it goes where it went before. The link changes with the
    address, and where the old one has expired or is another browser's: whoever asks once more
    could not open it. What still waits to be sent is not. Each call sends; with a ``claim`` a
    repeat is told what the first one did.

    :param method: ``"sms"`` or ``"email"``; empty takes it from ``to``, else as before.
    :param to: a number or an address; empty takes the one it went to before by this method, else
        the recipient's own.
    :param reason: for the records, readable by the client; no code in it.
    :raises RedemptionNotFoundError: GC-111.
    :raises ValidationFailedError: the contact can't be used, the person wants no texts or has not
        agreed to any (GC-012, at ``method`` or ``to``), or the reason names a card's code.
    :raises RedemptionStateError: its card was not issued, or it was taken back (GC-115).
    :raises StillRunningError: somebody else works on it (GC-108).
    :raises KeyAnsweredError: the claim was answered before; its record says how.
    """
    check_may_serve(viewer, redemption_id)
    reason = read_reason(reason) if reason.strip() else ""

    def work(reward: LockedReward) -> Resent:
        if claim is not None and find_record(claim=claim) is not None:
            raise KeyAnsweredError
        resent = _resend(reward, viewer.actor, method=method, to=to, reason=reason, now=now)
        if claim is not None:
            keep_answer(
                claim=claim,
                object_id=redemption_id,
                status=_ACCEPTED,
                now=now,
                details={"message_id": str(resent.message_id)},
            )
        return resent

    resent = with_locked_reward(redemption_id=redemption_id, work=work)
    ring_bell("sms.tasks.send_messages")
    return resent


def check_may_serve(viewer: Viewer, redemption_id: UUID) -> None:
    """Refuse whoever may not see to it that this redemption reaches its recipient.

    Keys act for their organisation. People do as managers or as agents; what they see as auditors
    counts for nothing here.

    :raises RedemptionNotFoundError: GC-111.
    """
    if viewer != SYSTEM and _SCOPE not in viewer.scopes:
        viewer = viewer.narrowed_to(_ROLES)
    with viewing(viewer):
        if Redemption.objects.filter(viewer.client_filter(), pk=redemption_id).exists():
            return
    raise RedemptionNotFoundError(redemption_id=redemption_id)


def mask_contact(contact: Contact) -> str:
    """Show enough of an address for its owner to know it."""
    return mask_email(contact.to) if contact.method == "email" else mask_phone(contact.to)


@transaction_required
def _resend(
    reward: LockedReward, actor: str, *, method: str, to: str, reason: str, now: datetime
) -> Resent:
    redemption = reward.redemption
    if redemption.state not in Redemption.STANDING:
        raise RedemptionStateError(redemption_id=redemption.pk, state=redemption.state)
    # What was promised before is told from this by its time; two who come at the same moment may
    # have looked at the clock in the other order.
    now = max([now, *(one.created_at + _MOMENT for one in reward.messages)])
    before = Contact(
        method=redemption.contact_method,  # type: ignore[arg-type]
        to=redemption.contact_to,
    )
    contact = _choose_contact(redemption, before, method=method, to=to)
    _check_consent(redemption, contact)
    is_corrected = (contact.method, contact.to.casefold()) != (before.method, before.to.casefold())
    if not is_corrected:
        contact = before
    cancel_messages(messages=reward.messages)
    # Somebody has seen to it. Should this message fail too, the next task is opened.
    settle_tasks(redemption_ids=[redemption.pk], actor=actor, now=now)
    has_new_link = is_corrected or not _opens_anywhere(redemption, now=now)
    if has_new_link:
        renew_link(redemption, now=now)
    if is_corrected:
        _correct(redemption, contact)
    # Where no contact had been given, it is the first that brings the reward.
    was_sent = any(one.purpose == Purpose.REWARD for one in reward.messages)
    purpose = Purpose.RESEND if was_sent else Purpose.REWARD
    (message_id,) = call_function(
        "SELECT redemption_queue_message(%s, %s, %s)", [redemption.pk, purpose, now]
    )
    record_step(
        request_id=redemption.request_id,
        redemption_id=redemption.pk,
        step="resend",
        status="queued",
        message="The reward is sent to another address; the old link is dead."
        if is_corrected
        else "The reward is sent once more.",
        details={"message_id": str(message_id), "new_link": has_new_link},
        now=now,
    )
    record_event(
        actor=actor,
        action="redemption.resent",
        object_kind=KIND,
        object_id=redemption.pk,
        now=now,
        before={"method": before.method, "to": mask_contact(before)},
        after={
            "method": contact.method,
            "to": mask_contact(contact),
            "new_link": has_new_link,
            "message_id": str(message_id),
        },
        reason=reason,
        owner=redemption.client,
    )
    return Resent(
        redemption_id=redemption.pk,
        message_id=message_id,
        contact=contact,
        is_corrected=is_corrected,
        has_new_link=has_new_link,
    )


def _choose_contact(redemption: Redemption, before: Contact, *, method: str, to: str) -> Contact:
    to = to.strip()
    if not method:
        method = ("email" if "@" in to else "sms") if to else before.method
    if method not in ("sms", "email"):
        errors = {"method": [_("Choose sms or email.")]}
        if method == before.method:
            errors = {"to": [_("Say where to send it: no contact was given so far.")]}
        raise ValidationFailedError(errors=errors)
    if not to:
        to = before.to if method == before.method else _on_file(redemption, method)
    try:
        return read_contact(
            method=method,
            phone=to if method == "sms" else "",
            email=to if method == "email" else "",
        )
    except ValidationFailedError as error:
        raise ValidationFailedError(
            errors={_FIELDS.get(name, name): words for name, words in error.errors.items()}
        ) from error


_FIELDS: Final = {"phone": "to", "email": "to"}


def _on_file(redemption: Redemption, method: str) -> str:
    recipient = Recipient.objects.get(pk=redemption.recipient_id)
    known = recipient.phone if method == "sms" else recipient.email
    if not known:
        raise ValidationFailedError(errors={"to": [_("Say where to send it: none is on file.")]})
    return known


def _check_consent(redemption: Redemption, contact: Contact) -> None:
    if contact.method != "sms":
        return
    whose = {"client_id": redemption.client_id, "phone": contact.to}
    words = ""
    if has_opted_out(**whose):  # type: ignore[arg-type]
        words = _(
            "This person has replied STOP, so no text may go to this number. Send an e-mail, or"
            " ask them to text START first."
        )
    elif redemption.campaign.opt_in_required and not has_opted_in(**whose):  # type: ignore[arg-type]
        words = _(
            "This campaign texts only who has agreed to it, and from this number nobody has."
            " Send an e-mail, or use the number that has agreed."
        )
    if words:
        raise ValidationFailedError(errors={"to": [words]})


def _opens_anywhere(redemption: Redemption, *, now: datetime) -> bool:
    """Tell whether the link that went out can still be opened on any device."""
    return RevealLink.objects.filter(
        redemption=redemption, revoked_at=None, expires_at__gt=now, bound_to=None
    ).exists()


def _correct(redemption: Redemption, contact: Contact) -> None:
    # It was another phone that had confirmed it.
    was_confirmed = redemption.state == State.CONFIRMED
    Redemption.objects.filter(pk=redemption.pk).update(
        contact_method=contact.method,
        contact_to=contact.to,
        state=State.DELIVERED if was_confirmed else redemption.state,
        confirmed_at=None,
    )
