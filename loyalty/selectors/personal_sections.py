"""Where something of a customer stands, table by table, and what forgetting them does there."""

from __future__ import annotations

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
from sms.models import ConsentEvent, DeliveryAttempt, OptIn, StatusEvent


def list_customer_sections(data: CustomerData) -> list[Section]:
    """Return where something of a customer stands, table by table."""
    customer = data.customer
    theirs = {"checkout__customer": customer}
    messages = messages_to_customer(data)
    ids = messages.values_list("pk", flat=True)
    objects = objects_of_customer(data)
    at_their_number = {"client": customer.client, "phone__in": data.phones}
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
        Section(
            key="messages",
            title="Texts and e-mails to them",
            rows=messages.order_by("created_at", "pk"),
            fate="Whom it went to and what it said are emptied, also at the provider. That it was "
            "sent stays.",
        ),
        Section(
            key="attempts",
            title="Tries to send them",
            rows=DeliveryAttempt.objects.filter(message__in=ids).order_by("message", "number"),
            fate="Stays, without the provider's words.",
        ),
        Section(
            key="status_events",
            title="What the provider reported",
            rows=StatusEvent.objects.filter(message__in=ids).order_by("pk"),
            fate="Stays: it holds states and times only.",
        ),
        Section(
            key="opt_ins",
            title="Consent to texts",
            rows=OptIn.objects.filter(**at_their_number).order_by("pk"),
            fate="Gone. A STOP is kept by the number's digest, and goes on being honoured.",
            left_out=frozenset({"link_digest"}),
        ),
        Section(
            key="consents",
            title="Consent, step by step",
            rows=ConsentEvent.objects.filter(**at_their_number).order_by("pk"),
            fate="The number and the reason are emptied; that somebody agreed or refused stays.",
        ),
        Section(
            key="inbound",
            title="Texts from them",
            rows=texts_from_customer(data).order_by("pk"),
            fate="Number, words and answer are emptied, also at the provider.",
        ),
        Section(
            key="bad_phones",
            title="Numbers that no text reaches",
            rows=bad_phones_of_customer(data).order_by("pk"),
            fate="Gone.",
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
