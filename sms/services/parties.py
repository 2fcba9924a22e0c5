"""Who writes a message's words, and who hears what became of it.

This app knows neither: ``settings.MESSAGE_PARTIES`` names, for each kind of thing a message can
be about, one function that writes the words and one that is told the outcome.
"""

import dataclasses
import enum
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils.module_loading import import_string

from alerts.transactions import durable, transaction_required
from credit.services.looks import Look, find_look
from sms.models import MessageTemplate

log = structlog.get_logger()


class Outcome(enum.StrEnum):
    """What can become of a message; a later one may follow an earlier."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message whose words are wanted."""

    message_id: UUID
    client_id: UUID
    purpose: str
    channel: str
    locale: str
    values: Mapping[str, Any]
    reference_kind: str
    reference_id: UUID


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RenderedText:
    """The words of a message.

    ``body`` may hold secrets and is kept nowhere; ``preview`` is the same with them masked. An
    e-mail has a ``subject``, the name it comes from, the address that answers to it go to, and
    the look of the client it comes from.
    ``holds_secret`` is whether ``body`` shows a card's code.
    """

    body: str = dataclasses.field(repr=False)
    preview: str
    template_id: int | None = None
    subject: str = ""
    from_name: str = ""
    reply_to: str = ""
    holds_secret: bool = False
    look: Look | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Unsendable:
    """There is nothing to send.

    ``is_failure`` is whether somebody waits for it in vain; else it is simply not wanted any
    more, because what it is about was taken back.
    """

    reason: str
    is_failure: bool = False


Rendering = RenderedText | Unsendable


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent:
    """What became of a message; ``error_code`` is the provider's where it was given up.

    :param is_bad_address: nothing sent to this number or address will ever arrive.
    """

    message_id: UUID
    client_id: UUID
    purpose: str
    channel: str
    reference_kind: str
    reference_id: UUID
    outcome: Outcome
    state: str
    error_code: str = ""
    is_bad_address: bool = False


class Render(Protocol):
    """Writes the words of drafts, by message id; one left out is not to be sent."""

    def __call__(self, *, drafts: Sequence[Draft], now: datetime) -> Mapping[UUID, Rendering]: ...


class RecordOutcome(Protocol):
    """Draws the conclusions, within the transaction that changes the messages' states."""

    def __call__(self, *, events: Sequence[MessageEvent], now: datetime) -> None: ...


@durable
def render_drafts(*, drafts: Sequence[Draft], now: datetime) -> dict[UUID, Rendering]:
    """Have the words of messages written, each by the party it belongs to."""
    rendered: dict[UUID, Rendering] = {}
    for kind, group in _by_kind(drafts).items():
        if kind not in settings.MESSAGE_PARTIES:
            missing = Unsendable(f"nobody writes messages about {kind!r}", is_failure=True)
            rendered |= dict.fromkeys((draft.message_id for draft in group), missing)
            continue
        render = cast(Render, _party(kind, "render"))
        rendered |= _render_group(render, group, now)
    return _with_looks(drafts, rendered)


def _with_looks(drafts: Sequence[Draft], rendered: dict[UUID, Rendering]) -> dict[UUID, Rendering]:
    looks: dict[UUID, Look] = {}
    for draft in drafts:
        written = rendered[draft.message_id]
        if draft.channel == MessageTemplate.Channel.EMAIL and isinstance(written, RenderedText):
            look = looks.get(draft.client_id) or find_look(draft.client_id)
            looks[draft.client_id] = look
            rendered[draft.message_id] = dataclasses.replace(written, look=look)
    return rendered


def _render_group(render: Render, drafts: Sequence[Draft], now: datetime) -> dict[UUID, Rendering]:
    try:
        found = render(drafts=drafts, now=now)
    except (OperationalError, InterfaceError):
        raise  # the database is away: no message's fault
    except Exception:
        # Whatever it was: one message that can't be written must not stop the others.
        if len(drafts) > 1:
            parts = [_render_group(render, [draft], now) for draft in drafts]
            return {key: value for part in parts for key, value in part.items()}
        log.exception("a message could not be written", message_id=str(drafts[0].message_id))
        return {drafts[0].message_id: Unsendable("writing it failed", is_failure=True)}
    gone = Unsendable("what it is about is gone")
    return {draft.message_id: found.get(draft.message_id, gone) for draft in drafts}


@transaction_required
def tell_parties(*, events: Iterable[MessageEvent], now: datetime) -> None:
    """Tell the parties what became of their messages, as part of the caller's transaction."""
    for kind, group in _by_kind(events).items():
        if kind in settings.MESSAGE_PARTIES:
            cast(RecordOutcome, _party(kind, "outcome"))(events=group, now=now)


def _party(kind: str, role: str) -> Callable[..., object]:
    return cast(Callable[..., object], import_string(settings.MESSAGE_PARTIES[kind][role]))


T = TypeVar("T", Draft, MessageEvent)


def _by_kind(things: Iterable[T]) -> dict[str, list[T]]:
    groups: dict[str, list[T]] = defaultdict(list)
    for thing in things:
        groups[thing.reference_kind].append(thing)
    return groups
