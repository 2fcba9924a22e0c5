"""Rewards that wait until their owner agrees to texts: asking, and answering for a caller."""

import dataclasses
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction, transaction_required
from credit.models import Client, Membership, User
from credit.selectors.staff import may_skip_opt_ins
from credit.selectors.viewers import viewer_of_user, viewing
from credit.services.audit import record_event
from giftcards.services.revealing import names_a_card
from redemption.models import Recipient, Redemption
from redemption.services.desk_tasks import settle_tasks
from sms.models import MessageTemplate, OptIn
from sms.queue import ring_bell
from sms.selectors.consents import has_opted_in
from sms.services.consents import Proof, grant_consent
from sms.services.messages import queue_message
from sms.services.requests import Request, note_request

log = structlog.get_logger()

# The kind of thing an opt-in request is about; its id is the redemption's.
REFERENCE_KIND: Final = "opt_in"
LONGEST_SKIP_REASON: Final = 300
_ROLES: Final = frozenset(
    {
        Membership.Role.PLATFORM_ADMIN,
        Membership.Role.AGENCY_MANAGER,
        Membership.Role.CLIENT_MANAGER,
        Membership.Role.AGENT,
    }
)


@dataclasses.dataclass(eq=False, kw_only=True)
class SkipNotPermittedError(ServiceError):
    """The person lacks the right to answer for a caller."""

    code: ClassVar = ErrorCode.NOT_PERMITTED

    user_id: UUID


