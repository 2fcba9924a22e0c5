"""What is forbidden to calls at the desk, and to what agents have vouched for in them."""

from typing import Final

from tests.guards.forbidden import Forbidden, never_removed

CALL: Final = "redemption_callsession"
MET: Final = "redemption_conditionmet"
_BEA: Final = "'00000000-0000-4000-8000-00000000000a'"
_CAL: Final = "'00000000-0000-4000-8000-00000000000b'"
_AGENTS: Final = (
    "INSERT INTO credit_user (id, password, is_superuser, username, first_name, last_name, email,"
    f" is_staff, is_active, date_joined) SELECT id::uuid, 'x', false, id, '', '', '', false, true,"
    f" now() FROM unnest(ARRAY[{_BEA}, {_CAL}]) AS id;"
)
_SOMEBODY: Final = "(SELECT recipient_id FROM redemption_redemption)"
_SOMEBODY_ELSE: Final = f"(SELECT id FROM redemption_recipient WHERE id <> {_SOMEBODY} LIMIT 1)"
_CLIENT: Final = "(SELECT client_id FROM redemption_redemption)"


def _call(agent: str = _BEA, **columns: str) -> str:
    """Return the statement that begins a call, or writes one down as it may not be."""
    known = {"recipient_id": _SOMEBODY, "client_id": _CLIENT} | columns
    return (
        f"INSERT INTO {CALL} (id, agent_id, {', '.join(known)})"
        f" VALUES (gen_random_uuid(), {agent}, {', '.join(known.values())});"
    )


_OPEN: Final = _AGENTS + _call()
_ENDED: Final = _AGENTS + _call(ended_at="now()", outcome="'helped'", notes="'x'")
_VOUCHED: Final = (
    f"{_OPEN} INSERT INTO {MET} (id, call_id, agent_id, client_id, campaign_id, recipient_id,"
    f" condition_id, checklist) SELECT gen_random_uuid(), c.id, c.agent_id, r.client_id,"
    f" r.campaign_id, r.recipient_id, r.condition_id, '[]' FROM {CALL} c, redemption_redemption r;"
)
_REWARD: Final = "(SELECT id FROM redemption_redemption)"

CALLS: Final = [
    Forbidden("redemption_callsession_one_open_each", CALL, _OPEN + _call(recipient_id="NULL")),
    Forbidden(
        "redemption_callsession_one_holder_each",
        CALL,
        _AGENTS + _call(held_at="now()") + _call(_CAL, held_at="now()"),
    ),
    Forbidden("redemption_callsession_ends_with_outcome", CALL, _AGENTS + _call(ended_at="now()")),
    Forbidden(
        "redemption_callsession_ends_with_outcome", CALL, _AGENTS + _call(outcome="'helped'")
    ),
    Forbidden(
        "redemption_callsession_holds_somebody",
        CALL,
        _AGENTS + _call(recipient_id="NULL", held_at="now()"),
    ),
    Forbidden(
        "redemption_callsession_recipient_has_client", CALL, _AGENTS + _call(client_id="NULL")
    ),
    # An ended call is a fact; what it says of a person may be taken out, and nothing put in.
    *(
        Forbidden("redemption_call_stays", CALL, f"{_ENDED} UPDATE {CALL} SET {change}")
        for change in (
            "ended_at = NULL, outcome = ''",
            "outcome = 'rewarded'",
            "notes = 'y'",
            "caller = '+12025550143'",
            "recipient_id = NULL",
        )
    ),
    *(
        Forbidden("redemption_call_stays", CALL, f"{_OPEN} UPDATE {CALL} SET {change}")
        for change in (f"agent_id = {_CAL}", "started_at = now() - interval '1 hour'")
    ),
    *(
        Forbidden("redemption_condition_met_stays", MET, f"{_VOUCHED} UPDATE {MET} SET {change}")
        for change in (
            """checklist = '[{"point": "x", "ticked": true}]'""",
            f"agent_id = {_CAL}",
            f"redemption_id = {_REWARD}, at = now() - interval '1 hour'",
            # Of another recipient than it was vouched for.
            f"redemption_id = {_REWARD}, recipient_id = {_SOMEBODY_ELSE}",
        )
    ),
    Forbidden(
        "redemption_condition_met_stays",
        MET,
        f"{_VOUCHED} UPDATE {MET} SET redemption_id = {_REWARD};"
        f" UPDATE {MET} SET redemption_id = NULL",
    ),
    *(
        Forbidden(one.guard, table, (rows if one.guard == "refuse_removal" else "") + one.sql)
        for table, rows in ((CALL, _OPEN), (MET, _VOUCHED))
        for one in never_removed(table)
    ),
]
