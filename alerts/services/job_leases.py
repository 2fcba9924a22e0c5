"""The lease of a job: one worker has it, for as long as it lives.

Note [Job lease]
A run that the clock or a person asks for takes the job's row (FOR UPDATE SKIP LOCKED, one
statement) and writes into it who has it and until when. No transaction stays open and no lock of
a session is held meanwhile: a vendor may be called, and a pooler may be in between. A thread of
the worker makes the leases of what is running longer; when the worker is killed nobody does, and
a minute later the job is free. A run that hangs is a thread that lives: therefore no lease goes
beyond the job's limit. Both ways the run is marked lost, and the job runs again beside the one
that hangs, which is harmless, as running twice is for every job: the lease is there so that work
is not done twice in vain, not so that it is safe. All by the database's clock: workers' differ.

Note [Two clocks]
Two beats ring twice for what is due once. The first ring's run may be over before the second
ring is heard, so that a free lease says nothing. A ring of the clock therefore counts only when
three quarters of an interval have passed since the clock's last run began: more than a half,
so that of two beats, however far apart, one is heard; less than all, since a ring that waited in
the queue makes the way to the next one shorter. The same makes one run of an hour's rings that
have piled up without a worker.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connection

from alerts.models import JobLease, JobRun, RungBy

LEASE: Final = timedelta(seconds=60)

_RUN_COLUMNS: Final = (
    "id, job, task, rung_by, asked_by, started_at, ended_at, outcome, runs, duration_ms,"
    " longest_ms, counts, error_type, error_words, host, fold"
)
# What an expired lease says of its run.
_LOST: Final = (
    f"INSERT INTO alerts_jobrun ({_RUN_COLUMNS})"  # noqa: S608  our own column names
    " SELECT holder, job, task, rung_by, asked_by, started_at, NULL, 'lost', 1, 0, 0, '{}'::jsonb,"
    " '', '', host, NULL FROM free WHERE holder IS NOT NULL"
)
_CLAIM: Final = f"""
    WITH free AS (
        SELECT * FROM alerts_joblease
        WHERE job = %(job)s AND (holder IS NULL OR leased_until <= clock_timestamp())
          AND (%(rest)s::interval IS NULL OR clock_started_at IS NULL
               OR clock_started_at <= clock_timestamp() - %(rest)s::interval)
        FOR UPDATE SKIP LOCKED
    ), lost AS ({_LOST})
    UPDATE alerts_joblease AS lease SET
        holder = %(holder)s, task = %(task)s, host = %(host)s, rung_by = %(rung_by)s,
        asked_by = %(asked_by)s, started_at = clock_timestamp(),
        leased_until = clock_timestamp() + %(lease)s::interval,
        limit_at = clock_timestamp() + %(limit)s::interval,
        clock_started_at = CASE WHEN %(rung_by)s = 'clock' THEN clock_timestamp()
            ELSE lease.clock_started_at END,
        steady_since = CASE WHEN lease.started_at > clock_timestamp() - %(pause)s::interval
            THEN lease.steady_since ELSE clock_timestamp() END,
        losses_in_a_row = lease.losses_in_a_row + (free.holder IS NOT NULL)::int,
        outcome = CASE WHEN free.holder IS NULL THEN lease.outcome ELSE 'lost' END,
        failed_at = CASE WHEN free.holder IS NULL THEN lease.failed_at ELSE clock_timestamp() END,
        wanted_at = NULL, wanted_by = NULL
    FROM free WHERE lease.job = free.job
    RETURNING lease.holder
"""  # noqa: S608  our own column names
_EXTEND: Final = """
    UPDATE alerts_joblease
    SET leased_until = least(clock_timestamp() + %(lease)s::interval, limit_at)
    WHERE holder = ANY (%(holders)s) AND leased_until > clock_timestamp()
"""
_WRITE: Final = """
    ON CONFLICT (job, fold) DO UPDATE SET
        runs = alerts_jobrun.runs + 1, ended_at = EXCLUDED.ended_at, host = EXCLUDED.host,
        duration_ms = alerts_jobrun.duration_ms + EXCLUDED.duration_ms,
        longest_ms = greatest(alerts_jobrun.longest_ms, EXCLUDED.longest_ms)
"""
_FOLD: Final = "to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24') || ' ' || %(fold)s"
_END: Final = f"""
    WITH ended AS (
        UPDATE alerts_joblease SET
            holder = NULL, leased_until = NULL, limit_at = NULL, ended_at = statement_timestamp(),
            outcome = %(outcome)s, losses_in_a_row = 0,
            duration_ms = 1000 * extract(epoch FROM statement_timestamp() - started_at),
            succeeded_at = CASE WHEN %(is_good)s THEN statement_timestamp() ELSE succeeded_at END,
            failed_at = CASE WHEN %(is_good)s THEN failed_at ELSE statement_timestamp() END,
            failures_in_a_row = CASE WHEN %(is_good)s THEN 0 ELSE failures_in_a_row + 1 END,
            error_type = CASE WHEN %(is_good)s THEN error_type ELSE %(error_type)s END,
            error_words = CASE WHEN %(is_good)s THEN error_words ELSE %(error_words)s END
        WHERE job = %(job)s AND holder = %(holder)s
        RETURNING *
    )
    INSERT INTO alerts_jobrun ({_RUN_COLUMNS})
    SELECT %(holder)s, job, task, rung_by, asked_by, started_at, ended_at, outcome, 1, duration_ms,
        duration_ms, %(counts)s::jsonb, %(error_type)s, %(error_words)s, host, {_FOLD}
    FROM ended {_WRITE}
