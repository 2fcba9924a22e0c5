"""A worker killed with -9 at the worst moments: nothing is lost and nothing doubled."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pytest_django import Settings

from redemption.models import Redemption
from redemption.services.redeem import Caller, Contact, redeem
from sms.emulator import Emulator
from sms.models import Message
from sms.services.sending import send_due_messages
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER
from tests.sms.texting_fixture import NOBODY_LISTENS, PHONE, attempts_of, reload
from tests.world import World, build_world

SEND = """
send_due_messages(now=datetime.now(UTC))
"""
STOP_BETWEEN_CLAIM_AND_CALL = """
now = datetime.now(UTC)
claims = claim_due(channel="sms", limit=100, now=now, leased_until=now + timedelta(seconds=85))
print("claimed", len(claims), flush=True)
time.sleep(60)
"""
PREAMBLE = """
import time
from datetime import UTC, datetime, timedelta
import django
django.setup()
from alerts.scope import EVERYTHING, see_from_here
from sms.services.claims import claim_due
from sms.services.sending import send_due_messages
see_from_here(EVERYTHING)
"""
# The killed worker's lease: the calls may begin for 20 s and take twice the time limit.
AFTER_THE_LEASE = timedelta(seconds=20 + 2 * 30 + 5 + 1)


@contextmanager
def worker(emulator: Emulator, script: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a script in a process of its own, and kill it with -9 in the end."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_FROM_NUMBER": FROM_NUMBER,
        "TWILIO_API_BASE_URL": emulator.base_url,
        "PUBLIC_BASE_URL": NOBODY_LISTENS,
        "SMS_TIMEOUT": "30s",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + script],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=10)


def wait_for_request(emulator: Emulator) -> None:
    give_up_at = time.monotonic() + 20
    while not emulator.requests.get("create"):
        assert time.monotonic() < give_up_at, "the worker never called"
        time.sleep(0.02)


@pytest.fixture
def world(transactional_db: None, twilio_settings: Settings) -> World:
    return build_world()


def redeem_one(world: World) -> Message:
    world.stock(2)
    (code,) = world.invite()
    result = redeem(
        caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id=str(uuid4())),
        contact=Contact(method="sms", to=PHONE),
        code=code,
        now=datetime.now(UTC),
    )
    assert result.message_id is not None
    return Message.objects.get(pk=result.message_id)


class TestAWorkerKilled:
    def test_between_claim_and_call_loses_nothing(
        self, world: World, twilio_emulator: Emulator
    ) -> None:
        message = redeem_one(world)
        with worker(twilio_emulator, STOP_BETWEEN_CLAIM_AND_CALL) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "claimed 1\n"
        assert process.returncode == -signal.SIGKILL
        assert reload(message).state == "sending"
        now = datetime.now(UTC)
        assert send_due_messages(now=now) == 0
        send_due_messages(now=now + AFTER_THE_LEASE)
        assert len(twilio_emulator.messages()) == 1
        assert reload(message).state == "accepted"
        assert [status for _, status, _ in attempts_of(message)] == ["lost", "accepted"]

    def test_during_a_call_that_the_provider_drops_loses_nothing(
        self, world: World, twilio_emulator: Emulator
    ) -> None:
        twilio_emulator.set_faults(
            [{"match": {"nth": 1}, "action": "timeout", "seconds": 60.0, "accepted": False}]
        )
        message = redeem_one(world)
        with worker(twilio_emulator, SEND):
            wait_for_request(twilio_emulator)
        assert twilio_emulator.messages() == []
        send_due_messages(now=datetime.now(UTC) + AFTER_THE_LEASE)
        assert len(twilio_emulator.messages()) == 1
        assert reload(message).state == "accepted"

    def test_before_the_answer_was_recorded_doubles_nothing(
        self, world: World, twilio_emulator: Emulator
    ) -> None:
        twilio_emulator.set_faults(
            [{"match": {"nth": 1}, "action": "timeout", "seconds": 60.0, "accepted": True}]
        )
        message = redeem_one(world)
        with worker(twilio_emulator, SEND):
            wait_for_request(twilio_emulator)
        (text,) = twilio_emulator.messages()
        assert (reload(message).state, reload(message).provider_id) == ("sending", None)
        send_due_messages(now=datetime.now(UTC) + AFTER_THE_LEASE)
        assert [one.sid for one in twilio_emulator.messages()] == [text.sid]
        assert twilio_emulator.requests["create"] == 1
        message = reload(message)
        assert message.provider_id == text.sid
        assert message.state in ("accepted", "sent", "delivered")
        # One card, one debit: the text is about the reward, it does not buy one.
        redemption = Redemption.objects.get()
        assert redemption.state in ("delivered", "confirmed")
        assert redemption.debits == 1
        assert world.balance() == 100_000 - 2500
