"""Texts that people send us: opt-outs, opt-ins, answers to requests, cries for help.

Twilio names the number that was texted, not the client it is about. A text is taken for the
clients that have texted that phone from there (see ``list_conversations``): a STOP for all of
them, a YES for the one whose request came last, a cry for help for the one that wrote last.
"""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings

from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction, transaction_required
from credit.models import Client
from sms.merge import clean_text
from sms.models import InboundMessage
from sms.queue import ring_bell
from sms.selectors.conversations import Conversation, list_conversations
from sms.services.consents import answer_request, start_texts, stop_texts
from sms.services.keywords import Keyword, read_keyword

log = structlog.get_logger()

HandledAs = InboundMessage.HandledAs

_LONGEST_PHONE: Final = 16
_HELP: Final = {
    "en": (
        "{company}: call {phone} or write to {email} for help. Reply STOP to opt out.",
        "{company}: call {phone} for help. Reply STOP to opt out.",
        "{company}: write to {email} for help. Reply STOP to opt out.",
        "{company}: reply STOP to opt out.",
    ),
    "es": (
        "{company}: para ayuda llame al {phone} o escriba a {email}. Responda STOP para la baja.",
        "{company}: para ayuda llame al {phone}. Responda STOP para la baja.",
        "{company}: para ayuda escriba a {email}. Responda STOP para la baja.",
        "{company}: responda STOP para la baja.",
    ),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class IncomingText:
    """A text as the provider brings it; ``to_service`` is the messaging service it came by."""

    provider_id: str
    from_number: str = dataclasses.field(repr=False)
    to_number: str
    body: str = dataclasses.field(repr=False)
    opt_out_type: str = ""
    to_service: str = ""


@seeing(EVERYTHING)
@durable
def receive_text(*, text: IncomingText, now: datetime) -> str:
    """Keep a text, do what it asks for and return the reply to it, empty for none.

    The same text brought again is answered the same and does nothing again.
    """
    with transaction():
        # Whoever brings the same one at this moment waits here for the end of this transaction.
        kept, is_new = InboundMessage.objects.get_or_create(
            provider_id=text.provider_id,
            defaults={
                "from_number": text.from_number,
                "to_number": text.to_number,
                "body": clean_text(text.body),
                "opt_out_type": text.opt_out_type,
                "received_at": now,
            },
        )
        if not is_new:
            return kept.reply
        granted = _handle(kept, text, now)
    log.info("[TWILIO] Text received", sid=text.provider_id, handled_as=kept.handled_as)
    if granted:
        ring_bell(settings.OPT_IN_TASK)
    return kept.reply


@transaction_required
def _handle(kept: InboundMessage, text: IncomingText, now: datetime) -> set[UUID]:
    """Do what the text asks for; return the clients that got leave to text the number."""
    phone = text.from_number
    keyword = read_keyword(body=text.body, opt_out_type=text.opt_out_type)
    senders = {text.to_number, text.to_service} - {""}
    conversations = list_conversations(phone=phone, senders=senders)
    granted: set[UUID] = set()
    if len(phone) > _LONGEST_PHONE:
        keyword = Keyword.NONE  # no phone number, so nobody we could text
    if keyword is Keyword.STOP:
        stop_texts(phone=phone, conversations=conversations, now=now)
        kept.handled_as = HandledAs.OPT_OUT
    elif keyword is Keyword.HELP:
        kept.handled_as = HandledAs.HELP
        kept.reply = _write_help(conversations)
    elif keyword in (Keyword.YES, Keyword.START):
        if keyword is Keyword.YES:
            granted = answer_request(phone=phone, now=now)
            kept.handled_as = HandledAs.GRANT
        if not granted:
            granted = start_texts(phone=phone, conversations=conversations, now=now)
            kept.handled_as = HandledAs.OPT_IN
    kept.client_id = _whose(conversations, granted)
    kept.save(update_fields=["handled_as", "reply", "client"])
    return granted


def _whose(conversations: Sequence[Conversation], granted: set[UUID]) -> UUID | None:
    if len(granted) == 1:
        return next(iter(granted))
    return conversations[0].client_id if conversations else None


def _write_help(conversations: Sequence[Conversation]) -> str:
    """Say whom to turn to, in the language of the last text: the client, else the platform."""
    client = Client.objects.get(pk=conversations[0].client_id) if conversations else None
    language = conversations[0].locale.split("-")[0].lower() if conversations else "en"
    values = {
        "company": client.name if client else settings.COMPANY_NAME,
        "phone": (client and client.support_phone) or settings.SUPPORT_PHONE_NUMBER,
        "email": (client and client.support_email) or settings.SUPPORT_EMAIL,
    }
    for words in _HELP.get(language, _HELP["en"]):
        if all(value or f"{{{name}}}" not in words for name, value in values.items()):
            return clean_text(words.format(**values))
    raise AssertionError("the last words need the company's name alone")
