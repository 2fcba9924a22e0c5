"""What is forbidden to opt-ins and the texts that people send."""

from typing import Final

from tests.guards.forbidden import Forbidden, append_only

OPT_IN: Final = "sms_optin"
_TRANSITION: Final = "sms_optin_transition"


def _add(state: str) -> str:
    return (
        "INSERT INTO sms_optin (client_id, phone, state)"
        f" SELECT id, '+12025550123', '{state}' FROM credit_client LIMIT 1;"
    )


_ADD_INBOUND: Final = (
    "INSERT INTO sms_inboundmessage (provider_id, from_number, to_number)"
    " VALUES ('SM1', '+12025550123', '+12025550100');"
)

CONSENTS: Final = [
    *(
        Forbidden(_TRANSITION, OPT_IN, f"{_add(before)} UPDATE sms_optin SET {change}")
        for before, change in (
            # Nobody answers for who has said STOP, and nobody asks them again.
            ("revoked", "state = 'granted', actor = 'user:1'"),
            ("revoked", "state = 'requested', actor = 'recipient'"),
            ("granted", "state = 'requested'"),
            ("granted", "state = 'none'"),
            ("requested", "state = 'none'"),
            ("none", "phone = '+12025550124'"),
            ("none", "client_id = gen_random_uuid()"),
        )
    ),
    Forbidden("refuse_removal", OPT_IN, _add("revoked") + "DELETE FROM sms_optin"),
    *(
        Forbidden(case.guard, case.table, _add("none") + case.sql)
        for case in append_only("sms_consentevent", "state")[:2]
    ),
    append_only("sms_consentevent", "state")[2],
    Forbidden("sms_inboundmessage_received_once", "sms_inboundmessage", _ADD_INBOUND * 2),
]
