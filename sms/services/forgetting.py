"""Taking a person out of the texts: their numbers and words, not that something was sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection

from alerts.transactions import durable, transaction_required
from sms.models import DeliveryAttempt, InboundMessage, Message, MessageTemplate, PhoneHealth
from sms.providers import NotConfiguredError, ProviderError, RefusedError, choose_provider
from sms.services.kept_opt_outs import digest_of_phone

# The provider knows no such text, or has thrown it away itself.
_GONE = "20404"


@transaction_required
def empty_messages(messages: Collection[UUID]) -> int:
    """Empty whom these messages went to and what they said; return how many had anything left.

    Only such as nothing more is to be done about.
    """
    DeliveryAttempt.objects.filter(message_id__in=messages).exclude(error_message="").update(
        error_message=""
    )
    rows = Message.objects.filter(pk__in=messages, next_attempt_at=None)
    return rows.exclude(to="", preview="", values={}).update(
        to="", preview="", values={}, redact_at=None
    )


@transaction_required
def empty_inbound(texts: Collection[int]) -> int:
    """Empty who sent these texts, what they said and what they were answered."""
    return InboundMessage.objects.filter(pk__in=texts).update(from_number="", body="", reply="")


@transaction_required
def forget_number(*, client_id: UUID, phone: str, now: datetime) -> None:
    """Take a number out of what a client is allowed; that it has opted out is kept by a digest."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sms_forget_number(%s, %s, %s, %s)",
            [client_id, phone, digest_of_phone(phone), now],
        )


@transaction_required
def forget_bad_phones(phones: Collection[str]) -> int:
    """Forget of numbers that no text arrives there."""
    return PhoneHealth.objects.filter(phone__in=phones).delete()[0]


def ids_at_provider(*, messages: Collection[UUID], texts: Collection[int]) -> list[str]:
    """Return the provider's ids of texts whose words may still stand in its records."""
    sent = DeliveryAttempt.objects.filter(
        message_id__in=messages, message__channel=MessageTemplate.Channel.SMS
    ).exclude(provider_id="")
    brought = InboundMessage.objects.filter(pk__in=texts)
    return sorted(
        {
            *sent.values_list("provider_id", flat=True),
            *brought.values_list("provider_id", flat=True),
        }
    )


@durable
def redact_at_provider(provider_ids: Iterable[str]) -> list[str]:
    """Empty the provider's records of these texts; return the ids of those that still stand.

    Emptying twice changes nothing. Without a provider there is nobody who could keep them.
    """
    try:
        provider = choose_provider(MessageTemplate.Channel.SMS)
    except NotConfiguredError:
        return []
    left = []
    for provider_id in provider_ids:
        try:
            provider.redact(provider_id)
        except RefusedError as error:
            if error.code != _GONE:
                left.append(provider_id)
        except ProviderError:
            left.append(provider_id)
    return left
