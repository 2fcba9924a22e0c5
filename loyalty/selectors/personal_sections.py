"""Where something of a customer stands, table by table, and what forgetting them does there."""

from __future__ import annotations

from django.db.models import Q

from alerts.selectors.person_sections import Section
from credit.models import AuditEvent, IdempotencyRecord
from loyalty.models import (
    Checkout,
    CheckoutLine,
    Customer,
    LoyaltyTransaction,
    Payment,
    ReconciliationItem,
    Refund,
    Reward,
)
from loyalty.selectors.personal_data import (
    OBJECT_KINDS,
    CustomerData,
    bad_phones_of_customer,
    messages_to_customer,
    objects_of_customer,
    texts_from_customer,
)
from sms.selectors.personal_sections import list_message_sections


def list_customer_sections(data: CustomerData) -> list[Section]:
    """Return where something of a customer stands, table by table."""
    customer = data.customer
    theirs = {"checkout__customer": customer}
    objects = objects_of_customer(data)
    return [
        Section(
            key="customer",
            title="Who they are",
            rows=Customer.objects.filter(pk=customer.pk),
            fate="Name, phone and e-mail are emptied. The account is closed for good; its points "
            "stay as they are, and nobody can use them.",
        ),
        Section(
            key="points",
            title="What happened to their points",
            rows=LoyaltyTransaction.objects.filter(customer=customer).order_by("number"),
            fate="Stays; words that name the customer are emptied.",
        ),
        Section(
            key="checkouts",
            title="What they bought",
            rows=Checkout.objects.filter(customer=customer).order_by("created_at", "pk"),
            fate="Stays: it holds sums, steps and times, without a name.",
        ),
        Section(
            key="articles",
            title="Articles they bought",
            rows=CheckoutLine.objects.filter(**theirs).order_by("checkout", "position"),
            fate="Stays.",
        ),
        Section(
            key="payments",
            title="How they paid",
            rows=Payment.objects.filter(**theirs).order_by("created_at", "pk"),
            fate="Stays: it holds sums and the gateway's own number, without a name.",
        ),
        Section(
            key="refunds",
            title="What they were given back",
            rows=Refund.objects.filter(**theirs).order_by("created_at", "pk"),
            fate="Stays; a reason that names the customer is emptied.",
        ),
        Section(
            key="points_owed",
            title="Points that were owed to them",
            rows=ReconciliationItem.objects.filter(customer=customer).order_by("created_at", "pk"),
            fate="Stays; a note that names the customer is emptied.",
        ),
        Section(
            key="rewards",
            title="Gift cards for points",
            rows=Reward.objects.filter(customer=customer).order_by("created_at", "pk"),
            fate="Where it was sent is emptied, and its link is dead from then on. What was given, "
            "when and for how much stays: the ledger stands on it.",
            left_out=frozenset({"reveal_digest"}),
        ),
        *list_message_sections(
            messages=messages_to_customer(data),
            consent=Q(client=customer.client, phone__in=data.phones),
            inbound=texts_from_customer(data),
            bad_phones=bad_phones_of_customer(data),
        ),
        Section(
            key="api_requests",
            title="Requests that may be repeated",
            rows=IdempotencyRecord.objects.filter(object_id__in=objects).order_by("pk"),
            fate="Goes by itself three days after it was answered.",
            left_out=frozenset({"fingerprint"}),
        ),
        Section(
            key="records",
            title="Who did what",
            rows=AuditEvent.objects.filter(
                object_kind__in=OBJECT_KINDS, object_id__in=objects
            ).order_by("at", "pk"),
            fate="Stays; a reason that names the customer is emptied.",
        ),
    ]
