"""What is forbidden to what is left of people who were forgotten, and to the promise to do so."""

from typing import Final

from tests.guards.forbidden import Forbidden, never_removed

ERASURE: Final = "redemption_erasure"
_ASKED: Final = (
    f"INSERT INTO {ERASURE} (id, recipient_ids, reason, requested_by, requested_at,"
    " next_attempt_at) SELECT gen_random_uuid(), ARRAY[id], 'asked', 'user:1', now(), now()"
    " FROM redemption_recipient LIMIT 1;"
)
_DONE: Final = f"{_ASKED} UPDATE {ERASURE} SET erased_at = now(), provider_ids = '{{SM1}}';"
_FORGOTTEN: Final = "UPDATE redemption_recipient SET erased_at = now();"
_AUDIT: Final = "credit_auditevent"
_RECORD: Final = (
    f"INSERT INTO {_AUDIT} (id, at, actor, action, object_kind, object_id, details, request_id)"
    " VALUES (gen_random_uuid(), now(), 'user:1', 'x.done', 'x', '1',"
    """ '{"before": {"a": 1}, "reason": "Ana asked"}', '');"""
)
_CONSENT: Final = (
    "INSERT INTO sms_optin (client_id, phone, state, reason)"
    " SELECT id, '+12025550123', 'granted', 'Ana' FROM credit_client LIMIT 1;"
)
_CARD_EVENT: Final = "giftcards_cardevent"

PRIVACY: Final = [
    *(
        Forbidden(
            "redemption_recipient_stays_erased",
            "redemption_recipient",
            f"{_FORGOTTEN} UPDATE redemption_recipient SET {change}",
        )
        for change in ("first_name = 'Ana'", "erased_at = NULL", "approval = 'approved'")
    ),
    *(
        Forbidden("redemption_erasure_stays", ERASURE, f"{_ASKED} UPDATE {ERASURE} SET {change}")
        for change in ("reason = 'other'", "requested_by = 'user:2'", "recipient_ids = '{}'")
    ),
    *(
        Forbidden("redemption_erasure_stays", ERASURE, f"{_DONE} UPDATE {ERASURE} SET {change}")
        for change in (
            "erased_at = NULL",
            """counts = '{"a": 1}'""",
            "provider_ids = '{SM1,SM2}'",
        )
    ),
    *(
        Forbidden(
            "redemption_erasure_goes_on_until_done",
            ERASURE,
            f"{rows} UPDATE {ERASURE} SET next_attempt_at = NULL",
        )
        for rows in (_ASKED, _DONE)
    ),
    *(
        Forbidden(one.guard, ERASURE, (_ASKED if one.guard == "refuse_removal" else "") + one.sql)
        for one in never_removed(ERASURE)
    ),
    # Emptied and nothing else, and not beside something else.
    *(
        Forbidden("refuse_change", _AUDIT, f"{_RECORD} UPDATE {_AUDIT} SET {change}")
        for change in (
            """details = details || '{"reason": "Bea asked"}'""",
            """details = details || '{"reason": "", "before": {"a": 2}}'""",
            """details = details || '{"reason": ""}', actor = 'user:2'""",
            "details = details - 'reason'",
        )
    ),
    *(
        Forbidden(
            "refuse_change",
            "sms_consentevent",
            f"{_CONSENT} UPDATE sms_consentevent SET {change}",
        )
        for change in (
            "phone = '+12025550124'",
            "reason = 'Bea'",
            "phone = '', state = 'revoked'",
            "text_shown = 'other'",
        )
    ),
    Forbidden("refuse_change", _CARD_EVENT, f"UPDATE {_CARD_EVENT} SET actor = 'user:9'"),
    Forbidden("refuse_change", _CARD_EVENT, f"UPDATE {_CARD_EVENT} SET reason = 'x'"),
    *(
        Forbidden(
            f"sms_keptoptout_{name}",
            "sms_keptoptout",
            "".join(
                "INSERT INTO sms_keptoptout (client_id, phone_digest, opt_in_id, opted_out_at,"
                f" kept_at) SELECT id, '\\x{digest}', {opt_in}, now(), now() FROM credit_client"
                " LIMIT 1;"
                for digest, opt_in in rows
            ),
        )
        for name, rows in (("one_per_number", (("aa", 1), ("aa", 2))),)
    ),
]
