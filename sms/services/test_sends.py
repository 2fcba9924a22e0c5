"""Trying the words of a template on a phone or mailbox of one's own, saved or not.

A test is a message like any other, with a purpose of its own, so that no figure about recipients
counts it and no opt-in is proved by it. What it is about is the person who asked for it. It is made
of example values alone, no card and no secret, so its words may wait in its row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.transactions import durable, transaction, transaction_required
from credit.models import Client, User
from credit.services.audit import record_event
from sms.merge import merge_tags
from sms.models import Message, MessageTemplate
from sms.phones import PhoneError, mask_email, mask_phone, parse_phone
from sms.providers import NotConfiguredError, require_carrier
from sms.queue import ring_bell
from sms.selectors.consents import has_opted_out
from sms.services.consents import OptedOutError
from sms.services.examples import Example, example_values
from sms.services.messages import queue_message
from sms.services.parties import Draft, MessageEvent, RenderedText, Rendering, Unsendable
from sms.services.previews import Words, find_problems, merge_subject

KIND: Final = "test"
MARK: Final = "[Test] "
TESTS_AN_HOUR: Final = 10
_PREVIEW_LENGTH: Final = 320


@dataclasses.dataclass(eq=False, kw_only=True)
class ChannelNotSetUpError(ServiceError):
    """Nobody is set up to carry the message (GC-014); ``missing`` says what to set."""

    code: ClassVar = ErrorCode.DELIVERY_NOT_STARTED

    channel: str
    missing: str


@dataclasses.dataclass(eq=False, kw_only=True)
class TooManyTestsError(ServiceError):
    """One person has sent as many tests as an hour allows."""

    code: ClassVar = ErrorCode.RATE_LIMITED


@durable
def send_test(
    *,
    words: Words,
    example: Example,
    client: Client,
    template_id: int | None,
    to: str,
    user_id: UUID,
    now: datetime,
) -> UUID:
    """Send the words as they stand, with an example's values; return the message's id.

    :param client: in whose name; whoever has replied STOP to it gets none.
    :param template_id: what it was opened from, for the records; None for a new one.
    :param to: a mobile number, or an address for an e-mail, as typed.
    :raises ValidationFailedError: the words or ``to`` can't be used (GC-012, at ``words``, ``to``).
    :raises ChannelNotSetUpError: nobody would carry it (GC-014).
    :raises OptedOutError: the person wants no texts of this client (GC-115).
    :raises TooManyTestsError: see ``TESTS_AN_HOUR`` (GC-101).
    """
    problems = find_problems(words)
    if problems:
        raise ValidationFailedError(errors={"words": problems})
    contact = _read_contact(to, is_mail=words.is_mail)
    try:
        require_carrier(words.channel)
    except NotConfiguredError as error:
        raise ChannelNotSetUpError(channel=words.channel, missing=str(error)) from None
    values = example_values(example, client=client, locale=words.locale)
    with transaction():
        _count(user_id, now)
        if not words.is_mail and has_opted_out(client_id=client.pk, phone=contact):
            raise OptedOutError(client_id=client.pk)
        message_id = queue_message(
            client_id=client.pk,
            purpose=MessageTemplate.Purpose.TEST,
            channel=words.channel,
            to=contact,
            locale=words.locale,
            values={
                "body": MARK + merge_tags(words.body, values),
                "subject": MARK + merge_subject(words.subject, values) if words.is_mail else "",
                "from_name": client.name,
                "reply_to": client.support_email or settings.SUPPORT_EMAIL,
            },
            reference_kind=KIND,
            reference_id=user_id,
            request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
            now=now,
        )
        record_event(
            actor=f"user:{user_id}",
            action="template.tested",
            object_kind="message_template",
            object_id=template_id or "new",
            after={
                "to": mask_email(contact) if words.is_mail else mask_phone(contact),
                "purpose": words.purpose,
                "message": str(message_id),
            },
            owner=client,
            now=now,
        )
    ring_bell("sms.tasks.send_messages")
    return message_id


def _read_contact(to: str, *, is_mail: bool) -> str:
    if is_mail:
        try:
            validate_email(to.strip())
        except ValidationError:
            words = "Enter an e-mail address, such as you@example.com."
            raise ValidationFailedError(errors={"to": [words]}) from None
        return to.strip()
    try:
        return parse_phone(
            to, region=settings.DEFAULT_PHONE_REGION, allow_possible=settings.SANDBOX
        )
    except PhoneError as error:
        raise ValidationFailedError(errors={"to": [str(error)]}) from None


@transaction_required
def _count(user_id: UUID, now: datetime) -> None:
    # One person's tests wait for one another here, so that two at once are both counted.
    User.objects.select_for_update(no_key=True).only("pk").get(pk=user_id)
    hour_ago = now - timedelta(hours=1)
    lately = Message.objects.filter(
        reference_kind=KIND, reference_id=user_id, created_at__gt=hour_ago
    ).order_by("created_at")
    times = list(lately.values_list("created_at", flat=True))
    if len(times) >= TESTS_AN_HOUR:
        wait = times[-TESTS_AN_HOUR] - hour_ago
        raise TooManyTestsError(retry_after_seconds=max(1, int(wait.total_seconds())))


@durable
def render_test(
    *,
    drafts: Sequence[Draft],
    now: datetime,  # noqa: ARG001  what every party is told
) -> Mapping[UUID, Rendering]:
    """Return the words of tests, by message id: they were written when it was asked for."""
    return {draft.message_id: _render(draft) for draft in drafts}


def _render(draft: Draft) -> Rendering:
    told = {name: str(value or "") for name, value in draft.values.items()}
    body, subject = told.get("body", ""), told.get("subject", "")
    if not body:
        return Unsendable("the test has no words", is_failure=True)
    return RenderedText(
        body=body,
        preview=(f"{subject}\n\n{body}" if subject else body)[:_PREVIEW_LENGTH],
        subject=subject,
        from_name=told.get("from_name", ""),
        reply_to=told.get("reply_to", ""),
    )


@transaction_required
def record_test_outcome(
    *,
    events: Sequence[MessageEvent],
    now: datetime,
) -> None:
    """Draw no conclusion: whoever asked sees on the page what became of it."""