@dataclasses.dataclass(eq=False, kw_only=True)
class NotWaitingError(ServiceError):
    """The redemption does not wait for an opt-in."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    redemption_id: UUID


@dataclasses.dataclass(eq=False, kw_only=True)
class RedemptionUnknownError(ServiceError):
    """There is no such redemption, or not for who asks."""

    code: ClassVar = ErrorCode.NOT_FOUND


@seeing(EVERYTHING)
@durable
def ask_for_opt_in(*, redemption_id: UUID, now: datetime) -> Request | None:
    """Text the owner of a waiting reward for leave to text them, unless they were asked lately.

    Once per client and number within ``OPT_IN_ASK_AGAIN``, however many rewards wait. Who has
    agreed meanwhile is served; who has said STOP is not asked.

    :returns: what became of it; None when the redemption does not wait for an opt-in.
    """
    with transaction():
        try:
            reward = Redemption.objects.select_related(
                "campaign", "client", "recipient", "condition__brand"
            ).get(pk=redemption_id, state=Redemption.State.WAITING_OPT_IN, contact_method="sms")
        except Redemption.DoesNotExist:
            return None
        became = note_request(
            client_id=reward.client_id, phone=reward.contact_to, actor=reward.actor, now=now
        )
        if became is Request.ASKED:
            brand = reward.condition.brand
            queue_message(
                client_id=reward.client_id,
                purpose=MessageTemplate.Purpose.OPT_IN,
                channel=MessageTemplate.Channel.SMS,
                to=reward.contact_to,
                locale=reward.campaign.locale,
                values={
                    "first_name": reward.recipient.first_name,
                    "last_name": reward.recipient.last_name,
                    "brand": brand.name if brand else "",
                    "company": reward.client.name,
                },
                reference_kind=REFERENCE_KIND,
                reference_id=reward.pk,
                request_id=reward.request_id,
                now=now,
            )
    if became is Request.ASKED:
        ring_bell("sms.tasks.send_messages")
    elif became is Request.GRANTED:
        ring_bell(settings.OPT_IN_TASK)
    log.info("[OPT-IN] Request", redemption_id=str(redemption_id), became=became.value)
    return became


@seeing(EVERYTHING)
@durable
def ask_the_unasked(*, now: datetime, limit: int) -> int:
    """Ask those of whose request nothing is known: what was interrupted after a redemption.

    :returns: how many were asked.
    """
    known = OptIn.objects.filter(
        client_id=OuterRef("client_id"), phone=OuterRef("contact_to")
    ).exclude(state=OptIn.State.NONE)
    waiting = (
        Redemption.objects.filter(
            ~Exists(known), state=Redemption.State.WAITING_OPT_IN, contact_method="sms"
        )
        .order_by("created_at")
        .values_list("pk", flat=True)[:limit]
    )
    return sum(ask_for_opt_in(redemption_id=pk, now=now) is Request.ASKED for pk in list(waiting))


@durable
def skip_opt_in(*, redemption_id: UUID, user: User, reason: str, now: datetime) -> None:
    """Record that a person of ours answers for the owner of a waiting reward, and let it go on.

    It is an opt-in like any other, for this client and number, with who said so and why. Who has
    replied STOP can't be answered for.

    :raises SkipNotPermittedError: the person lacks the right (GC-110).
    :raises ValidationFailedError: no reason, or a long one (GC-012).
    :raises RedemptionUnknownError: none that this person may see (GC-111).
    :raises NotWaitingError: it does not wait for an opt-in, or not any more (GC-115).
    :raises OptedOutError: the person has said STOP (GC-115).
    """
    if not may_skip_opt_ins(user):
        raise SkipNotPermittedError(user_id=user.pk)
    reason = read_skip_reason(reason)
    viewer = viewer_of_user(user.pk).narrowed_to(_ROLES)
    with viewing(viewer):
        try:
            reward = (
                Redemption.objects.filter(viewer.client_filter())
                .select_related("client")
                .get(pk=redemption_id)
            )
        except Redemption.DoesNotExist:
            raise RedemptionUnknownError from None
    if reward.state != Redemption.State.WAITING_OPT_IN or reward.contact_method != "sms":
        raise NotWaitingError(redemption_id=redemption_id)
    with seeing(EVERYTHING), transaction():
        _answer_for(
            reward.client,
            reward.contact_to,
            proof=Proof(way="skipped by staff", actor=viewer.actor, reason=reason),
            before=OptIn.State.REQUESTED,
            object_kind="redemption",
            object_id=reward.pk,
            now=now,
        )
        settle_tasks(redemption_ids=[reward.pk], actor=viewer.actor, now=now)
    ring_bell(settings.OPT_IN_TASK)


@durable
def vouch_for_texts(
    *, recipient_id: UUID, phone: str, actor: str, reason: str, now: datetime
) -> bool:
    """Record that a partner answers for a recipient that texts are welcome, before they redeem.

    Needed once for a client and number: who has agreed before is not answered for again. Who has
    replied STOP can't be.

    :param actor: whose word it is: ``key:<id>``.
    :returns: whether there was something to record.
    :raises ValidationFailedError: no reason, a long one or one that names a card's code (GC-012,
        ``skip_opt_in_reason``).
    :raises OptedOutError: the person has said STOP (GC-115).
    """
    reason = read_skip_reason(reason, field="skip_opt_in_reason")
    with seeing(EVERYTHING), transaction():
        recipient = Recipient.objects.select_related("client").get(pk=recipient_id)
        if has_opted_in(client_id=recipient.client_id, phone=phone):
            return False
        _answer_for(
            recipient.client,
            phone,
            proof=Proof(way="skipped by a partner", actor=actor, reason=reason),
            before=OptIn.State.NONE,
            object_kind="recipient",
            object_id=recipient_id,
            now=now,
        )
    ring_bell(settings.OPT_IN_TASK)
    return True


def read_skip_reason(text: str, *, field: str = "reason") -> str:
    """Return how somebody knows that texts are welcome, as it is kept.

    :param field: what it is called in the errors.
    :raises ValidationFailedError: it is empty or too long, or names a card's code (GC-012).
    """
    reason = " ".join(text.split())
    words = ""
    if not reason:
        words = "Say how you know that texts are welcome."
    elif len(reason) > LONGEST_SKIP_REASON:
        words = f"Make it shorter, {LONGEST_SKIP_REASON} symbols at most."
    elif names_a_card(reason):
        words = "Leave the code itself out: the reason is kept readable."
    if words:
        raise ValidationFailedError(errors={field: [words]})
    return reason


@transaction_required
def _answer_for(
    client: Client,
    phone: str,
    *,
    proof: Proof,
    before: OptIn.State,
    object_kind: str,
    object_id: UUID,
    now: datetime,
) -> None:
    grant_consent(client_ids=[client.pk], phone=phone, proof=proof, now=now)
    record_event(
        actor=proof.actor,
        action="opt_in.skipped",
        object_kind=object_kind,
        object_id=object_id,
        now=now,
        before={"opt_in": before},
        after={"opt_in": OptIn.State.GRANTED},
        reason=proof.reason,
        owner=client,
    )
