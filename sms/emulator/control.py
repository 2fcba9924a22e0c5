"""The emulator's own doors, under ``/_control/``: nothing of this exists at Twilio."""

import dataclasses
from collections.abc import Callable
from typing import Any

from alerts.emulator import control
from alerts.emulator.exchange import Answer, Request
from sms.emulator.api import MessagesApi
from sms.emulator.courier import CallbackRecord, Courier
from sms.emulator.faults import FaultScript
from sms.emulator.inbound import InboundGate
from sms.emulator.mails import MailStore, describe_mail
from sms.emulator.mailserver import MailFaults
from sms.emulator.messages import Message
from sms.emulator.store import MessageStore

INBOUND_KEYS = frozenset({"from", "to", "body", "webhook_url"})


class ControlPanel(control.ControlPanel):
    """Answers requests to ``/_control/``."""

    def __init__(
        self,
        *,
        store: MessageStore,
        faults: FaultScript,
        courier: Courier,
        inbound: InboundGate,
        api: MessagesApi,
        mails: MailStore,
        mail_faults: MailFaults,
        reset: Callable[[], None],
    ) -> None:
        super().__init__(
            faults=faults,
            reset=reset,
            routes={
                ("GET", "health"): self._show_health,
                ("GET", "messages"): self._list_messages,
                ("GET", "callbacks"): self._list_callbacks,
                ("GET", "mails"): self._list_mails,
                ("POST", "mail-faults"): self._set_mail_faults,
                ("POST", "inbound"): self._receive_text,
            },
        )
        self._store = store
        self._courier = courier
        self._inbound = inbound
        self._api = api
        self._mails = mails
        self._mail_faults = mail_faults

    def _show_health(self, _request: Request) -> Answer:
        return Answer(
            payload={
                "status": "ok",
                "messages": len(self._store.newest_first()),
                "requests": dict(self._api.requests),
            }
        )

    def _list_messages(self, request: Request) -> Answer:
        messages = [
            message
            for message in self._store.newest_first()
            if request.query.get("to", message.to) == message.to
        ]
        limit = int(request.query.get("limit", len(messages)))
        return Answer(
            payload=[
                describe_message(message, accepted_copies=self._store.accepted_copies(message))
                for message in messages[:limit]
            ]
        )

    def _list_callbacks(self, request: Request) -> Answer:
        records = list(self._courier.log)
        return Answer(
            payload=[
                _describe_callback(record)
                for record in records
                if request.query.get("sid", record.sid) == record.sid
            ]
        )

    def _list_mails(self, request: Request) -> Answer:
        mails = [
            mail
            for mail in self._mails.newest_first()
            if request.query.get("to", mail.to) == mail.to
        ]
        limit = int(request.query.get("limit", len(mails)))
        return Answer(payload=[describe_mail(mail) for mail in mails[:limit]])

    def _set_mail_faults(self, request: Request) -> Answer:
        self._mail_faults.replace(request.json())
        return Answer(payload={"status": "ok"})

    def _receive_text(self, request: Request) -> Answer:
        text = request.json()
        if not isinstance(text, dict) or text.keys() != INBOUND_KEYS:
            raise ValueError(f"an object of {', '.join(sorted(INBOUND_KEYS))} is expected")
        if not all(isinstance(value, str) for value in text.values()):
            raise ValueError("every value is a string")
        result = self._inbound.receive(
            from_=text["from"],
            to=text["to"],
            body=text["body"],
            webhook_url=text["webhook_url"],
        )
        return Answer(status=201, payload=dataclasses.asdict(result))


def describe_message(message: Message, *, accepted_copies: int) -> dict[str, Any]:
    """Return a message as the demo's phone and the tests see it."""
    return {
        "sid": message.sid,
        "direction": message.direction,
        "to": message.to,
        "from": message.from_,
        "body": message.body,
        "is_redacted": message.is_redacted,
        "status": message.status,
        "error_code": message.error_code,
        "validity_seconds": message.validity_seconds,
        "created_at": message.created_at.isoformat(),
        "accepted_copies": accepted_copies,
    }


def _describe_callback(record: CallbackRecord) -> dict[str, Any]:
    return {**vars(record), "posted_at": record.posted_at.isoformat()}
