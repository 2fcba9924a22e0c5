"""Who has texted a number, so that its answer finds whom it is meant for."""

import dataclasses
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connection

from sms.models import Message, MessageTemplate


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A client that has texted a number, and in which language it did so last."""

    client_id: UUID
    last_at: datetime
    locale: str


def list_conversations(*, phone: str, senders: Collection[str]) -> list[Conversation]:
    """Return the clients that texted a number from one of these senders, the latest first.

    Where nobody did from one of them, those that texted it at all: a messaging service takes
    whichever number it likes, and we may not know which it was.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (client_id) client_id, accepted_at, locale,"
            " bool_or(sender = ANY(%s)) OVER (PARTITION BY client_id)"
            ' FROM sms_message WHERE "to" = %s AND channel = %s AND accepted_at IS NOT NULL'
            " ORDER BY client_id, accepted_at DESC",
            [list(senders), phone, MessageTemplate.Channel.SMS],
        )
        rows = cursor.fetchall()
    from_there = [row for row in rows if row[3]] or rows
    return [
        Conversation(client_id=client_id, last_at=last_at, locale=locale)
        for client_id, last_at, locale, _ in sorted(from_there, key=lambda row: row[1])[::-1]
    ]


def text_shown_last(*, client_id: UUID, phone: str) -> str:
    """Return the words of the last opt-in request to a number, its link masked; else nothing."""
    shown = (
        Message.objects.filter(
            client_id=client_id, to=phone, purpose=MessageTemplate.Purpose.OPT_IN
        )
        .exclude(preview="")
        .order_by("-created_at")
        .values_list("preview", flat=True)[:1]
    )
    return shown[0] if shown else ""
