"""A party to messages that says what it is told: the words come from the message's values."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sms.services.parties import Draft, MessageEvent, RenderedText, Rendering, Unsendable

PARTY = {"render": "tests.sms.notes.render_note", "outcome": "tests.sms.notes.record_note"}
# What it heard, in order.
heard: list[MessageEvent] = []


def render_note(*, drafts: Sequence[Draft], now: datetime) -> dict[UUID, Rendering]:
    """Write each note; one without a text is not wanted, one called "broken" can't be written."""
    return {draft.message_id: _render(draft) for draft in drafts}


def _render(draft: Draft) -> Rendering:
    text = draft.values.get("text")
    if text == "broken":
        raise LookupError("this note can't be written")
    if text is None:
        return Unsendable("nobody wants it")
    return RenderedText(body=text, preview=f"{text[:2]}••••")


def record_note(*, events: Sequence[MessageEvent], now: datetime) -> None:
    """Remember what was told."""
    heard.extend(events)


def outcomes_of(message_id: UUID) -> list[str]:
    """Return what was told about one message."""
    return [event.outcome.value for event in heard if event.message_id == message_id]
