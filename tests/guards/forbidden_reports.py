"""What is forbidden to runs of the monitors, and to the daily report's subscribers and mails."""

from typing import Final

from tests.guards.forbidden import Forbidden

RUN: Final = "alerts_monitorrun"
SUBSCRIPTION: Final = "redemption_reportsubscription"
MAIL: Final = "redemption_dailyreportmail"
# That there is such a user is checked at the commit, which never comes.
_SOMEBODY: Final = "'00000000-0000-4000-8000-000000000001'"


def _run(state: str, duration: str) -> str:
    return (
        f"INSERT INTO {RUN} (id, state, started_at, leased_until, duration_ms, generated,"
        f" breakdown, alerts) VALUES (gen_random_uuid(), '{state}', now(), now(), {duration}, 0,"
        " '{}', '[]');"
    )


def _mail(state: str = "due", due: str = "now()", sent: str = "NULL") -> str:
    return (
        f"INSERT INTO {MAIL} (id, user_id, day, state, attempts, next_attempt_at, sent_at)"
        f" VALUES (gen_random_uuid(), {_SOMEBODY}, '2026-03-02', '{state}', 0, {due}, {sent});"
    )


_ENDS: Final = "redemption_dailyreportmail_due_until_it_ends"
_SENT: Final = "redemption_dailyreportmail_sent_has_its_time"
REPORTS: Final = [
    Forbidden("alerts_monitorrun_one_at_a_time", RUN, _run("running", "NULL") * 2),
    Forbidden("alerts_monitorrun_done_has_its_duration", RUN, _run("done", "NULL")),
    Forbidden("alerts_monitorrun_done_has_its_duration", RUN, _run("running", "5")),
    Forbidden(
        "redemption_subscription_hour_of_a_day",
        SUBSCRIPTION,
        f"INSERT INTO {SUBSCRIPTION} (user_id, hour, time_zone, last_day)"
        f" VALUES ({_SOMEBODY}, 24, 'UTC', '2026-03-02')",
    ),
    Forbidden("redemption_dailyreportmail_once_a_day", MAIL, _mail() * 2),
    Forbidden(_ENDS, MAIL, _mail(due="NULL")),
    Forbidden(_ENDS, MAIL, _mail(state="sent", sent="now()")),
    Forbidden(_SENT, MAIL, _mail(state="sent", due="NULL")),
    Forbidden(_SENT, MAIL, _mail(sent="now()")),
]
