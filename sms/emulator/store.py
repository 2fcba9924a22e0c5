"""Every text the emulator knows of, and who opted out."""

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterator
from threading import Lock
from typing import Any, Final

from alerts.emulator.journal import Journal
from sms.emulator.messages import Message, from_record, to_record

MESSAGE_CAP: Final = 20_000
# Five lines tell the life of a text, so the file is rewritten once in every two caps of texts.
LINES_PER_MESSAGE: Final = 10


class MessageStore:
    """Texts in memory, oldest first, mirrored to a journal when there is one.

    Messages are immutable and replaced on every change, so readers need no lock. Past ``cap``
    the oldest is forgotten.
    """

    def __init__(self, *, journal: Journal | None = None, cap: int = MESSAGE_CAP) -> None:
        self._lock = Lock()
        self._cap = cap
        self._messages: dict[str, Message] = {}
        self._copies: Counter[tuple[str, str]] = Counter()
        self._opted_out: set[str] = set()
        self._journal = journal
        if journal is not None:
            for entry in journal.entries():
                self._replay(entry)
            journal.rewrite(self._snapshot())

    def add(self, message: Message) -> None:
        """Remember a new message."""
        with self._lock:
            self._put(message)
            self._write({"message": to_record(message)})

    def change(
        self, sid: str, *, only_from: Collection[str] | None = None, **changes: Any
    ) -> Message | None:
        """Change fields of a message and return it as it is now.

        :param only_from: the statuses it may have; None allows any.
        :returns: None when the message is unknown or its status is another.
        """
        with self._lock:
            message = self._messages.get(sid)
            if message is None or (only_from is not None and message.status not in only_from):
                return None
            changed = dataclasses.replace(message, **changes)
            self._messages[sid] = changed
            self._write({"message": to_record(changed)})
            return changed

    def find(self, sid: str) -> Message | None:
        return self._messages.get(sid)

    def newest_first(self) -> list[Message]:
        with self._lock:
            return list(reversed(self._messages.values()))

    def accepted_copies(self, message: Message) -> int:
        """Return how many texts with the same recipient and words were accepted."""
        return self._copies[message.to, message.body]

    def opt_out(self, phone: str) -> None:
        with self._lock:
            self._opted_out.add(phone)
            self._write({"opt_out": phone})

    def opt_in(self, phone: str) -> None:
        with self._lock:
            self._opted_out.discard(phone)
            self._write({"opt_in": phone})

    def is_opted_out(self, phone: str) -> bool:
        return phone in self._opted_out

    def clear(self) -> None:
        """Forget everything, on disk too."""
        with self._lock:
            self._messages.clear()
            self._copies.clear()
            self._opted_out.clear()
            if self._journal is not None:
                self._journal.rewrite([])

    def close(self) -> None:
        with self._lock:
            if self._journal is not None:
                self._journal.close()
                self._journal = None

    def _put(self, message: Message) -> None:
        if message.sid not in self._messages and message.direction != "inbound":
            self._copies[message.to, message.body] += 1
        self._messages[message.sid] = message
        if len(self._messages) > self._cap:
            self._forget(next(iter(self._messages)))

    def _forget(self, sid: str) -> None:
        message = self._messages.pop(sid)
        if message.direction != "inbound":
            key = message.to, message.body
            self._copies[key] -= 1
            if not self._copies[key]:
                del self._copies[key]

    def _replay(self, entry: dict[str, Any]) -> None:
        if "message" in entry:
            self._put(from_record(entry["message"]))
        elif "opt_out" in entry:
            self._opted_out.add(entry["opt_out"])
        elif "opt_in" in entry:
            self._opted_out.discard(entry["opt_in"])

    def _write(self, entry: dict[str, Any]) -> None:
        if self._journal is None:
            return
        self._journal.append(entry)
        if self._journal.lines > self._cap * LINES_PER_MESSAGE:
            self._journal.rewrite(self._snapshot())

    def _snapshot(self) -> Iterator[dict[str, Any]]:
        for message in self._messages.values():
            yield {"message": to_record(message)}
        for phone in sorted(self._opted_out):
            yield {"opt_out": phone}
