"""How long pages take: on the processor, which other work on the machine hardly changes, and by
the clock.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.cluster import SUPERUSER

# From so many redemptions on it is looked at: a small crowd tells nothing of it.
MEASURED_FROM: Final = 100_000
MOST_MILLISECONDS: Final = 500
_LOOKS: Final = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Milliseconds that one look at a page took; of PostgreSQL with its helpers."""

    python: float
    postgres: float
    clock: float

    @property
    def processor(self) -> float:
        return self.python + self.postgres


def find_slow(browser: Any, pages: Iterable[str]) -> dict[str, float]:
    """Look at each page some times, print the best of each, and return those that take too long.

    What is judged is the processor's time, Python's, PostgreSQL's and its helpers' together: on a
    machine with nothing else to do the clock says less, since they work at once.
    """
    sys.stdout.write(f"\nload {os.getloadavg()[0]:.1f}; milliseconds of the processor\n")
    slow = {}
    with psycopg.connect(os.environ[SUPERUSER], autocommit=True) as server:
        for page in pages:
            browser.get(page)
            looks = [_look(browser, page, server) for _ in range(_LOOKS)]
            best = min(looks, key=lambda look: look.processor)
            clock = min(look.clock for look in looks)
            sys.stdout.write(
                f"{page:56} {best.processor:5.0f}: Python {best.python:4.0f},"
                f" PostgreSQL {best.postgres:4.0f}; {clock:5.0f} by the clock\n"
            )
            if best.processor >= MOST_MILLISECONDS:
                slow[page] = best.processor
    return slow


def _look(browser: Any, page: str, server: psycopg.Connection[Any]) -> Look:
    before = _ticks(server)
    clock, python = time.perf_counter(), time.process_time()
    assert browser.get(page).status_code == 200, page
    python, clock = time.process_time() - python, time.perf_counter() - clock
    ticks = _ticks(server) - before
    return Look(
        python=python * 1000,
        postgres=ticks * 1000 / os.sysconf("SC_CLK_TCK"),
        clock=clock * 1000,
    )


def _ticks(server: psycopg.Connection[Any]) -> int:
    """Return the processor's ticks that the application's connections have had, and what has
    worked in parallel for them and is over.
    """
    ours = server.execute("SELECT pid FROM pg_stat_activity WHERE usename = 'giftline_app'")
    ticks = sum(int(one) for (pid,) in ours for one in _stat(pid)[11:13])
    postmaster = int(_stat(server.info.backend_pid)[1])
    return ticks + sum(int(one) for one in _stat(postmaster)[13:15])


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
