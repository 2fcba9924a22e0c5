"""All that is kept about a customer, what keeps them from being forgotten, and what is lost."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from alerts.scope import EVERYTHING, seeing
from credit.models import Client
from loyalty.models import Checkout, Customer, Refund, Reward
from sms.models import InboundMessage, Message, PhoneHealth
from sms.selectors.address_holders import is_held_besides

# What those who know people by an address are told we know them as.
_KIND: Final = "customer"
# What a message to them is about.
_ABOUT: Final = "reward"
# What the records call the things that are theirs.
OBJECT_KINDS: Final = ("customer", "checkout", "refund", "reward", "card")
_SHORTEST_MARK: Final = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CustomerData:
    """A customer as their own row and their gift cards tell.

    :param addresses: numbers and e-mail addresses that are theirs alone, of this client's people.
    :param shared: those that somebody else of the client has too, and that therefore stay.
    """

    customer: Customer
    reward_ids: tuple[UUID, ...]
    card_ids: tuple[UUID, ...]
    addresses: frozenset[str]
    shared: frozenset[str]

    @property
    def phones(self) -> list[str]:
        return sorted(address for address in self.addresses if "@" not in address)

    @property
    def marks(self) -> list[str]:
        """What free words are searched for: names and addresses, none shorter than 3."""
        one = self.customer
        said = {*self.addresses, one.first_name, one.last_name, one.phone, one.email}
        return sorted(mark for mark in said if len(mark) >= _SHORTEST_MARK)


@seeing(EVERYTHING)
def read_customer(*, customer_id: UUID) -> CustomerData:
    """Return what is kept about a customer.

    :raises Customer.DoesNotExist: there is none.
    """
    customer = Customer.objects.select_related("client").get(pk=customer_id)
    rewards = list(Reward.objects.filter(customer=customer).order_by("pk"))
    reward_ids = tuple(one.pk for one in rewards)
    said = {customer.phone, customer.email, *(one.contact_to for one in rewards)} - {""}
    shared = frozenset(one for one in said if _is_shared(customer, one, reward_ids))
    return CustomerData(
        customer=customer,
        reward_ids=reward_ids,
        card_ids=tuple(one.card_id for one in rewards if one.card_id is not None),
        addresses=frozenset(said) - shared,
        shared=shared,
    )


def _is_shared(customer: Customer, address: str, reward_ids: tuple[UUID, ...]) -> bool:
    """Tell whether somebody else of the client has an address, or was written to there."""
    others = Customer.objects.filter(_has(address), client=customer.client_id)
    if others.exclude(pk=customer.pk).exists():
        return True
    sent = Message.objects.filter(to=address, client=customer.client_id, reference_kind=_ABOUT)
    if sent.exclude(reference_id__in=reward_ids).exists():
        return True
    return is_held_besides(kind=_KIND, client_id=customer.client_id, address=address)


def is_a_customers(*, client_id: UUID | None, address: str) -> bool:
    """Tell whether a customer has an address, or was sent a gift card there."""
    # By each client's index of its numbers.
    clients = Client.objects.all() if client_id is None else Client.objects.filter(pk=client_id)
    theirs = Q(client__in=clients.values("pk"))
    people = Customer.objects.filter(theirs, _has(address))
    sent = Message.objects.filter(theirs, to=address, reference_kind=_ABOUT)
    return people.exists() or sent.exists()


def _has(address: str) -> Q:
    return Q(email__iexact=address) if "@" in address else Q(phone=address)


def messages_to_customer(data: CustomerData) -> QuerySet[Message]:
    """Return what was sent about their gift cards, and whatever else went to them."""
    about = Q(reference_kind=_ABOUT, reference_id__in=data.reward_ids)
    return Message.objects.filter(about | Q(client=data.customer.client, to__in=data.addresses))


def texts_from_customer(data: CustomerData) -> QuerySet[InboundMessage]:
    """Return the texts that came from numbers that are theirs alone."""
    ours = Q(client=data.customer.client) | Q(client=None)
    return InboundMessage.objects.filter(ours, from_number__in=data.phones)


def bad_phones_of_customer(data: CustomerData) -> QuerySet[PhoneHealth]:
    """Return which of their numbers are known to be bad, where no client has others there."""
    others = Customer.objects.filter(phone__in=data.phones).exclude(pk=data.customer.pk)
    phones = set(data.phones) - set(others.values_list("phone", flat=True))
    return PhoneHealth.objects.filter(
        phone__in=[
            phone
            for phone in phones
            if not is_held_besides(kind=_KIND, client_id=None, address=phone)
        ]
    )


def objects_of_customer(data: CustomerData) -> list[str]:
    """Return the ids under which the records speak of them."""
    checkouts = Checkout.objects.filter(customer=data.customer).values_list("pk", flat=True)
    refunds = Refund.objects.filter(checkout__customer=data.customer).values_list("pk", flat=True)
    theirs = (data.customer.pk, *checkouts, *refunds, *data.reward_ids, *data.card_ids)
    return [str(one) for one in theirs]


def find_customer_obstacles(data: CustomerData) -> list[str]:
    """Return what keeps a customer from being forgotten now, each with what to do about it."""
    checkouts = Checkout.objects.filter(customer=data.customer)
    rewards = Reward.objects.filter(pk__in=data.reward_ids)
    found = (
        (
            checkouts.filter(state=Checkout.State.PAYMENT_UNKNOWN),
            (
                "Nobody knows yet whether a payment of theirs went through: wait until the gateway "
                "has answered, at most half an hour, then look at the checkout's page."
            ),
        ),
        (
            checkouts.filter(loyalty=Checkout.Loyalty.PENDING).exclude(
                state=Checkout.State.PAYMENT_UNKNOWN
            ),
            (
                "Points of a paid order are still to come: replay them under Points owed, or "
                "resolve the order without points."
            ),
        ),
        (
            rewards.filter(state=Reward.State.PROVISIONING),
            "A gift card is being bought for their points: wait until it has come or failed.",
        ),
        (
            rewards.filter(state=Reward.State.UNCONFIRMED),
            (
                "Nobody knows yet what became of an order at a provider: settle it under "
                "Unknown outcomes first, since the money hangs on it."
            ),
        ),
        (
            messages_to_customer(data).filter(next_attempt_at__isnull=False),
            "A message is under way to them: wait until it has reached its end.",
        ),
    )
    return [words for rows, words in found if rows.exists()]


def find_customer_losses(data: CustomerData, *, now: datetime) -> list[str]:
    """Return what the customer would lose that they may not know of."""
    losses = []
    if data.customer.points_balance:
        losses.append(
            f"They have {data.customer.points_balance:,} points. Nobody can use them any more, and "
            "they are not paid out: let the customer spend them first where they want to."
        )
    unseen = Reward.objects.filter(
        pk__in=data.reward_ids, card__isnull=False, card__disclosed_at=None, reveal_until__gt=now
    )
    if unseen.exists():
        losses.append("They have a gift card that nobody has opened yet. Its link dies.")
    if data.shared:
        losses.append(
            "A number or address of theirs is somebody else's too, at the same client: consent "
            "and texts of that number stay, since they may be that other person's."
        )
    return losses
