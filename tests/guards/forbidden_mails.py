"""What is forbidden to the daily report's mails and to who asks for them."""

from typing import Final

from tests.guards.forbidden import NEW, Forbidden

MAIL: Final = "redemption_dailyreportmail"
WISH: Final = "redemption_reportsubscription"
# Keys are checked at the end of a transaction that never comes.
_SOMEBODY: Final = "'00000000-0000-4000-8000-000000000001'"


def _mail(**changes: str) -> str:
    values = {
        "id": NEW,
        "user_id": _SOMEBODY,
        "day": "'2026-03-19'",
        "state": "'due'",
        "next_attempt_at": "now()",
        "sent_at": "NULL",
        **changes,
    }
    return f"INSERT INTO {MAIL} ({', '.join(values)}) VALUES ({', '.join(values.values())});"


_ENDS: Final = "redemption_dailyreportmail_due_until_it_ends"
_TIME: Final = "redemption_dailyreportmail_sent_has_its_time"

MAILS: Final = [
    Forbidden("redemption_dailyreportmail_once_a_day", MAIL, _mail() * 2),
    Forbidden(_ENDS, MAIL, _mail(next_attempt_at="NULL")),
    Forbidden(_ENDS, MAIL, _mail(state="'sent'", sent_at="now()")),
    Forbidden(_TIME, MAIL, _mail(state="'sent'", next_attempt_at="NULL")),
    Forbidden(_TIME, MAIL, _mail(sent_at="now()")),
    Forbidden(
        "redemption_subscription_hour_of_a_day",
        WISH,
        f"INSERT INTO {WISH} (user_id, hour, time_zone, last_day)"
        f" VALUES ({_SOMEBODY}, 24, 'UTC', '2026-03-19')",
    ),
]
