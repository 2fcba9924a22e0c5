"""A rotation of keys that is killed again and again, while people redeem."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from alerts.services.key_rotation import count_by_key
from alerts.transactions import transaction
from config.environment import random_key
from config.kinds import parse_keyring
from giftcards.models import CardEvent
from giftcards.services.stock import add_card
from redemption.services.redeem import RedeemResult
from tests.config.rotating import (
    CARDS,
    PROGRAM,
    all_cards,
    only_newest,
    run,
)
from tests.invariants import broken_invariants
from tests.redemption.asking import ask
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=10_000_000)


class TestKilledRotation:
    def test_goes_on_with_what_is_left(self, world: World, settings: Any) -> None:
        with transaction():
            for number in range(60):
                add_card(pool=world.pool, code=f"KILL-{number:08}", pin="4321", number="77")
        world.invite(20)
        before = all_cards()
        key = random_key()
        environment = {
            **os.environ,
            "CARD_ENCRYPTION_KEYS": f"next:{key},{os.environ['CARD_ENCRYPTION_KEYS']}",
        }
        settings.CARD_ENCRYPTION_KEYS = [
            *parse_keyring(f"next:{key}"),
            *django_settings.CARD_ENCRYPTION_KEYS,
        ]
        done: list[int] = []
        for lines in (2, 4):
            with subprocess.Popen(
                [sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE, env=environment, text=True
            ) as process:
                assert process.stderr is not None
                for _ in range(lines):
                    assert "rows rewritten" in process.stderr.readline()
                process.kill()
            assert process.returncode == -9
            done.append(count_by_key(CARDS)["next"])
            assert all_cards() == before  # under one key or the other, whole
        assert 0 < done[0] < done[1] <= 180

        finished = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            env=environment,
            text=True,
            check=False,
        )
        assert (finished.returncode, finished.stdout) == (0, "next\t200\tnewest\ntest\t0\told\n")
        assert "KILL-" not in finished.stderr
        assert "v1:" not in finished.stderr
        only_newest(settings)
        assert all_cards() == before
        assert not CardEvent.objects.exists()

    def test_loses_no_card_while_people_redeem(self, world: World, settings: Any) -> None:
        count, threads = 160, 4
        with transaction():
            for number in range(count):
                add_card(pool=world.pool, code=f"KILL-{number:08}", pin="4321", number="77")
        codes = world.invite(count)
        before = {pk: secrets for pk, (secrets, _, _) in all_cards().items()}
        key = random_key()
        keys = f"next:{key},{os.environ['CARD_ENCRYPTION_KEYS']}"
        settings.CARD_ENCRYPTION_KEYS = [
            *parse_keyring(f"next:{key}"),
            *django_settings.CARD_ENCRYPTION_KEYS,
        ]
        over = threading.Event()
        results: list[RedeemResult] = []
        lines_until_killed = (1, 3, 6, 10, None)
        # Some of the codes are kept for each of the rotations, however long it takes.
        allowed = threading.Semaphore(0)
        share = count // len(lines_until_killed)

        def redeem_some(place: int) -> None:
            try:
                for code in codes[place::threads]:
                    assert allowed.acquire(timeout=120)
                    results.append(ask(code))
                    over.wait(timeout=0.25)
            finally:
                connection.close()

        def somebody_was_served(before: int) -> None:
            deadline = time.monotonic() + 60
            while len(results) == before and time.monotonic() < deadline:
                time.sleep(0.01)

        def rotate_and_be_killed() -> tuple[list[int], list[int]]:
            """Start the rotation and kill it a moment later, again and again; then let it end."""
            ends: list[int] = []
            served: list[int] = []
            try:
                for lines in lines_until_killed:
                    allowed.release(share)
                    with subprocess.Popen(
                        [sys.executable, "-c", PROGRAM],
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.PIPE,
                        env={**os.environ, "CARD_ENCRYPTION_KEYS": keys},
                        text=True,
                    ) as process:
                        assert process.stderr is not None
                        if lines is None:
                            process.communicate(timeout=60)
                        else:
                            for _ in range(lines):
                                process.stderr.readline()
                            somebody_was_served(served[-1] if served else 0)
                            process.kill()
                    ends.append(process.returncode)
                    served.append(len(results))
            finally:
                over.set()
            return ends, served

        with ThreadPoolExecutor(threads + 1) as pool:
            rotation = pool.submit(rotate_and_be_killed)
            list(pool.map(redeem_some, range(threads)))
            ends, served = rotation.result()

        assert ends[:-1] == [-9] * 4
        assert 0 < served[0] < served[1] < served[2] < served[3]  # people were served meanwhile
        assert [result.state for result in results] == ["issued"] * count
        assert len({result.card.card_id for result in results if result.card}) == count
        assert broken_invariants() == {}
        # Rows that a redemption held are told and left to the next run.
        assert run()[0] == 0
        only_newest(settings)
        assert {pk: secrets for pk, (secrets, _, _) in all_cards().items()} == before
