"""Redemptions with all that is told of them, for whoever may see them."""

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, F, Func, OuterRef, QuerySet, UUIDField

from credit.models import Client
from credit.selectors.balances import balances_after_debits, refunds_of
from credit.selectors.viewers import Viewer
from giftcards.models import GiftCard
from giftcards.selectors.card_facts import CardFacts, card_facts
from redemption.models import ProvisioningTrace, Redemption, RevealLink
from sms.models import Message

_WITH: Final = ("condition__brand", "card")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts:
    """A message about a redemption."""

    message_id: UUID
    purpose: str
    channel: str
    to: str
    state: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TraceStep:
    """One step on the way to the card."""

    step: str
    status: str
    code: str
    message: str
    milliseconds: float
    at: datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RedemptionFacts:
    """A redemption as it stands; amounts in minor units."""

    redemption_id: UUID
    state: str
    reason_code: str
    client_id: UUID
    campaign_id: UUID
    recipient_id: UUID
    condition_number: int
    source: str
    is_test: bool
    face_value_minor: int | None
    charged_minor: int | None
    currency: str
    balance_minor: int | None
    brand: str
    card: CardFacts | None
    link_version: int | None
    messages: tuple[MessageFacts, ...]
    created_at: datetime
    issued_at: datetime | None
    delivered_at: datetime | None
    # What was given back of the charge; None where nothing was charged.
    refunded_minor: int | None = None


def find_redemption(*, viewer: Viewer, redemption_id: UUID) -> RedemptionFacts:
    """Return a redemption that the viewer may see.

    :raises Redemption.DoesNotExist: there is none, or not for this viewer.
    """
    rows = Redemption.objects.filter(viewer.client_filter()).select_related(*_WITH)
    return gather_facts([rows.get(pk=redemption_id)])[0]


def redemptions_of(
    *,
    viewer: Viewer,
    campaign_id: UUID | None = None,
    state: str | None = None,
    created_from: datetime | None = None,
    created_before: datetime | None = None,
) -> QuerySet[Redemption]:
    """Return the redemptions that the viewer may see, with what ``gather_facts`` reads of each.

    :param created_from: none older than this; None: from the first on.
    :param created_before: only older ones than this; None: up to the last.
    """
    rows = Redemption.objects.filter(viewer.client_filter()).select_related(*_WITH)
    if campaign_id is not None:
        rows = rows.filter(campaign_id=campaign_id)
    if state is not None:
        rows = rows.filter(state=state)
    if created_from is not None:
        rows = rows.filter(created_at__gte=created_from)
    if created_before is not None:
        rows = rows.filter(created_at__lt=created_before)
    return rows


def first_of_each_client(
    rows: QuerySet[Redemption], *, order: Sequence[str], limit: int
) -> list[Redemption]:
    """Return the first rows of a long list that is ordered by when they were made.

    There is an index by client and time, and none by time alone, which every redemption would
    have to write. So each client's first are read from it, and of these the first.
    """
    mine = rows.filter(client_id=OuterRef("pk")).order_by(*order).values("pk")[:limit]
    candidates = Client.objects.annotate(firsts=ArraySubquery(mine)).values_list(
        Func("firsts", function="unnest", output_field=UUIDField())
    )
    # As an array, so that each is looked up by its id; a subquery invites to join it with them all.
    chosen = _IsAnyOf(F("pk"), ArraySubquery(candidates))
    found = Redemption.objects.filter(chosen).select_related(*_WITH)
    return list(found.order_by(*order)[:limit])


class _IsAnyOf(Func):
    template = "(%(expressions)s))"
    arg_joiner = " = ANY ("
    output_field = BooleanField()


def gather_facts(
    rows: Sequence[Redemption], *, with_balances: bool = True
) -> list[RedemptionFacts]:
    """Return what is told of these redemptions, in their order, by as many queries as for one.

    :param rows: read with their card, condition and brand; the caller may see them.
    :param with_balances: also look what was left of the accounts that paid.
    """
    keys = [row.pk for row in rows]
    charges = [row.transaction_id for row in rows if row.transaction_id is not None]
    balances = balances_after_debits(charges) if charges and with_balances else {}
    refunds = refunds_of(charges) if charges else {}
    versions = _link_versions(keys)
    messages = _messages(keys)
    return [
        RedemptionFacts(
            redemption_id=row.pk,
            state=row.state,
            reason_code=row.reason_code,
            client_id=row.client_id,
            campaign_id=row.campaign_id,
            recipient_id=row.recipient_id,
            condition_number=row.condition.number,
            source=row.source,
            is_test=row.is_test,
            face_value_minor=row.face_value_minor,
            charged_minor=row.charged_minor,
            currency=row.currency,
            balance_minor=balances.get(row.transaction_id) if row.transaction_id else None,
            brand=row.condition.brand.name if row.condition.brand else "",
            card=_card_facts(row),
            link_version=versions.get(row.pk),
            messages=tuple(messages[row.pk]),
            created_at=row.created_at,
            issued_at=row.issued_at,
            delivered_at=row.delivered_at,
            refunded_minor=refunds.get(row.transaction_id, 0) if row.transaction_id else None,
        )
        for row in rows
    ]


def _link_versions(redemption_ids: Collection[UUID]) -> dict[UUID, int]:
    # A link that waits for its card leads nowhere yet.
    links = RevealLink.objects.filter(
        redemption_id__in=redemption_ids, revoked_at=None, redemption__issued_at__isnull=False
    )
    return dict(links.order_by("version").values_list("redemption_id", "version"))


def _messages(redemption_ids: Collection[UUID]) -> dict[UUID, list[MessageFacts]]:
    found: dict[UUID, list[MessageFacts]] = defaultdict(list)
    rows = Message.objects.filter(reference_kind="redemption", reference_id__in=redemption_ids)
    for message in rows.order_by("created_at"):
        found[message.reference_id].append(
            MessageFacts(
                message_id=message.pk,
                purpose=message.purpose,
                channel=message.channel,
                to=message.to,
                state=message.state,
            )
        )
    return found


def _card_facts(row: Redemption) -> CardFacts | None:
    card: GiftCard | None = row.card
    brand = row.condition.brand
    return None if card is None or brand is None else card_facts(card, brand=brand)


def list_trace(*, redemption_id: UUID) -> list[TraceStep]:
    """Return the steps of a redemption, oldest first; the caller has checked who asks."""
    return list_traces(redemption_ids=[redemption_id])[redemption_id]


def list_traces(*, redemption_ids: Collection[UUID]) -> dict[UUID, list[TraceStep]]:
    """Return the steps of each redemption, oldest first; the caller has checked who asks."""
    steps: dict[UUID, list[TraceStep]] = {one: [] for one in redemption_ids}
    rows: Any = ProvisioningTrace.objects.filter(redemption_id__in=redemption_ids).order_by("pk")
    for row in rows:
        steps[row.redemption_id].append(
            TraceStep(
                step=row.step,
                status=row.status,
                code=row.error_code,
                message=row.message,
                milliseconds=round(row.milliseconds, 3),
                at=row.at,
            )
        )
    return steps
