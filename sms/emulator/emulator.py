"""The emulator put together: one object that tests and the command line start."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from alerts.emulator.exchange import Answer, Request
from alerts.emulator.journal import Journal, JournalError
from alerts.emulator.server import EmulatorServer
from sms.emulator.account import Account
from sms.emulator.api import MessagesApi
from sms.emulator.control import ControlPanel
from sms.emulator.courier import CallbackRecord, Courier
from sms.emulator.delivery import Delivery
from sms.emulator.faults import FaultScript
from sms.emulator.inbound import InboundGate, InboundResult
from sms.emulator.mails import Mail, MailStore
from sms.emulator.mailserver import MailFaults, MailServer
from sms.emulator.messages import Message
from sms.emulator.postman import Postman
from sms.emulator.store import MESSAGE_CAP, MessageStore
from sms.emulator.timetable import Timetable, Workload

CALLBACK_TIMEOUT_SECONDS: Final = 15.0  # Twilio's own


@dataclasses.dataclass(eq=False, kw_only=True)
class Emulator:
    """Twilio on this machine, from ``start`` to ``stop`` or within a ``with`` block.

    ``port`` 0 chooses a free one. ``senders`` are the numbers the account owns; none means any.
    ``state_path`` is where texts survive a restart, ``message_cap`` how many are remembered.
    ``seed`` decides the faults that have a probability. With ``smtp_port`` (0 chooses a free one)
    there is a mail server beside it, which asks for ``smtp_login``, a name and a password, if any.
    """

    account_sid: str
    auth_token: str = dataclasses.field(repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    senders: tuple[str, ...] = ()
    state_path: Path | None = None
    message_cap: int = MESSAGE_CAP
    step_delay_seconds: float = 0.3
    callback_retry_delays_seconds: tuple[float, ...] = (1.0, 3.0, 10.0)
    seed: int = 0
    smtp_port: int | None = None
    smtp_login: tuple[str, str] | None = dataclasses.field(default=None, repr=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Read the state, listen, and go on with the texts a restart interrupted.

        :raises OSError: the port is taken.
        :raises JournalError: the state file is damaged.
        """
        account = Account(sid=self.account_sid, auth_token=self.auth_token, senders=self.senders)
        # The port first: of two emulators told to use the same one, the second must not have
        # touched the state file.
        self._server = EmulatorServer(
            (self.host, self.port), self._respond, json_type="application/json;charset=utf-8"
        )
        journal = Journal(self.state_path) if self.state_path else None
        try:
            self._store = MessageStore(journal=journal, cap=self.message_cap)
        except (OSError, JournalError):
            self._server.server_close()
            raise
        self._mails, self._mail_faults = MailStore(journal=self._mail_journal()), MailFaults()
        self._mail_server: MailServer | None = None
        if self.smtp_port is not None:
            self._mail_server = MailServer(
                (self.host, self.smtp_port),
                store=self._mails,
                faults=self._mail_faults,
                login=self.smtp_login,
            )
            self._mail_server.start()
        self._workload = Workload()
        self._timetable = Timetable(self._workload)
        self._courier = Courier(
            timetable=self._timetable,
            workload=self._workload,
            new_postman=self._new_postman,
            retry_delays_seconds=self.callback_retry_delays_seconds,
        )
        self._delivery = Delivery(
            store=self._store,
            timetable=self._timetable,
            workload=self._workload,
            courier=self._courier,
            account_sid=account.sid,
            service_number=account.service_number,
            step_delay_seconds=self.step_delay_seconds,
        )
        self._inbound = InboundGate(
            store=self._store,
            delivery=self._delivery,
            new_postman=self._new_postman,
            account_sid=account.sid,
        )
        self._faults = FaultScript(seed=self.seed)
        self._api = MessagesApi(
            account=account, store=self._store, faults=self._faults, delivery=self._delivery
        )
        self._control = ControlPanel(
            store=self._store,
            faults=self._faults,
            courier=self._courier,
            inbound=self._inbound,
            api=self._api,
            mails=self._mails,
            mail_faults=self._mail_faults,
            reset=self.reset,
        )
        self._delivery.resume()
        self._server.start()

    def stop(self) -> None:
        """Stop listening and delivering; what is not delivered goes on at the next start."""
        self._server.stop()
        if self._mail_server is not None:
            self._mail_server.stop()
        self._timetable.stop()
        self._courier.stop()
        self._store.close()
        self._mails.close()

    @property
    def base_url(self) -> str:
        """The URL to set as ``client.api.base_url``."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def request_ids(self) -> list[str]:
        """The ids of the callers' requests that the last calls belonged to, oldest first."""
        return list(self._server.request_ids)

    @property
    def mail_url(self) -> str:
        """The EMAIL_URL of the mail server.

        :raises ValueError: there is none.
        """
        if self._mail_server is None:
            raise ValueError("the emulator was started without smtp_port")
        return f"smtp://{self.host}:{self._mail_server.port}"

    def mails(self, *, to: str | None = None) -> list[Mail]:
        """Return the e-mails, newest first."""
        return [mail for mail in self._mails.newest_first() if to in (None, mail.to)]

    def set_mail_faults(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Put these rules for e-mails in the place of the old ones; none clears them.

        :raises MailFaultError: a rule cannot be understood.
        """
        self._mail_faults.replace(rules)

    @property
    def requests(self) -> dict[str, int]:
        """How many authenticated requests there were: create, fetch, list, update."""
        return dict(self._api.requests)

    def messages(self, *, to: str | None = None) -> list[Message]:
        """Return the texts in both directions, newest first."""
        return [message for message in self._store.newest_first() if to in (None, message.to)]

    def accepted_copies(self, message: Message) -> int:
        """Return how many texts with the same recipient and words were accepted."""
        return self._store.accepted_copies(message)

    def callbacks(self, *, sid: str | None = None) -> list[CallbackRecord]:
        """Return the status callbacks that were posted, oldest first."""
        return [record for record in list(self._courier.log) if sid in (None, record.sid)]

    def set_faults(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Put these rules in the place of the old ones; none clears them.

        :raises FaultRuleError: a rule cannot be understood.
        """
        self._faults.replace(rules)

    def fault_counts(self) -> list[int]:
        """Return how often each rule struck, in their order."""
        return [rule.struck for rule in self._faults.rules]

    def receive_text(self, *, from_: str, to: str, body: str, webhook_url: str) -> InboundResult:
        """Let a phone send us a text."""
        return self._inbound.receive(from_=from_, to=to, body=body, webhook_url=webhook_url)

    def opt_out(self, phone: str) -> None:
        """Block a phone as STOP does, without the text."""
        self._store.opt_out(phone)

    def wait_until_quiet(self, *, timeout_seconds: float = 5.0) -> bool:
        """Wait until no status and no callback is outstanding; return whether it was in time."""
        return self._workload.wait_until_none(timeout_seconds=timeout_seconds)

    def reset(self) -> None:
        """Forget everything: texts, opt-outs, faults, counts and what is on its way."""
        self._faults.replace([])
        self._server.release_held()
        self._timetable.clear()
        self._courier.clear()
        # A post already on the wire belongs to the past: it ends before the new begins.
        self._workload.wait_until_none(timeout_seconds=2.0)
        self._store.clear()
        self._mails.clear()
        self._mail_faults.replace([])
        self._courier.log.clear()
        self._api.requests.clear()

    def _mail_journal(self) -> Journal | None:
        path = self.state_path
        return Journal(path.with_name(f"{path.name}.mail")) if path else None

    def _respond(self, request: Request) -> Answer:
        if request.path.startswith("/_control/"):
            return self._control.respond(request)
        return self._api.respond(request)

    def _new_postman(self) -> Postman:
        return Postman(auth_token=self.auth_token, timeout_seconds=CALLBACK_TIMEOUT_SECONDS)
