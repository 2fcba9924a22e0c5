"""What is forbidden to runs of jobs and monitors, and to leases."""

from typing import Final

from tests.guards.forbidden import NEW, Forbidden

RUN: Final = "alerts_jobrun"
LEASE: Final = "alerts_joblease"
MONITORS: Final = "alerts_monitorrun"


def _run(**changes: str) -> str:
    values = {
        "id": NEW,
        "job": "'a'",
        "task": "'a'",
        "rung_by": "'clock'",
        "started_at": "now()",
        "ended_at": "now()",
        "outcome": "'succeeded'",
        "runs": "1",
        "duration_ms": "0",
        "longest_ms": "0",
        "counts": "'{}'",
        "error_type": "''",
        "error_words": "''",
        "host": "''",
        **changes,
    }
    return f"INSERT INTO {RUN} ({', '.join(values)}) VALUES ({', '.join(values.values())});"


def _lease(**changes: str) -> str:
    words = ("task", "host", "rung_by", "outcome", "error_type", "error_words", "switch_reason")
    values = {
        "job": "'a'",
        **dict.fromkeys(words, "''"),
        "failures_in_a_row": "0",
        "losses_in_a_row": "0",
        **changes,
    }
    return f"INSERT INTO {LEASE} ({', '.join(values)}) VALUES ({', '.join(values.values())});"


def _monitor_run(state: str, duration_ms: str = "NULL") -> str:
    return (
        f"INSERT INTO {MONITORS} (id, state, started_at, leased_until, duration_ms, generated,"
        f" breakdown, alerts) VALUES ({NEW}, '{state}', now(), now(), {duration_ms}, 0, '{{}}',"
        " '[]');"
    )


_HELD: Final = "alerts_joblease_held_until_a_time"

JOBS: Final = [
    Forbidden("alerts_monitorrun_one_at_a_time", MONITORS, _monitor_run("running") * 2),
    Forbidden("alerts_monitorrun_done_has_its_duration", MONITORS, _monitor_run("done")),
    Forbidden("alerts_monitorrun_done_has_its_duration", MONITORS, _monitor_run("running", "1")),
    Forbidden("alerts_jobrun_one_per_fold", RUN, _run(fold="'x'") * 2),
    Forbidden("alerts_jobrun_outcome_known", RUN, _run(outcome="'other'")),
    Forbidden("alerts_jobrun_ended_unless_lost", RUN, _run(ended_at="NULL")),
    Forbidden(_HELD, LEASE, _lease(holder=NEW, started_at="now()")),
    Forbidden(_HELD, LEASE, _lease(leased_until="now()", started_at="now()")),
    Forbidden(_HELD, LEASE, _lease(holder=NEW, leased_until="now()")),
]
