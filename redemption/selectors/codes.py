"""What a redemption code is good for, before anybody redeems it."""

import dataclasses
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db.models import Q

from alerts.keyring import digest
from alerts.scope import EVERYTHING, Scope, seeing
from giftcards.providers import configured_providers
from giftcards.selectors.stock import Supply, find_supply
from redemption.codes import normalise_code
from redemption.models import Campaign, Condition, Recipient, Redemption
from redemption.selectors.caps import is_cap_reached
from redemption.selectors.offers import with_offer
from sms.models import OptIn

CodeState = Literal[
    "ready",
    "waiting_opt_in",
    "waiting_approval",
    "out_of_stock",
    "redeemed",
    "in_progress",
    "expired",
    "not_active",
    "not_offered",
    "out_of_credit",
    "cap_reached",
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One condition of the campaign and the card it earns; the value is in minor units."""

    number: int
    name: str
    brand: str
    value_minor: int | None
    currency: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CodeFacts:
    """A code that exists: whose it is and what it is good for now.

    :param is_incomplete: nothing is offered because no card was chosen yet, or no value.
    """

    state: CodeState
    is_valid: bool
    client_id: UUID
    campaign_id: UUID
    campaign_name: str
    locale: str
    client_name: str
    support_phone: str
    support_email: str
    recipient_id: UUID
    first_name: str
    offers: tuple[Offer, ...]
    requires: tuple[str, ...]
    second_factor: str
    is_rejected: bool
    is_incomplete: bool
    redemption_id: UUID | None
    is_test: bool


# Whether the code can be redeemed once what it requires is given: what only waits for stock or
# a decision can, what is over can't.
_VALID: frozenset[CodeState] = frozenset({"ready", "waiting_opt_in", "out_of_stock"})


@seeing(EVERYTHING)
def find_code(
    *,
    now: datetime,
    code: str | None = None,
    recipient_id: UUID | None = None,
    scope_kind: str = "platform",
    scope_id: UUID | None = None,
    ignore_stock: bool = False,
) -> CodeFacts | None:
    """Return what a code is good for, None when there is no such code within the scope.

    :param code: as it was typed; else ``recipient_id`` names who holds it.
    :param ignore_stock: leave out the look at the pools.
    """
    narrowed = {
        "platform": Q(),
        "client": Q(client_id=scope_id),
        "agency": Q(client__agency_id=scope_id),
    }[scope_kind]
    # A code is its holder's right to know what it is good for, which the platform's stock has a
    # say in. Whether it is in a partner's scope is asked in that scope.
    scope = Scope(organisation_ids=frozenset({scope_id})) if scope_id else EVERYTHING
    try:
        with seeing(scope):
            recipient = (
                Recipient.objects.filter(narrowed)
                .select_related("campaign__client__agency")
                .get(
                    Q(pk=recipient_id)
                    if code is None
                    else Q(code_digest=digest(normalise_code(code), purpose="redemption_code"))
                )
            )
    except Recipient.DoesNotExist:
        return None
    campaign = recipient.campaign
    client = campaign.client
    conditions = list(
        with_offer(campaign.conditions.filter(is_active=True))
        .select_related("brand")
        .order_by("number")
    )
    taken = {
        row.condition_id: row
        for row in Redemption.objects.filter(recipient=recipient).exclude(state="failed")
    }
    # What can still be had with it; of what can't, only when there is nothing else to show.
    left = [condition for condition in conditions if condition.pk not in taken]
    offered = [condition for condition in left if condition.is_offered]
    is_test = recipient.is_test or (
        campaign.test_mode and all(row.is_test for row in taken.values())
    )
    state = _state_of(
        recipient,
        campaign,
        conditions,
        taken,
        offered,
        is_test=is_test,
        now=now,
        ignore_stock=ignore_stock,
    )
    latest = max(taken.values(), key=lambda row: row.created_at, default=None)
    return CodeFacts(
        state=state,
        is_valid=state in _VALID,
        client_id=client.pk,
        campaign_id=campaign.pk,
        campaign_name=campaign.name,
        locale=campaign.locale,
        client_name=client.name,
        support_phone=client.support_phone,
        support_email=client.support_email,
        recipient_id=recipient.pk,
        first_name=recipient.first_name,
        offers=tuple(
            Offer(
                number=condition.number,
                name=condition.name,
                brand=condition.brand.name if condition.brand else "",
                value_minor=condition.card_value_minor,
                currency=condition.currency,
            )
            for condition in offered or left or conditions
        ),
        requires=_requires(campaign, conditions, state),
        second_factor=campaign.second_factor,
        is_rejected=recipient.approval == Recipient.Approval.REJECTED,
        is_incomplete=bool(left)
        and all(one.brand_id is None or one.card_value_minor is None for one in left),
        redemption_id=latest.pk if latest else None,
        is_test=is_test,
    )


def _state_of(
    recipient: Recipient,
    campaign: Campaign,
    conditions: list[Condition],
    taken: dict[UUID, Redemption],
    offered: list[Condition],
    *,
    is_test: bool,
    now: datetime,
    ignore_stock: bool,
) -> CodeState:
    if conditions and all(condition.pk in taken for condition in conditions):
        states = {row.state for row in taken.values()}
        return "in_progress" if states <= _UNDER_WAY else "redeemed"
    if campaign.claim_expires_at is not None and campaign.claim_expires_at < now:
        return "expired"
    if campaign.status == Campaign.Status.DEPLETED and not is_test:
        return "out_of_credit"
    if (
        not _is_open(campaign, is_test=is_test, now=now)
        or recipient.approval == Recipient.Approval.REJECTED
    ):
        return "not_active"
    if not offered:
        return "not_offered"
    if not is_test and is_cap_reached(campaign, taken=len(taken), now=now):
        return "cap_reached"
    if recipient.approval == Recipient.Approval.PENDING or (
        campaign.approval_required and recipient.approval != Recipient.Approval.APPROVED
    ):
        return "waiting_approval"
    if campaign.opt_in_required and not _has_opted_in(recipient):
        return "waiting_opt_in"
    if ignore_stock or is_test:
        return "ready"
    providers = configured_providers()
    has_any = any(
        find_supply(
            pool_id=condition.pool_id,
            client_id=campaign.client_id,
            brand_id=condition.brand_id,
            value_minor=condition.card_value_minor,
            currency=condition.currency,
            providers=providers,
            now=now,
        )
        is not Supply.NOWHERE
        for condition in offered
    )
    return "ready" if has_any else "out_of_stock"


_UNDER_WAY = frozenset(
    {
        Redemption.State.PENDING,
        Redemption.State.PROVISIONING,
        Redemption.State.UNCONFIRMED,
        Redemption.State.WAITING_STOCK,
        Redemption.State.WAITING_OPT_IN,
        Redemption.State.WAITING_APPROVAL,
    }
)


def _is_open(campaign: Campaign, *, is_test: bool, now: datetime) -> bool:
    # The same rule as the database's redemption_check_open, which decides.
    is_served = campaign.client.is_active and campaign.client.agency.is_active
    if is_served and is_test and campaign.status in TRIED_OUT:
        return not _is_over(campaign, now=now)
    if not is_served or (campaign.starts_at and campaign.starts_at > now):
        return False
    if campaign.status == Campaign.Status.ENDED:
        return campaign.claim_expires_at is not None
    if campaign.status != Campaign.Status.ACTIVE:
        return False
    return not _is_over(campaign, now=now)


# With a test code; of those that are active the rules hold for tests too.
TRIED_OUT = frozenset({Campaign.Status.DRAFT, Campaign.Status.PAUSED, Campaign.Status.DEPLETED})


def _is_over(campaign: Campaign, *, now: datetime) -> bool:
    return (
        campaign.ends_at is not None
        and campaign.ends_at < now
        and campaign.claim_expires_at is None
    )


def _has_opted_in(recipient: Recipient) -> bool:
    return (
        bool(recipient.phone)
        and OptIn.objects.filter(
            client_id=recipient.client_id, phone=recipient.phone, state=OptIn.State.GRANTED
        ).exists()
    )


def _requires(campaign: Campaign, conditions: list[Condition], state: CodeState) -> tuple[str, ...]:
    if state not in _VALID:
        return ()
    needed = ["contact"]
    if len(conditions) > 1:
        needed.insert(0, "condition")
    if campaign.opt_in_required and state == "waiting_opt_in":
        needed.append("opt_in")
    if campaign.second_factor:
        needed.append(campaign.second_factor)
    return tuple(needed)
