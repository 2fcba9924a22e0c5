"""What is forbidden to tries at codes, and to decisions about addresses."""

from typing import Final

from tests.guards.forbidden import Forbidden

ATTEMPTS: Final = "redemption_attemptlog"
_STAYS: Final = "redemption_attempt_stays"
_TRY: Final = (
    f"INSERT INTO {ATTEMPTS} (at, action, network, counts_address, caller, code_digest, form,"
    " attempt, result, \"limit\", request_id) VALUES (now(), 'form', '192.0.2.1', true, '',"
    " '\\x00', '', gen_random_uuid(), 'tried', '', '');"
)
_ADD: Final = (
    "INSERT INTO {} (id, network, reason, created_at, created_by, until) VALUES"
    " (gen_random_uuid(), '192.0.2.0/24', 'x', now(), 'system', now() - interval '1 hour')"
)

ATTEMPT_RULES: Final = [
    *(
        Forbidden(_STAYS, ATTEMPTS, f"{_TRY} UPDATE {ATTEMPTS} SET {change}")
        for change in (
            "at = at - interval '1 day'",
            "network = '192.0.2.2'",
            "counts_address = false",
            "code_digest = '\\x01'",
        )
    ),
    # What was wrong with it is said once.
    Forbidden(
        _STAYS,
        ATTEMPTS,
        f"{_TRY} UPDATE {ATTEMPTS} SET result = 'unknown_code';"
        f" UPDATE {ATTEMPTS} SET result = 'tried'",
    ),
    Forbidden(
        "redemption_addressblock_ends_after_it_begins",
        "redemption_addressblock",
        _ADD.format("redemption_addressblock"),
    ),
    Forbidden(
        "redemption_addressallow_ends_after_it_begins",
        "redemption_addressallow",
        _ADD.format("redemption_addressallow"),
    ),
]
