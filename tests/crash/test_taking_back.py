"""kill -9 of the process that takes a card back: all of it happened, or nothing did."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from alerts.models import Alert
from credit.models import AuditEvent
from giftcards.models import CardEvent, GiftCard
from redemption.models import Campaign, ProvisioningTrace, Redemption, RevealLink
from redemption.services.claim_expiry import expire_claims
from redemption.services.stuck import TAKEN_BACK, clean_up_stuck
from sms.models import Message
from tests.crash.test_redeem import locked_account, wait_until_blocked, wait_until_gone
from tests.database import owner_url
from tests.invariants import broken_invariants
from tests.redemption.asking import ask, snapshot
from tests.redemption.taking_back import give_up_text
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

# What the worker does every ten minutes, and nothing else.
PROGRAM = """
import os, sys
from datetime import UTC, datetime
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django
django.setup()
from redemption.services import ending, stuck
print("ready", flush=True)
{change}
print(stuck.clean_up_stuck(now=datetime.now(UTC), limit=100), flush=True)
"""
CLAIM_EXPIRY = PROGRAM.replace("import ending, stuck", "import claim_expiry, ending").replace(
    "stuck.clean_up_stuck", "claim_expiry.expire_claims"
)
DIES_AT_THE_BELL = """
rings = []
ending.ring_bell = lambda name: rings and os.kill(os.getpid(), 9) or rings.append(name)
"""


@pytest.fixture
def world() -> World:
    return build_world()


def stuck(world: World, count: int) -> None:
    world.stock(count)
    for code in world.invite(count):
        give_up_text(ask(code))


def start(change: str = "", *, program: str = PROGRAM) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", program.format(change=change)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def facts() -> dict[str, object]:
    """Return all that taking a card back changes."""
    return {
        **snapshot(),
        "events": CardEvent.objects.count(),
        "audit": AuditEvent.objects.count(),
        "traces": ProvisioningTrace.objects.count(),
        "alerts": Alert.objects.filter(kind=TAKEN_BACK).count(),
        "revoked": RevealLink.objects.filter(revoked_at__isnull=False).count(),
        "texts": sorted(Message.objects.values_list("pk", "state")),
    }


class TestKilledInsideTheTransaction:
    def test_leaves_nothing_half_and_the_next_round_finishes(self, world: World) -> None:
        stuck(world, 1)
        before = facts()
        with locked_account(world) as holder:
            process = start()
            # Message, link, card and redemption are written; only the refund waits.
            backend = wait_until_blocked(holder)
            process.kill()
            process.wait()
            assert process.stdout is not None
            assert process.stdout.read() == ""
            process.stdout.close()
            terminate(backend)
        wait_until_gone(backend)
        assert facts() == before
        assert broken_invariants() == {}

        assert clean_up_stuck(now=datetime.now(UTC), limit=100).taken_back == 1
        assert (Redemption.objects.get().state, GiftCard.objects.get().status) == (
            "failed", "available",
        )  # fmt: skip
        assert world.balance() == 100_000
        assert broken_invariants() == {}

    def test_and_finished_by_the_database_has_happened_whole(self, world: World) -> None:
        stuck(world, 1)
        with locked_account(world) as holder:
            process = start()
            backend = wait_until_blocked(holder)
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        # The server process goes on until it notices: it can't commit for somebody who is dead.
        wait_until_gone(backend)
        assert broken_invariants() == {}
        assert GiftCard.objects.get().status == "claimed"


class TestClaimExpiryKilled:
    def test_leaves_nothing_half_and_the_next_night_finishes(self, world: World) -> None:
        world.stock(3)
        for code in world.invite(3):
            ask(code)
        Campaign.objects.update(claim_expires_at=datetime.now(UTC) - timedelta(minutes=1))
        with locked_account(world) as holder:
            process = start(program=CLAIM_EXPIRY)
            # Message, link, card and redemption are written; only the refund waits.
            backend = wait_until_blocked(holder)
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
            terminate(backend)
        wait_until_gone(backend)
        assert GiftCard.objects.filter(status="claimed").count() == 3
        assert world.balance() == 100_000 - 3 * 2_500
        assert broken_invariants() == {}
        process = start(DIES_AT_THE_BELL, program=CLAIM_EXPIRY)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        assert process.returncode == -9
        assert GiftCard.objects.filter(status="available").count() == 2
        assert broken_invariants() == {}
        assert expire_claims(now=datetime.now(UTC), limit=100).taken_back == 1
        assert world.balance() == 100_000
        assert set(Redemption.objects.values_list("reason_code", flat=True)) == {"GC-106"}
        assert broken_invariants() == {}


class TestKilledBetweenTwoCards:
    def test_leaves_the_others_to_the_next_round(self, world: World) -> None:
        stuck(world, 3)
        process = start(DIES_AT_THE_BELL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        assert process.returncode == -9
        assert GiftCard.objects.filter(status="available").count() == 2
        assert Redemption.objects.filter(state="failed").count() == 2
        assert world.balance() == 100_000 - 2_500
        assert broken_invariants() == {}
        assert clean_up_stuck(now=datetime.now(UTC), limit=100).taken_back == 1
        assert world.balance() == 100_000


def terminate(backend: int) -> None:
    """End the server process, as the loss of its client would a moment later."""
    with psycopg.connect(owner_url(), autocommit=True) as owner:
        try:
            owner.execute("SELECT pg_terminate_backend(%s)", [backend])
        except psycopg.errors.InsufficientPrivilege:
            time.sleep(0)  # then it ends by itself, once the lock is free
