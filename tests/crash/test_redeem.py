"""kill -9 of the process that redeems: everything happened, or nothing did."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest

from credit.services.idempotency import KeyAnsweredError, claim_key, find_record
from giftcards.models import GiftCard
from redemption.models import Redemption
from redemption.services.redeem import Caller, Contact, RedeemResult, redeem
from redemption.services.serving import serve_waiting
from sms.emulator import Emulator
from sms.models import Message
from sms.services.sending import send_due_messages
from tests.database import owner_url
from tests.invariants import broken_invariants
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

# What a web process does with one request, and nothing else.
PROGRAM = """
import os, sys
from datetime import UTC, datetime
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django
django.setup()
from tests.crash.test_redeem import call
print("ready", flush=True)
call(sys.argv[1])
print("answered", flush=True)
"""


@pytest.fixture
def world() -> World:
    return build_world()


def call(code: str) -> RedeemResult:
    return redeem(
        caller=Caller(door=Redemption.Door.API, actor="key:test", request_id="crash"),
        contact=Contact(method="sms", to="+12065550101"),
        now=datetime.now(UTC),
        code=code,
        key=claim_key(owner="client:1", key="once", method="POST", path="/x", body={"code": code}),
    )


@contextmanager
def locked_account(world: World) -> Iterator[psycopg.Connection]:
    """Hold the row that a redemption comes to last."""
    with psycopg.connect(owner_url()) as holder:
        holder.execute("SELECT 1 FROM credit_account WHERE id = %s FOR UPDATE", [world.account.pk])
        yield holder
        holder.rollback()


def wait_until_blocked(holder: psycopg.Connection) -> int:
    """Return the backend that waits for what ``holder`` has locked."""
    with psycopg.connect(owner_url(), autocommit=True) as observer:
        for _ in range(200):
            row = observer.execute(
                "SELECT pid FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))",
                [holder.info.backend_pid],
            ).fetchone()
            if row is not None:
                return int(row[0])
            time.sleep(0.02)
    raise AssertionError("nobody came to the lock")


def wait_until_gone(pid: int) -> None:
    with psycopg.connect(owner_url(), autocommit=True) as observer:
        for _ in range(500):
            if not observer.execute(
                "SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]
            ).fetchone():
                return
            time.sleep(0.02)
    raise AssertionError("its server process is still there")


class TestKilledInsideTheTransaction:
    def test_leaves_all_or_nothing_and_a_repeat_leads_to_one_card(
        self, world: World, texting: object, twilio_emulator: Emulator
    ) -> None:
        world.stock(2)
        (code,) = world.invite()
        with locked_account(world) as holder:
            process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, code], stdout=subprocess.PIPE, text=True
            )
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            backend = wait_until_blocked(holder)
            process.kill()
            process.wait()
            assert process.stdout.read() == ""  # nobody was told anything
            process.stdout.close()
        wait_until_gone(backend)

        # PostgreSQL may have finished what its client did not live to hear of.
        assert Redemption.objects.count() in (0, 1)
        assert broken_invariants() == {}
        try:
            redemption_id = call(code).redemption_id
        except KeyAnsweredError:
            claim = claim_key(
                owner="client:1", key="once", method="POST", path="/x", body={"code": code}
            )
            record = find_record(claim=claim)
            assert record is not None
            assert record.object_id is not None
            redemption_id = record.object_id
        assert Redemption.objects.get().pk == redemption_id
        assert GiftCard.objects.filter(status="available").count() == 1
        assert world.balance() == 100_000 - 2_500
        assert broken_invariants() == {}

        # Nobody rang the bell for the one who died; the sweep finds the text all the same.
        message = Message.objects.get()
        send_due_messages(now=datetime.now(UTC))
        assert len(twilio_emulator.messages(to="+12065550101")) == 1
        message.refresh_from_db()
        assert message.state in ("accepted", "sent", "delivered")

    def test_before_the_commit_leaves_nothing(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        program = PROGRAM.replace(
            "call(sys.argv[1])",
            "from django.db import connection\n"
            "connection.set_autocommit(False)\n"
            "call(sys.argv[1])\n"
            "print('uncommitted', flush=True)\n"
            "import time; time.sleep(60)",
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program, code], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert process.stdout.readline() == "uncommitted\n"
        process.kill()
        process.wait()
        process.stdout.close()
        for _ in range(200):
            # The row is locked until PostgreSQL has noticed the death.
            if call(code).state == "issued":
                break
        assert Redemption.objects.count() == 1
        assert world.balance() == 100_000 - 2_500
        assert Message.objects.count() == 1
        assert broken_invariants() == {}


class TestKilledAfterTheCommit:
    def test_has_promised_the_text_that_the_sweep_sends(
        self, world: World, texting: object, twilio_emulator: Emulator
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        # It dies as it reaches for the bell: everything is done, and nobody knows.
        program = PROGRAM.replace(
            "call(sys.argv[1])",
            "from redemption.services import redeem\n"
            "redeem.ring_bell = lambda name: os.kill(os.getpid(), 9)\n"
            "call(sys.argv[1])",
        )
        result = subprocess.run(
            [sys.executable, "-c", program, code], stdout=subprocess.PIPE, text=True, check=False
        )
        assert (result.returncode, result.stdout) == (-9, "ready\n")
        redemption = Redemption.objects.get()
        assert redemption.state == "issued"
        assert broken_invariants() == {}
        with pytest.raises(KeyAnsweredError):
            call(code)
        send_due_messages(now=datetime.now(UTC))
        assert len(twilio_emulator.messages(to="+12065550101")) == 1
        redemption.refresh_from_db()
        assert redemption.state == "delivered"


class TestKilledWhileServingTheQueue:
    def test_leaves_the_others_to_the_next_round(self, world: World) -> None:
        for code in world.invite(3):
            redeem(
                caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="crash"),
                contact=Contact(method="sms", to="+12065550101"),
                now=datetime.now(UTC),
                code=code,
            )
        world.stock(3)
        # It dies as it rings for the second one: the first two are served, the third waits.
        program = PROGRAM.replace(
            "call(sys.argv[1])",
            "from alerts import scope\n"
            "from redemption.services import redeem, serving\n"
            "rings = []\n"
            "redeem.ring_bell = lambda name: len(rings) and os.kill(os.getpid(), 9)"
            " or rings.append(name)\n"
            "with scope.seeing(scope.EVERYTHING):\n"
            "    serving.serve_waiting(now=datetime.now(UTC), limit=100)",
        )
        result = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=False
        )
        assert (result.returncode, result.stdout) == (-9, "ready\n")
        assert broken_invariants() == {}
        assert Redemption.objects.filter(state="issued").count() == 2
        assert serve_waiting(now=datetime.now(UTC), limit=100).served == 1
        assert Redemption.objects.filter(state="issued").count() == 3
        assert Message.objects.filter(purpose="reward").count() == 3
        assert world.balance() == 100_000 - 3 * 2_500
        assert broken_invariants() == {}
