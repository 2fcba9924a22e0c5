"""What of somebody stands among messages, for every app whose people get some."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from alerts.selectors.person_sections import Section
from sms.models import (
    ConsentEvent,
    DeliveryAttempt,
    InboundMessage,
    Message,
    OptIn,
    PhoneHealth,
    StatusEvent,
)


def list_message_sections(
    *,
    messages: QuerySet[Message],
    consent: Q,
    inbound: QuerySet[InboundMessage],
    bad_phones: QuerySet[PhoneHealth],
) -> list[Section]:
    """Return what stands of somebody there, table by table.

    :param consent: whose consent it is, of a client and a phone number.
    """
    ids = messages.values_list("pk", flat=True)
    return [
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
            rows=OptIn.objects.filter(consent).order_by("pk"),
            fate="Gone. A STOP is kept by the number's digest, and goes on being honoured.",
            left_out=frozenset({"link_digest"}),
        ),
        Section(
            key="consents",
            title="Consent, step by step",
            rows=ConsentEvent.objects.filter(consent).order_by("pk"),
            fate="The number and the reason are emptied; that somebody agreed or refused stays.",
        ),
        Section(
            key="inbound",
            title="Texts from them",
            rows=inbound.order_by("pk"),
            fate="Number, words and answer are emptied, also at the provider.",
        ),
        Section(
            key="bad_phones",
            title="Numbers that no text reaches",
            rows=bad_phones.order_by("pk"),
            fate="Gone.",
        ),
    ]
