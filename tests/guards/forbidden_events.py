"""What is forbidden to the events of a CRM, and to the trail of what became of them."""

from typing import Final

from tests.guards.forbidden import Forbidden, append_only, copy_row, never_removed

EVENT: Final = "redemption_inboundevent"
TRY: Final = "redemption_eventtry"
SOURCE: Final = "redemption_eventsource"
_ADD: Final = (
    "INSERT INTO redemption_eventsource (id, client_id, name, secret_encrypted, is_active)"
    " SELECT gen_random_uuid(), id, 'crm', 'v1:k:n:c', true FROM credit_client LIMIT 1;"
    f"INSERT INTO {EVENT} (id, source_id, client_id, event_id, signature, body_digest, actor,"
    " received_at) SELECT gen_random_uuid(), id, client_id, 'evt-1', 'current', '\\x00', 'x', now()"
    " FROM redemption_eventsource;"
)
_REWARD: Final = "redemption_id = (SELECT id FROM redemption_redemption LIMIT 1)"


def _try(outcome: str, more: str = "") -> str:
    return f"UPDATE {EVENT} SET outcome = '{outcome}', tries = tries + 1{more};"


_ISSUE: Final = _try("issued", f", {_REWARD}")

EVENTS: Final = [
    *(
        Forbidden("redemption_event_transition", EVENT, f"{_ADD} {before} {change}")
        for before, change in (
            # What came in stays as it came.
            ("", f"UPDATE {EVENT} SET event_id = 'evt-2'"),
            ("", f"UPDATE {EVENT} SET body_digest = '\\x01'"),
            ("", f"UPDATE {EVENT} SET received_at = received_at + interval '1 s'"),
            # No outcome without a try, which the trail keeps.
            ("", f"UPDATE {EVENT} SET outcome = 'unmatched'"),
            ("", f"UPDATE {EVENT} SET tries = tries + 2"),
            (_try("refused"), f"UPDATE {EVENT} SET error_code = 'GC-104'"),
            # No reward is forgotten.
            (_ISSUE, _try("unmatched")),
            (_ISSUE, _try("issued")),
            (_ISSUE, f"UPDATE {EVENT} SET redemption_id = NULL, outcome = 'refused'"),
            (_try("waiting", f", {_REWARD}"), _try("refused")),
            (_try("provisioning", f", {_REWARD}"), _try("unmatched")),
            (_try("unmatched"), _try("received")),
        )
    ),
    *(
        Forbidden(case.guard, case.table, _ADD + case.sql)
        for case in never_removed(EVENT)
        if case.guard == "refuse_removal"
    ),
    never_removed(EVENT)[1],
    Forbidden(
        "redemption_event_received_once", EVENT, _ADD + copy_row(EVENT, id="gen_random_uuid()")
    ),
    Forbidden("redemption_event_names_its_redemption", EVENT, _ADD + _try("issued")),
    Forbidden(
        "redemption_eventsource_old_secret_ends",
        SOURCE,
        f"{_ADD} UPDATE {SOURCE} SET previous_secret_encrypted = 'v1:k:n:c'",
    ),
    *(
        Forbidden(case.guard, case.table, _ADD + _try("unmatched") + case.sql)
        for case in append_only(TRY, "outcome")
        if case.guard == "refuse_change"
    ),
    append_only(TRY, "outcome")[-1],
]
