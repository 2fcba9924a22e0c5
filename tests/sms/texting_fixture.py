"""Sending in tests: our own services, the real library, the shipped emulator."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from pytest_django import Settings

from credit.models import Agency, Client
from sms.emulator import Emulator
from sms.models import Message
from sms.services.sending import send_due_messages
from tests.sms import notes
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER

PHONE = "+12065550101"
NOBODY_LISTENS = "http://127.0.0.1:1"


@dataclasses.dataclass
class Texting:
    """A client that texts notes. ``now`` is the time the tests start from; they pass later ones.

    It is the real one, rounded: the emulator looks at the clock.
    """

    emulator: Emulator
    client: Client
    now: datetime

    def queue(self, text: str | None = "Hello", *, to: str = PHONE, due_in: float = 0.0) -> Message:
        """Promise a note that is due at ``now`` or some seconds later."""
        values = {} if text is None else {"text": text}
        return Message.objects.create(
            client=self.client,
            purpose="reward",
            channel="sms",
            to=to,
            values=values,
            reference_kind="note",
            reference_id=uuid4(),
            next_attempt_at=self.now + timedelta(seconds=due_in),
            created_at=self.now,
        )

    def send(self, *, after: float = 0.0, batch_size: int = 100) -> int:
        """Send what is due some seconds after ``now``."""
        return send_due_messages(now=self.later(after), batch_size=batch_size)

    def later(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def bodies(self, *, to: str | None = None) -> list[str]:
        """Return the texts the emulator got, oldest first."""
        return [one.body for one in reversed(self.emulator.messages(to=to))]

    def outcomes(self, message: Message) -> list[str]:
        return notes.outcomes_of(message.pk)


def reload(message: Message) -> Message:
    return Message.objects.get(pk=message.pk)


def attempts_of(message: Message) -> list[tuple[int, str, str]]:
    """Return number, status and error code of each attempt."""
    rows = message.attempts.order_by("number")
    return list(rows.values_list("number", "status", "error_code"))


def sid_of(message: Message) -> str:
    sid = reload(message).provider_id
    assert sid is not None
    return sid


@pytest.fixture
def twilio_settings(settings: Settings, twilio_emulator: Emulator) -> Settings:
    """Settings that lead to the emulator; nothing listens where it would report."""
    settings.TWILIO_ACCOUNT_SID = ACCOUNT_SID
    settings.TWILIO_AUTH_TOKENS = [AUTH_TOKEN]
    settings.TWILIO_FROM_NUMBER = FROM_NUMBER
    settings.TWILIO_MESSAGING_SERVICE_SID = ""
    settings.TWILIO_API_BASE_URL = twilio_emulator.base_url
    settings.SMS_TIMEOUT = 0.5
    settings.SMS_RETRY_SCHEDULE = (0.0, 30.0, 300.0)
    settings.PUBLIC_BASE_URL = NOBODY_LISTENS
    settings.MESSAGE_PARTIES = {**settings.MESSAGE_PARTIES, "note": notes.PARTY}
    return settings


@pytest.fixture
def texting(
    transactional_db: None, twilio_settings: Settings, twilio_emulator: Emulator
) -> Iterator[Texting]:
    """A client with notes to send and an emulator to send them to."""
    agency = Agency.objects.create(name="Oak", slug="oak")
    client = Client.objects.create(agency=agency, name="Acorn", slug="acorn")
    notes.heard.clear()
    yield Texting(
        emulator=twilio_emulator, client=client, now=datetime.now(UTC).replace(microsecond=0)
    )
    notes.heard.clear()


@contextlib.contextmanager
def capture_plans() -> Iterator[list[str]]:
    """Collect PostgreSQL's plan of each statement of the block, before it runs."""
    plans: list[str] = []

    def explain(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        execute(f"EXPLAIN {sql}", params, many, context)
        plans.append("\n".join(line for (line,) in context["cursor"].fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield plans
