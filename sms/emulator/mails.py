"""E-mails as the emulator's mail server got them."""

import dataclasses
import secrets
from collections import deque
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from threading import Lock
from typing import Any, Final, cast

from alerts.emulator.journal import Journal

MAIL_CAP: Final = 5_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mail:
    """One e-mail for one recipient; ``source`` is all of it, as it came."""

    id: str
    to: str
    sender: str
    source: str = dataclasses.field(repr=False)
    received_at: datetime

    @property
    def message(self) -> EmailMessage:
        parser = BytesParser(policy=policy.default)
        return parser.parsebytes(self.source.encode("latin-1"))

    def part(self, kind: str) -> str:
        """Return the words of the plain or the html part, empty when there is none."""
        body = self.message.get_body(preferencelist=(kind,))
        return "" if body is None else cast(str, body.get_content()).replace("\r\n", "\n")

    def header(self, name: str) -> str:
        return str(self.message.get(name, ""))


class MailStore:
    """E-mails in memory, oldest first, mirrored to a journal when there is one."""

    def __init__(self, *, journal: Journal | None = None) -> None:
        self._lock = Lock()
        self._mails: deque[Mail] = deque(maxlen=MAIL_CAP)
        self._journal = journal
        if journal is not None:
            self._mails.extend(_from_record(entry) for entry in journal.entries())
            journal.rewrite(_to_record(mail) for mail in self._mails)

    def add(self, *, to: str, sender: str, source: bytes) -> None:
        """Keep an e-mail."""
        mail = Mail(
            id=secrets.token_hex(8),
            to=to,
            sender=sender,
            source=source.decode("latin-1"),
            received_at=datetime.now(UTC),
        )
        with self._lock:
            self._mails.append(mail)
            if self._journal is not None:
                self._journal.append(_to_record(mail))

    def newest_first(self) -> list[Mail]:
        with self._lock:
            return list(reversed(self._mails))

    def clear(self) -> None:
        """Forget everything, on disk too."""
        with self._lock:
            self._mails.clear()
            if self._journal is not None:
                self._journal.rewrite([])

    def close(self) -> None:
        with self._lock:
            if self._journal is not None:
                self._journal.close()
                self._journal = None


def describe_mail(mail: Mail) -> dict[str, Any]:
    """Return an e-mail as the demo's phone shows it."""
    return {
        "id": mail.id,
        "to": mail.to,
        "from": mail.header("From"),
        "subject": mail.header("Subject"),
        "message_id": mail.header("Message-ID"),
        "body": mail.part("plain").strip(),
        "html": mail.part("html"),
        "received_at": mail.received_at.isoformat(),
    }


def _to_record(mail: Mail) -> dict[str, Any]:
    return {**vars(mail), "received_at": mail.received_at.isoformat()}


def _from_record(record: dict[str, Any]) -> Mail:
    return Mail(**{**record, "received_at": datetime.fromisoformat(record["received_at"])})
