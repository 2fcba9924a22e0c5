"""A mail server that keeps what it gets, and refuses what it is told to refuse.

Without any script an address says itself what becomes of its mail: ``rcpt-550@…`` is refused
with 550 when it is named, ``data-451@…`` with 451 once the mail was sent, ``drop@…`` hangs up
after the mail without an answer.
"""

import base64
import binascii
import dataclasses
import re
import socketserver
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, Final

from sms.emulator.mails import MailStore

LINE_CAP: Final = 4096
MAIL_CAP_BYTES: Final = 5_000_000
STAGES: Final = ("connect", "auth", "mail", "rcpt", "data")
_ADDRESS: Final = re.compile(rb"<([^<>\s]*)>")
_TELLING: Final = re.compile(r"(?P<stage>rcpt|data)-(?P<code>[45]\d\d)@.*")
_RULE_KEYS: Final = frozenset({"to", "stage", "code", "drop", "times"})


class MailFaultError(ValueError):
    """A rule can't be understood."""


@dataclasses.dataclass(kw_only=True)
class MailFault:
    """Refuse at a stage: mail to ``to``, or any; so many ``times``, or always."""

    stage: str
    code: int = 451
    to: str = ""
    drop: bool = False
    times: int | None = None
    struck: int = 0

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise MailFaultError(f"stage: one of {', '.join(STAGES)}, not {self.stage!r}")
        if type(self.code) is not int or not 400 <= self.code <= 599:
            raise MailFaultError(f"code: from 400 to 599, not {self.code!r}")


class MailFaults:
    """The rules in force."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rules: list[MailFault] = []

    def replace(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Put these rules in the place of the old ones.

        :raises MailFaultError: one can't be understood.
        """
        if not isinstance(rules, list | tuple):
            raise MailFaultError("a list of rules is expected")
        fresh = []
        for rule in rules:
            if not isinstance(rule, Mapping) or not rule.keys() <= _RULE_KEYS:
                raise MailFaultError(f"a rule has {', '.join(sorted(_RULE_KEYS))}")
            fresh.append(MailFault(**rule))
        with self._lock:
            self._rules = fresh

    def strike(self, stage: str, to: str = "") -> MailFault | None:
        """Return the fault that strikes here, and count it."""
        with self._lock:
            for rule in self._rules:
                is_spent = rule.times is not None and rule.struck >= rule.times
                if rule.stage == stage and rule.to in ("", to) and not is_spent:
                    rule.struck += 1
                    return rule
        if stage == "data" and to.startswith("drop@"):
            return MailFault(stage=stage, drop=True)
        told = _TELLING.fullmatch(to)
        if told and told["stage"] == stage:
            return MailFault(stage=stage, code=int(told["code"]))
        return None


class MailServer(socketserver.ThreadingTCPServer):
    """SMTP on a port of this machine.

    :param login: the name and password to ask for; None asks for none.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        *,
        store: MailStore,
        faults: MailFaults,
        login: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(address, _Session)
        self.store = store
        self.faults = faults
        self.login = login
        self._thread = Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="mail", daemon=True
        )

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a client that hangs up is no error, and mail is nobody's to print."""


class _HangUpError(Exception):
    """End the session without another word."""


class _Session(socketserver.StreamRequestHandler):
    server: MailServer
    timeout = 30

    def handle(self) -> None:
        self._reset()
        self._is_known = self.server.login is None
        with suppress(_HangUpError, OSError):
            if self._refuse("connect"):
                return
            self._say(220, "ready")
            while line := self.rfile.readline(LINE_CAP):
                verb, _, rest = line.strip().partition(b" ")
                command = getattr(self, f"_do_{verb.decode('ascii', 'replace').lower()}", None)
                if command is None:
                    self._say(502, "not known here")
                elif command(rest):
                    return

    def _do_ehlo(self, _rest: bytes) -> None:
        extensions = ["emulator", "8BITMIME", "SMTPUTF8", *(["AUTH PLAIN"] * (not self._is_known))]
        lines = [f"250-{word}" for word in extensions[:-1]] + [f"250 {extensions[-1]}"]
        self.wfile.write(("\r\n".join(lines) + "\r\n").encode())

    def _do_helo(self, _rest: bytes) -> None:
        self._say(250, "emulator")

    def _do_auth(self, rest: bytes) -> None:
        if self._refuse("auth"):
            return
        try:
            _, name, password = base64.b64decode(rest.partition(b" ")[2]).split(b"\x00")
        except (binascii.Error, ValueError):
            name = password = b""
        self._is_known = (name.decode(), password.decode()) == self.server.login
        self._say(*((235, "welcome") if self._is_known else (535, "not known")))

    def _do_mail(self, rest: bytes) -> None:
        if not self._is_known:
            self._say(530, "who are you?")
        elif not self._refuse("mail"):
            self._sender = _address_in(rest)
            self._say(250, "ok")

    def _do_rcpt(self, rest: bytes) -> None:
        to = _address_in(rest)
        if not self._refuse("rcpt", to):
            self._recipients.append(to)
            self._say(250, "ok")

    def _do_data(self, _rest: bytes) -> None:
        if not self._recipients:
            self._say(503, "for whom?")
            return
        self._say(354, "go on")
        source = bytearray()
        while (line := self.rfile.readline(MAIL_CAP_BYTES)) not in (b".\r\n", b""):
            source += line[1:] if line.startswith(b".") else line
        if not line:
            raise _HangUpError
        for to in self._recipients:
            if self._refuse("data", to):
                self._reset()
                return
        for to in self._recipients:
            self.server.store.add(to=to, sender=self._sender, source=bytes(source))
        self._reset()
        self._say(250, "kept")

    def _do_rset(self, _rest: bytes) -> None:
        self._reset()
        self._say(250, "ok")

    def _do_noop(self, _rest: bytes) -> None:
        self._say(250, "ok")

    def _do_quit(self, _rest: bytes) -> bool:
        self._say(221, "bye")
        return True

    def _reset(self) -> None:
        self._sender = ""
        self._recipients: list[str] = []

    def _refuse(self, stage: str, to: str = "") -> bool:
        fault = self.server.faults.strike(stage, to)
        if fault is None:
            return False
        if fault.drop:
            raise _HangUpError
        self._say(fault.code, f"refused at {stage}")
        return True

    def _say(self, code: int, words: str) -> None:
        self.wfile.write(f"{code} {words}\r\n".encode())


def _address_in(rest: bytes) -> str:
    found = _ADDRESS.search(rest)
    return found[1].decode("utf-8", "replace") if found else ""
