"""A crowd of API clients in one light process: keep-alive connections that never pause.

Run as a program of its own, so that its processor time is known and its interpreter lock is in
nobody's way. It knows HTTP just well enough for our own server. Reads its orders as JSON from
standard input and writes what happened, as JSON, to standard output.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time
import uuid
from collections import Counter
from typing import Any, Final

_WANTED_STATUS: Final = 201
_CATALOGUE_CODE: Final = re.compile(rb"GC-\d{3}")
_END_OF_HEADERS: Final = b"\r\n\r\n"


class Caller:
    """One client: sends, waits for the whole answer, sends again."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.socket = socket.create_connection((crowd.host, crowd.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answer = b""
        self.sent_at = 0.0

    def send(self) -> None:
        self.answer = b""
        request = self.crowd.next_request()
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take what has come; tell whether the answer is complete."""
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError("the server closed the connection")
        self.answer += part
        head, found, body = self.answer.partition(_END_OF_HEADERS)
        if not found:
            return False
        marker = head.lower().index(b"content-length:") + len(b"content-length:")
        length = int(head[marker : head.find(b"\r\n", marker) % (len(head) + 1)])
        return len(body) >= length

    @property
    def status(self) -> int:
        return int(self.answer[9:12])


class Crowd:
    """All clients, and what they have seen."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self.host: str = orders["host"]
        self.port: int = orders["port"]
        self.requests = iter(orders["requests"])
        self.events: list[tuple[float, float]] = []
        self.errors: Counter[str] = Counter()

    def next_request(self) -> bytes:
        key, code, phone = next(self.requests)
        body = f'{{"code": "{code}", "contact": {{"method": "sms", "phone": "{phone}"}}}}'
        return (
            f"POST /api/v1/redemptions/ HTTP/1.1\r\nHost: {self.host}\r\n"
            f"Authorization: Api-Key {key}\r\nIdempotency-Key: {uuid.uuid4()}\r\n"
            "User-Agent: giftline-bench\r\nAccept: application/json\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def run(self, *, connections: int, seconds: float) -> dict[str, Any]:
        callers = [Caller(self) for _ in range(connections)]
        with selectors.DefaultSelector() as selector:
            for caller in callers:
                selector.register(caller.socket, selectors.EVENT_READ, caller)
            cpu_before, began = time.process_time(), time.perf_counter()
            for caller in callers:
                caller.send()
            while time.perf_counter() < began + seconds:
                for key, _ in selector.select(timeout=1):
                    caller = key.data
                    if caller.receive():
                        self.note(caller)
                        caller.send()
        return {
            "began": began,
            "events": self.events,
            "errors": self.errors,
            "cpu_seconds": time.process_time() - cpu_before,
        }

    def note(self, caller: Caller) -> None:
        now = time.perf_counter()
        self.events.append((now, now - caller.sent_at))
        if caller.status != _WANTED_STATUS:
            code = _CATALOGUE_CODE.search(caller.answer)
            self.errors[f"{caller.status} {code[0].decode() if code else ''}".strip()] += 1


def main() -> None:
    orders = json.load(sys.stdin)
    crowd = Crowd(orders)
    json.dump(crowd.run(connections=orders["connections"], seconds=orders["seconds"]), sys.stdout)


if __name__ == "__main__":
    main()