"""  # noqa: S608  our own column names
_END_OF_LOST: Final = """
    UPDATE alerts_jobrun SET
        outcome = %(outcome)s, ended_at = statement_timestamp(), counts = %(counts)s::jsonb,
        duration_ms = 1000 * extract(epoch FROM statement_timestamp() - started_at),
        longest_ms = 1000 * extract(epoch FROM statement_timestamp() - started_at),
        error_type = %(error_type)s, error_words = %(error_words)s
    WHERE id = %(holder)s AND outcome = 'lost'
"""
_BELL_FAILED: Final = f"""
    INSERT INTO alerts_jobrun ({_RUN_COLUMNS})
    SELECT %(holder)s, %(job)s, %(task)s, 'bell', NULL, started_at, clock_timestamp(), 'failed', 1,
        spent, spent, '{{}}'::jsonb, %(error_type)s, %(error_words)s, %(host)s, {_FOLD}
    FROM (SELECT %(started_at)s::timestamptz, 1000 * extract(
        epoch FROM greatest(clock_timestamp() - %(started_at)s::timestamptz, interval '0')
    )) AS run (started_at, spent) {_WRITE}
"""  # noqa: S608  our own column names
_FREE_LOST: Final = f"""
    WITH free AS (
        SELECT * FROM alerts_joblease
        WHERE holder IS NOT NULL AND leased_until <= clock_timestamp()
        ORDER BY job FOR UPDATE SKIP LOCKED
    ), lost AS ({_LOST})
    UPDATE alerts_joblease AS lease SET
        holder = NULL, leased_until = NULL, limit_at = NULL, outcome = 'lost',
        failed_at = clock_timestamp(), losses_in_a_row = lease.losses_in_a_row + 1
    FROM free WHERE lease.job = free.job
    RETURNING lease.job, lease.losses_in_a_row
"""  # noqa: S608  our own column names


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """Who asked for a run of what, and who heard it."""

    job: str
    task: str
    rung_by: RungBy
    host: str = ""
    asked_by: UUID | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ended.

    :param fold: what it has in common with others that are told together with it, hour by hour;
        None: it has a row of its own.
    """

    outcome: JobRun.Outcome
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    error_type: str = ""
    error_words: str = ""
    fold: str | None = None


def claim_lease(
    *, ring: Ring, rest: timedelta | None, limit: timedelta, pause: timedelta
) -> UUID | None:
    """Take a job's lease; None when somebody has it, or the clock rang for the second time.

    A run whose lease had expired is marked lost.

    :param rest: how long ago the clock's last run must have begun (Note [Two clocks]).
    :param limit: how long the lease may be kept at the most.
    :param pause: after how long without a run the job counts as newly begun.
    """
    values = {
        **dataclasses.asdict(ring),
        "holder": uuid4(),
        "rest": rest,
        "lease": min(LEASE, limit),
        "limit": limit,
        "pause": pause,
    }
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, values)
            row = cursor.fetchone()
        if row is not None:
            holder: UUID = row[0]
            return holder
        if JobLease.objects.filter(job=ring.job).exists():
            return None
        make_leases(jobs=[ring.job])
    return None


def make_leases(*, jobs: list[str]) -> None:
    """Write the row of each job that has none: from now on runs are expected of it."""
    JobLease.objects.bulk_create([JobLease(job=job) for job in jobs], ignore_conflicts=True)


def extend_leases(*, holders: list[UUID]) -> int:
    """Make leases longer, each within its limit; return how many are still theirs."""
    values: dict[str, Any] = {"holders": holders, "lease": LEASE}
    with connection.cursor() as cursor:
        cursor.execute(_EXTEND, values)
        extended: int = cursor.rowcount
    return extended


def end_lease(*, job: str, holder: UUID, ending: Ending) -> bool:
    """Give a lease back and write the run down; return whether it still was the holder's.

    A run that was taken for lost and ends after all is put right.
    """
    values = _values(ending) | {"job": job, "holder": holder}
    with connection.cursor() as cursor:
        cursor.execute(_END, values)
        if cursor.rowcount:
            return True
        cursor.execute(_END_OF_LOST, values)
    return False


def write_bell_failure(*, ring: Ring, started_at: datetime, ending: Ending) -> None:
    """Write down that what the bell rang for failed."""
    with connection.cursor() as cursor:
        cursor.execute(
            _BELL_FAILED,
            _values(ending)
            | dataclasses.asdict(ring)
            | {"holder": uuid4(), "started_at": started_at},
        )


def free_lost_leases() -> list[tuple[str, int]]:
    """Mark the runs lost whose leases have expired; return the jobs with their losses in a row."""
    with connection.cursor() as cursor:
        cursor.execute(_FREE_LOST)
        return list(cursor.fetchall())


def _values(ending: Ending) -> dict[str, Any]:
    return {
        **dataclasses.asdict(ending),
        "counts": json.dumps(ending.counts),
        "is_good": ending.outcome == JobRun.Outcome.SUCCEEDED,
    }
