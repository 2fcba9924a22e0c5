"""Texts from a phone to us."""

import dataclasses
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree as ET

from sms.emulator.delivery import Delivery
from sms.emulator.messages import API_VERSION, Message, new_sid
from sms.emulator.postman import Postman, Reply
from sms.emulator.segments import count_segments
from sms.emulator.store import MessageStore

# Twilio's words. Only a text that is nothing but the word counts, in any case.
OPT_OUT_WORDS: Final = {
    **dict.fromkeys(
        ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"), "STOP"
    ),
    **dict.fromkeys(("START", "YES", "UNSTOP"), "START"),
    **dict.fromkeys(("HELP", "INFO"), "HELP"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class InboundResult:
    """What came of an inbound text: our webhook's answer, and the texts it replied with."""

    sid: str
    opt_out_type: str | None
    webhook_status: int | None
    error: str
    replies: list[str]


class InboundGate:
    """Lets a phone text us."""

    def __init__(
        self,
        *,
        store: MessageStore,
        delivery: Delivery,
        new_postman: Callable[[], Postman],
        account_sid: str,
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._new_postman = new_postman
        self._account_sid = account_sid

    def receive(self, *, from_: str, to: str, body: str, webhook_url: str) -> InboundResult:
        """Keep a text, heed its opt-out word, post it to the webhook and send the replies.

        The webhook is asked once and waited for, as Twilio does.
        """
        now = datetime.now(UTC)
        message = Message(
            sid=new_sid(),
            direction="inbound",
            to=to,
            from_=from_,
            body=body,
            status="received",
            segments=count_segments(body),
            created_at=now,
            updated_at=now,
            sent_at=now,
        )
        self._store.add(message)
        opt_out_type = OPT_OUT_WORDS.get(body.strip().upper())
        # The block is in force before we hear of it, so it holds when our webhook is down.
        if opt_out_type == "STOP":
            self._store.opt_out(from_)
        elif opt_out_type == "START":
            self._store.opt_in(from_)
        with closing(self._new_postman()) as postman:
            reply = postman.post(webhook_url, self._form(message, opt_out_type))
        texts = _texts_in(reply)
        if not self._store.is_opted_out(from_):
            for text in texts:
                self._reply(message, text)
        return InboundResult(
            sid=message.sid,
            opt_out_type=opt_out_type,
            webhook_status=reply.status,
            error=reply.error,
            replies=texts,
        )

    def _form(self, message: Message, opt_out_type: str | None) -> dict[str, str]:
        form = {
            "AccountSid": self._account_sid,
            "ApiVersion": API_VERSION,
            "Body": message.body,
            "From": message.from_ or "",
            "MessageSid": message.sid,
            "NumMedia": "0",
            "NumSegments": str(message.segments),
            "SmsMessageSid": message.sid,
            "SmsSid": message.sid,
            "SmsStatus": "received",
            "To": message.to,
        }
        if opt_out_type is not None:
            form["OptOutType"] = opt_out_type
        return form

    def _reply(self, inbound: Message, text: str) -> None:
        now = datetime.now(UTC)
        message = Message(
            sid=new_sid(),
            direction="outbound-reply",
            to=inbound.from_ or "",
            from_=inbound.to,
            body=text,
            status="queued",
            segments=count_segments(text),
            created_at=now,
            updated_at=now,
        )
        self._store.add(message)
        self._delivery.begin(message)


def _texts_in(reply: Reply) -> list[str]:
    """Return the texts of the TwiML a webhook answered with."""
    if reply.status != 200 or not reply.content_type.endswith("/xml"):
        return []
    try:
        root = ET.fromstring(reply.body)  # noqa: S314 - our own webhook wrote it
    except ET.ParseError:
        return []
    texts = ("".join(element.itertext()).strip() for element in root.iter("Message"))
    return [text for text in texts if text]
