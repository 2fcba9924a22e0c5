"""Promising a message: the row is the promise, and a bell after the commit keeps it sooner."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from alerts.transactions import transaction_required


@transaction_required
def queue_message(
    *,
    client_id: UUID,
    purpose: str,
    channel: str,
    to: str,
    locale: str,
    values: Mapping[str, Any],
    reference_kind: str,
    reference_id: UUID,
    request_id: str,
    now: datetime,
) -> UUID:
    """Promise a message that is due at once; return its id.

    :param values: what its words are made of, without a secret.
    :param reference_kind: who writes the words: see ``settings.MESSAGE_PARTIES``.
    """
    message_id = uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sms_queue_message(%s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s)",
            [
                message_id,
                client_id,
                purpose,
                channel,
                to,
                locale,
                json.dumps(dict(values)),
                reference_kind,
                reference_id,
                request_id,
                now,
            ],
        )
    return message_id
