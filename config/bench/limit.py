"""The anchor: pgbench, which calls a database function as fast as the server can answer."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import resource
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from config.bench.course import Course
from config.bench.data import Codes, sql_digest_of
from config.bench.database import libpq_variables
from config.bench.machine import postgres_cpu_seconds
from config.bench.measure import Event, Sample, sample
from config.binaries import postgres_folder
from config.children import ChildError

# What the API passes, by the same names; pgbench would read `:name` even inside quotes.
_REDEEM: Final = """
SELECT * FROM redemption_redeem(
    p_redemption_id => gen_random_uuid(),
    p_code_digest => {digest},
    p_recipient_id => NULL, p_condition_number => NULL,
    p_scope_kind => 'platform', p_scope_id => NULL,
    p_door => 'api', p_actor => 'key-' || {uuid},
    p_contact_method => 'sms', p_contact_to => '+12025550143',
    p_disclose => true, p_resume => false, p_proven => '',
    p_message_id => gen_random_uuid(),
    p_reveal_digest => sha256(uuid_send(gen_random_uuid())),
    p_reveal_until => now() + interval '90 days',
    p_call_back_by => now() + interval '30 minutes',
    p_promised_by => now() + interval '24 hours',
    p_providers => '{{}}',
    p_browser_digest => NULL,
    p_request_id => replace({uuid}, '-', ''),
    p_ip => '192.0.2.10', p_user_agent => 'giftline-bench',
    p_idempotency_owner => 'bench', p_idempotency_key => {uuid},
    p_idempotency_fingerprint => sha256(uuid_send(gen_random_uuid())),
    p_now => now());
"""
_ABORTED: Final = re.compile(r"client \d+ (?:script \d+ )?aborted.*?(ERROR:[^\n]*|$)")


def redeem_statement(kind: Codes) -> str:
    """Return pgbench's script: one redemption, with the options that the API gives."""
    return _REDEEM.format(
        digest=sql_digest_of(kind, f"nextval('bench.{kind}')"), uuid="gen_random_uuid()::text"
    )


def run_pgbench(script: str, *, clients: int, course: Course) -> Sample:
    """Run a script of one statement, each client on a connection of its own.

    :raises ChildError: pgbench is not there, or did nothing at all.
    """
    # pgbench takes whole seconds, and the first of them is partly spent on connecting.
    length = math.ceil(course.warm_up_seconds + course.seconds + 0.5)
    run = _pgbench(script, clients, "--time", str(length))
    return sample(
        run.events,
        began=run.began,
        warm_up_seconds=course.warm_up_seconds,
        seconds=course.seconds,
        errors=run.errors,
        cpu_seconds=run.cpu_seconds,
    )


def repeat_pgbench(script: str, *, clients: int, times: int) -> float:
    """Run a script so often in all; return how often it ran a second.

    :raises ChildError: pgbench is not there, or did nothing at all.
    """
    run = _pgbench(script, clients, "--transactions", str(max(times // clients, 1)))
    return len(run.events) / (max(ended for ended, _ in run.events) - run.began)


@dataclasses.dataclass(frozen=True)
class _Run:
    events: list[Event]
    errors: Counter[str]
    cpu_seconds: dict[str, float]

    @property
    def began(self) -> float:
        return min(ended - took for ended, took in self.events)


def _pgbench(script: str, clients: int, *length: str) -> _Run:
    with tempfile.TemporaryDirectory(prefix="giftline-pgbench-") as name:
        folder = Path(name)
        (folder / "script.sql").write_text(script)
        server_before, own_before = postgres_cpu_seconds(), _children_cpu_seconds()
        result = subprocess.run(
            [
                _program(),
                "--no-vacuum",
                *("--protocol", "prepared", "--client", str(clients)),
                *("--jobs", str(min(clients, os.cpu_count() or 1))),
                *("--log", "--log-prefix", "events", "--file", "script.sql"),
                *length,
            ],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", **libpq_variables("default")},
            capture_output=True,
            text=True,
            check=False,
        )
        cpu = {
            "PostgreSQL": postgres_cpu_seconds() - server_before,
            "client": _children_cpu_seconds() - own_before,
        }
        events = _read_events(folder)
    if not events:
        raise ChildError(f"pgbench did nothing.\n{result.stderr[-2000:]}")
    errors = Counter(message or "aborted" for message in _ABORTED.findall(result.stderr))
    return _Run(events, errors, cpu)


def _read_events(folder: Path) -> list[Event]:
    events: list[Event] = []
    for path in folder.glob("events*"):
        with path.open() as lines:
            for line in lines:
                _client, _number, took, _script, seconds, microseconds = line.split()[:6]
                if took.isdigit():
                    events.append((int(seconds) + int(microseconds) / 1e6, int(took) / 1e6))
    return events


def _program() -> str:
    try:
        return str(postgres_folder() / "bin" / "pgbench")
    except ChildError:
        found = shutil.which("pgbench")
        if found is None:
            raise ChildError("pgbench is needed: install requirements.lock.") from None
        return found


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
