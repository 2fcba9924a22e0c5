"""The machine: what it is, and who spends its processors' time."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

from django.db import connection

from config.embedded import current_session

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_FLUSHES: Final = 100
_SETTLING_SECONDS: Final = 0.2


def facts() -> dict[str, str]:
    """Return what a reader needs to judge the figures: processors, memory, kernel, database."""
    return {
        "Processor": f"{_processor()}, {os.cpu_count()} cores visible",
        "Memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "Kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": _setting("server_version"),
        "Durability": f"fsync {_setting('fsync')}, synchronous_commit"
        f" {_setting('synchronous_commit')}; one flush of the disk {_flush_ms():.2f} ms",
        "Buffers": f"shared_buffers {_setting('shared_buffers')},"
        f" max_wal_size {_setting('max_wal_size')}",
    }


def cpu_seconds_below(pid: int) -> float:
    """Return the processor time of a process and all below it, also of those that have ended.

    0 where the system has no /proc.
    """
    spent: dict[int, float] = {}
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name in parentheses may hold anything, so what follows it is split off first.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
        spent[int(folder.name)] = sum(map(int, fields[11:15])) / _TICKS_PER_SECOND
    return sum(seconds for each, seconds in spent.items() if _is_below(each, pid, parents))


def postgres_cpu_seconds() -> float:
    """Return the processor time of the embedded PostgreSQL so far; 0 for any other server."""
    session = current_session()
    if session is None or session.postgres is None or session.postgres.process is None:
        return 0.0
    # A session that has just ended is for a moment counted neither by itself nor by its parent.
    time.sleep(_SETTLING_SECONDS)
    return cpu_seconds_below(session.postgres.process.pid)


def _is_below(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid and pid != ancestor:
        pid = parents.get(pid, 0)
    return pid == ancestor


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        return str(cursor.fetchone()[0])


def _flush_ms() -> float:
    """Return the median time the disk takes to make 8 kB last, where the data lies."""
    session = current_session()
    folder = None if session is None else session.home
    taken = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(_FLUSHES):
            file.write(bytes(8192))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000
