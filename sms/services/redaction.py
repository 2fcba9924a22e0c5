"""Taking codes off the provider's records.

Note [Redaction]
A text that shows a card's code is as good as the card. Its words rest nowhere with us, and once
the provider has said its last word about it they need not rest there either: the body of every
attempt it took is emptied. What can't be emptied now is tried again for a day.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from alerts.transactions import durable
from sms.models import DeliveryAttempt, Message, MessageTemplate
from sms.providers import NotConfiguredError, Provider, ProviderError, choose_provider

log = structlog.get_logger()

_TRY_AGAIN_AFTER: Final = timedelta(minutes=15)
_TRIED_FOR: Final = timedelta(days=1)
# One statement, so one commit: while a worker is at it, nobody else finds them due.
_CLAIM: Final = """
    UPDATE sms_message m SET redact_at = %(leased_until)s
    FROM (SELECT id FROM sms_message WHERE redact_at <= %(now)s ORDER BY redact_at
        LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED) AS due
    WHERE m.id = due.id
    RETURNING m.id, m.accepted_at
"""


@durable
def redact_texts(*, now: datetime, limit: int = 100) -> int:
    """Empty the provider's records of texts that showed a code; return how many are done.

    Safe to run any number of times at once, and to be killed: emptying twice changes nothing.
    """
    try:
        provider = choose_provider(MessageTemplate.Channel.SMS)
    except NotConfiguredError:
        return 0
    lease = timedelta(seconds=settings.SMS_TIMEOUT * 2 * limit)
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "leased_until": now + lease, "limit": limit})
        claimed = cursor.fetchall()
    return sum(_redact(provider, message_id, taken_at, now) for message_id, taken_at in claimed)


def _redact(
    provider: Provider, message_id: UUID, accepted_at: datetime | None, now: datetime
) -> bool:
    taken = DeliveryAttempt.objects.filter(message_id=message_id).exclude(provider_id="")
    try:
        for provider_id in taken.order_by("number").values_list("provider_id", flat=True):
            provider.redact(provider_id)
    except ProviderError as error:
        is_over = accepted_at is None or now - accepted_at > _TRIED_FOR
        words = "A text with a code stays on record" if is_over else "Not redacted yet"
        log.warning(f"[TWILIO] {words}", message_id=str(message_id), error=str(error))
        again = None if is_over else now + _TRY_AGAIN_AFTER
        Message.objects.filter(pk=message_id).update(redact_at=again)
        return False
    Message.objects.filter(pk=message_id).update(redact_at=None)
    return True
