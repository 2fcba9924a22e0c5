"""What an agent sees of a call: who is on the phone, and what that person has had so far."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import F

from alerts.scope import EVERYTHING, seeing
from credit.selectors.viewers import Viewer, viewing
from redemption.models import CallSession, Condition, ProvisioningTrace, Recipient, Redemption
from redemption.selectors.redemptions import TraceStep
from sms.models import Message, MessageTemplate, OptIn
from sms.selectors.phone_health import BadPhone, find_bad_phone

# As in redemption/services/calls.py, which decides.
_IDLE_AFTER: Final = timedelta(minutes=10)
_BRINGS_REWARD: Final = (
    MessageTemplate.Purpose.REWARD,
    MessageTemplate.Purpose.RESEND,
    MessageTemplate.Purpose.APOLOGY,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The agent who has a recipient, since when, and whether they seem to have left."""

    name: str
    since: datetime
    is_idle: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """An agent's call as it stands; ``holder`` is somebody else who has its recipient."""

    call_id: UUID
    caller: str
    started_at: datetime
    notes: str = dataclasses.field(repr=False)
    client_id: UUID | None
    recipient_id: UUID | None
    redemption_id: UUID | None
    task_id: UUID | None
    holder: Holder | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeskCondition:
    """A condition with what has to be checked before its reward is given."""

    number: int
    checklist: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A recipient as the desk needs them; ``bad_phone`` is what speaks against texting."""

    recipient_id: UUID
    first_name: str
    last_name: str
    phone: str = dataclasses.field(repr=False)
    email: str = dataclasses.field(repr=False)
    city: str
    region: str
    postal_code: str
    country: str
    crm_id: str
    code_last4: str
    approval: str
    is_test: bool
    campaign_id: UUID
    campaign: str
    campaign_status: str
    opt_in_required: bool
    approval_required: bool
    client_id: UUID
    client: str
    opt_in: str
    bad_phone: BadPhone | None
    conditions: tuple[DeskCondition, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RewardMessage:
    """What became of the latest message that brings a reward."""

    message_id: UUID
    channel: str
    to: str = dataclasses.field(repr=False)
    state: str
    error_code: str
    at: datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeskReward:
    """A reward that a recipient has or waits for; amounts in minor units.

    :param pool: where its card came from; empty while it has none.
    :param profit_minor: what the platform earns by it, None where that is not known.
    """

    redemption_id: UUID
    state: str
    reason_code: str
    is_test: bool
    door: str
    actor: str
    at: datetime
    issued_at: datetime | None
    request_id: str
    condition_number: int
    condition: str
    brand: str
    value_minor: int | None
    currency: str
    last4: str
    source: str
    pool: str
    profit_minor: int | None
    contact_method: str
    contact_to: str = dataclasses.field(repr=False)
    promised_by: datetime | None
    message: RewardMessage | None


def open_call_of(*, agent_id: UUID, now: datetime) -> OpenCall | None:
    """Return the call that an agent has open, None where none is."""
    # An agent's own call, whoever it is about.
    with seeing(EVERYTHING):
        rows = list(CallSession.objects.filter(agent_id=agent_id, ended_at=None).order_by("pk"))
        if not rows:
            return None
        call = rows[0]
        holder = _holder_of(call, now=now)
    return OpenCall(
        call_id=call.pk,
        caller=call.caller,
        started_at=call.started_at,
        notes=call.notes,
        client_id=call.client_id,
        recipient_id=call.recipient_id,
        redemption_id=call.redemption_id,
        task_id=call.task_id,
        holder=holder,
    )


def _holder_of(call: CallSession, *, now: datetime) -> Holder | None:
    if call.held_at is not None or call.recipient_id is None:
        return None
    rows = list(
        CallSession.objects.filter(
            recipient_id=call.recipient_id, ended_at=None, held_at__isnull=False
        )
        .exclude(pk=call.pk)
        .select_related("agent")
        .order_by("held_at")[:1]
    )
    return next(
        (
            Holder(
                name=row.agent.get_full_name() or row.agent.get_username(),
                since=row.held_at or row.started_at,
                is_idle=row.active_at < now - _IDLE_AFTER,
            )
            for row in rows
        ),
        None,
    )


def person_at_desk(*, viewer: Viewer, recipient_id: UUID) -> Person | None:
    """Return a recipient, None where there is none that the viewer may see."""
    with viewing(viewer):
        try:
            row = (
                Recipient.objects.filter(viewer.client_filter())
                .select_related("campaign", "client")
                .get(pk=recipient_id)
            )
        except Recipient.DoesNotExist:
            return None
        campaign = row.campaign
        consent: list[str] = []
        if row.phone:
            consents = OptIn.objects.filter(client_id=row.client_id, phone=row.phone)
            consent = list(consents.values_list("state", flat=True)[:1])
        conditions = Condition.objects.filter(campaign=campaign, is_active=True).order_by("number")
        return Person(
            recipient_id=row.pk,
            first_name=row.first_name,
            last_name=row.last_name,
            phone=row.phone,
            email=row.email,
            city=row.city,
            region=row.region,
            postal_code=row.postal_code,
            country=row.country,
            crm_id=row.external_crm_id or "",
            code_last4=row.code_last4,
            approval=row.approval,
            is_test=row.is_test,
            campaign_id=campaign.pk,
            campaign=campaign.name,
            campaign_status=campaign.status,
            opt_in_required=campaign.opt_in_required,
            approval_required=campaign.approval_required,
            client_id=row.client_id,
            client=row.client.name,
            opt_in=consent[0] if consent else "",
            bad_phone=find_bad_phone(phone=row.phone) if row.phone else None,
            conditions=tuple(
                DeskCondition(number=number, checklist=tuple(str(point) for point in points or ()))
                for number, points in conditions.values_list("number", "checklist")
            ),
        )


def rewards_at_desk(*, viewer: Viewer, recipient_id: UUID) -> list[DeskReward]:
    """Return what a recipient has had and waits for, the latest first."""
    with viewing(viewer):
        rows = list(
            Redemption.objects.filter(viewer.client_filter(), recipient_id=recipient_id)
            .select_related("condition__brand", "card", "pending_reward")
            # The platform's stock has a name that its holder does not see: then it is empty.
            .annotate(pool_name=F("card__pool__name"))
            .order_by("-created_at")[:20]
        )
        latest: dict[UUID, RewardMessage] = {}
        messages = Message.objects.filter(
            reference_kind="redemption",
            reference_id__in=[row.pk for row in rows],
            purpose__in=_BRINGS_REWARD,
        ).order_by("created_at", "pk")
        for message in messages if rows else ():
            latest[message.reference_id] = RewardMessage(
                message_id=message.pk,
                channel=message.channel,
                to=message.to,
                state=message.state,
                error_code=message.error_code,
                at=message.created_at,
            )
    return [_reward(row, latest.get(row.pk)) for row in rows]


def _reward(row: Any, message: RewardMessage | None) -> DeskReward:
    brand, card = row.condition.brand, row.card
    pending = getattr(row, "pending_reward", None)
    return DeskReward(
        redemption_id=row.pk,
        state=row.state,
        reason_code=row.reason_code,
        is_test=row.is_test,
        door=row.door,
        actor=row.actor,
        at=row.created_at,
        issued_at=row.issued_at,
        request_id=row.request_id,
        condition_number=row.condition.number,
        condition=row.condition.name,
        brand=brand.name if brand else "",
        value_minor=row.face_value_minor,
        currency=row.currency,
        last4="" if card is None else card.last4,
        source=row.source,
        pool=row.pool_name or "",
        profit_minor=row.platform_margin_minor,
        contact_method=row.contact_method,
        contact_to=row.contact_to,
        promised_by=pending.promised_by if pending else None,
        message=message,
    )


def trace_of_refusal(*, request_id: str, redemption_id: UUID | None = None) -> list[TraceStep]:
    """Return what is known of a request that was refused, oldest first, to who made it."""
    with seeing(EVERYTHING):
        steps = ProvisioningTrace.objects.filter(request_id=request_id)
        if redemption_id is None:
            steps = steps.filter(redemption_id=None)
        else:
            steps = steps.filter(redemption_id=redemption_id)
        return [
            TraceStep(
                step=row.step,
                status=row.status,
                code=row.error_code,
                message=row.message,
                milliseconds=round(row.milliseconds, 3),
                at=row.at,
            )
            for row in steps.order_by("pk")[:30]
        ]
