"""Calling the provider: no database here, so that the calls can run side by side."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

from alerts.transactions import durable
from sms.models import MessageTemplate
from sms.policies import NO_ANSWER, UNREACHABLE
from sms.providers import (
    NoAnswerError,
    OutgoingText,
    Provider,
    ProviderError,
    ProviderText,
    RefusedError,
    UnreachableError,
)
from sms.services.claims import Claim
from sms.services.letters import write_html
from sms.services.parties import RenderedText
from sms.services.standing import Answer, Finding

CALLBACK_PATH: Final = "/webhooks/twilio/status/{message_id}/"
# The provider's clock and ours may differ.
_CLOCK_SKEW: Final = timedelta(minutes=2)


@durable
def send_text(
    provider: Provider, claim: Claim, rendered: RenderedText, clock: Callable[[], datetime]
) -> Answer:
    """Hand one text to the provider and return what it said, whatever that was."""
    path = CALLBACK_PATH.format(message_id=claim.message_id)
    is_mail = claim.channel == MessageTemplate.Channel.EMAIL
    outgoing = OutgoingText(
        to=claim.to,
        body=rendered.body,
        callback_url=f"{settings.PUBLIC_BASE_URL}{path}",
        message_id=claim.message_id,
        subject=rendered.subject,
        html=write_html(rendered, locale=claim.locale) if is_mail else "",
        from_name=rendered.from_name,
        reply_to=rendered.reply_to,
    )
    try:
        text = provider.send(outgoing)
    except RefusedError as error:
        return answer(
            claim,
            Finding.REFUSED,
            clock(),
            error_code=error.code,
            error_message=error.message,
            retry_after_seconds=error.retry_after_seconds,
        )
    except UnreachableError as error:
        return answer(
            claim,
            Finding.UNREACHABLE,
            clock(),
            error_code=UNREACHABLE,
            error_message=str(error),
        )
    except NoAnswerError as error:
        return answer(
            claim, Finding.NO_ANSWER, clock(), error_code=NO_ANSWER, error_message=str(error)
        )
    return answer(claim, Finding.TAKEN, clock(), text=text, rendered=rendered)


@durable
def list_texts(
    provider: Provider, claim: Claim, clock: Callable[[], datetime]
) -> list[ProviderText] | Answer:
    """Return what the provider got for a claim's number since its attempt, or why we can't know."""
    try:
        return provider.find(to=claim.to, since=claim.requested_at - _CLOCK_SKEW)
    except ProviderError as error:
        return _not_known(claim, error, clock())


@durable
def ask_status(provider: Provider, claim: Claim, clock: Callable[[], datetime]) -> Answer:
    """Ask the provider how a text stands that it took some time ago."""
    try:
        text = provider.fetch(claim.provider_id)
    except ProviderError as error:
        return _not_known(claim, error, clock())
    return answer(claim, Finding.REPORTED, clock(), text=text)


def match_texts(
    *,
    listed: Mapping[UUID, list[ProviderText]],
    bodies: Mapping[UUID, str],
    owners: Mapping[str, UUID],
) -> dict[UUID, ProviderText]:
    """Find the messages that were looked up among what the provider listed for their numbers.

    A text is ours when its words are (they hold the reward's own link) and no other message
    owns its id. Where the words can't be compared, because ours can't be written any more or
    the provider has forgotten its own, number and time must do.

    :param bodies: the words of the messages, where they can be written.
    """
    found: dict[UUID, ProviderText] = {}
    given: set[str] = set()
    for message_id, texts in listed.items():
        words = _letters(bodies.get(message_id, ""))
        for text in texts:
            if owners.get(text.provider_id, message_id) != message_id:
                continue
            if text.provider_id not in given and _same_words(words, _letters(text.body)):
                found[message_id] = text
                given.add(text.provider_id)
                break
    return found


def answer(claim: Claim, finding: Finding, at: datetime, **facts: object) -> Answer:
    """Return an answer about the claimed attempt."""
    return Answer(
        message_id=claim.message_id,
        number=claim.number,
        finding=finding,
        at=at,
        due_at=claim.due_at,
        **facts,  # type: ignore[arg-type]
    )


def _not_known(claim: Claim, error: ProviderError, at: datetime) -> Answer:
    if isinstance(error, RefusedError):
        return answer(
            claim,
            Finding.NOT_KNOWN,
            at,
            error_code=error.code,
            error_message=error.message,
            retry_after_seconds=error.retry_after_seconds,
        )
    return answer(claim, Finding.NOT_KNOWN, at, error_code=NO_ANSWER, error_message=str(error))


def _same_words(ours: str, listed: str) -> bool:
    # Contained, not equal: a trial account puts its own words in front.
    return not ours or not listed or ours in listed


def _letters(text: str) -> str:
    """Keep plain letters and digits: on its way a provider may exchange dashes and quotes."""
    return "".join(symbol for symbol in text if symbol.isascii() and symbol.isalnum())
