"""What is forbidden to money and to organisations."""

import dataclasses
from typing import Final

from tests.guards.forbidden import NEW, NOW_CHECK, Forbidden, append_only, copy_row, never_removed

ACCOUNT: Final = "credit_account"
TRANSACTION: Final = "credit_transaction"
ENTRY: Final = "credit_entry"
_KEY = "gen_random_uuid()::text"
_CAMPAIGNS = {"id": NEW, "level": "'campaign'", "parent_id": "t.id", "balance_minor": "0"}
_ADD_ENTRY = (
    "INSERT INTO credit_entry (transaction_id, account_id, amount_minor, balance_after_minor)"
    " SELECT transaction_id, account_id, {}, {} FROM credit_entry LIMIT 1"
)
_ADD_REFUND = copy_row(
    TRANSACTION,
    "kind = 'redemption'",
    id=NEW,
    idempotency_key=_KEY,
    kind="'refund'",
    settles_id="t.id",
)
_ADD_KEY = (
    "INSERT INTO credit_idempotencyrecord (owner, key, fingerprint, status, created_at)"
    " VALUES ('client:1', 'k', '\\x00', 201, now());"
)
_ADD_API_KEY = (
    "INSERT INTO credit_apikey (id, name, owner_kind, prefix, digest, scopes, allowed_networks,"
    " client_id)"
    " VALUES (gen_random_uuid(), 'x', 'client', 'x', '\\x00', '{}', '{}', NULL)"
)
_ADD_USER = (
    "INSERT INTO credit_user (id, username, password, first_name, last_name, email,"
    " is_superuser, is_staff, is_active, date_joined)"
    " VALUES (gen_random_uuid(), 'ana', '', '', '', '', false, false, true, now());"
)
_ADD_EVENT = (
    "INSERT INTO credit_auditevent (id, actor, action, object_kind, object_id)"
    " VALUES (gen_random_uuid(), 'user:1', 'x.y', 'x', '1'); SET CONSTRAINTS ALL IMMEDIATE;"
)
_ADD_AUTHENTICATOR = (
    "INSERT INTO credit_authenticator (user_id, name, confirmed, secret_encrypted, last_step,"
    " recovery_digests, throttling_failure_count)"
    " SELECT id, 'app', true, '', -1, '{}', 0 FROM credit_user LIMIT 1;"
)
_ADD_MEMBERSHIP = (
    "INSERT INTO credit_membership (user_id, role, client_id)"
    " SELECT id, '{}', NULL FROM credit_user LIMIT 1;"
)

MONEY: Final = [
    Forbidden(
        "credit_account_balance_is_the_ledgers",
        ACCOUNT,
        "UPDATE credit_account SET balance_minor = balance_minor + 1 WHERE level = 'client'",
        as_application=True,
    ),
    Forbidden(
        "credit_account_opens_empty",
        ACCOUNT,
        copy_row(ACCOUNT, "level = 'client'", **{**_CAMPAIGNS, "balance_minor": "100"}),
        as_application=True,
    ),
    *(
        Forbidden(
            "credit_account_keeps_its_nature",
            ACCOUNT,
            f"UPDATE credit_account SET {change} WHERE level = 'platform' AND purpose = 'held'",
            as_application=True,
        )
        for change in ("currency = 'EUR'", "purpose = 'adjustments', currency = 'EUR'")
    ),
    Forbidden(
        "credit_account_parent_one_level_up",
        ACCOUNT,
        "UPDATE credit_account SET parent_id = (SELECT id FROM credit_account"
        " WHERE level = 'platform' AND purpose = 'credit') WHERE level = 'client'",
    ),
    *never_removed(ACCOUNT, "purpose = 'adjustments'"),
    Forbidden(
        "credit_account_balance_never_negative",
        ACCOUNT,
        "UPDATE credit_account SET balance_minor = -1 WHERE level = 'client'",
    ),
    Forbidden(
        "credit_account_balance_kept_below_platform",
        ACCOUNT,
        "UPDATE credit_account SET balance_minor = 0 WHERE level = 'platform'",
    ),
    Forbidden(
        "credit_account_contra_is_the_platforms",
        ACCOUNT,
        copy_row(ACCOUNT, "level = 'client'", purpose="'held'", **_CAMPAIGNS),
    ),
    Forbidden(
        "credit_account_currency_iso",
        ACCOUNT,
        copy_row(ACCOUNT, "purpose = 'held'", id=NEW, currency="'usd'"),
    ),
    Forbidden(
        "credit_account_not_its_own_parent",
        ACCOUNT,
        "UPDATE credit_account SET parent_id = id WHERE level = 'client'",
        without=("credit_account_parent_one_level_up",),
    ),
    Forbidden(
        "credit_account_owner_fits_level",
        ACCOUNT,
        copy_row(
            ACCOUNT,
            "purpose = 'held'",
            id=NEW,
            currency="'EUR'",
            agency_id="(SELECT id FROM credit_agency LIMIT 1)",
        ),
    ),
    Forbidden(
        "credit_account_words_known",
        ACCOUNT,
        "UPDATE credit_account SET status = 'frozen' WHERE level = 'client'",
    ),
    Forbidden(
        "credit_account_one_per_agency", ACCOUNT, copy_row(ACCOUNT, "level = 'agency'", id=NEW)
    ),
    Forbidden(
        "credit_account_one_per_client", ACCOUNT, copy_row(ACCOUNT, "level = 'client'", id=NEW)
    ),
    Forbidden(
        "credit_account_one_per_platform_purpose",
        ACCOUNT,
        copy_row(ACCOUNT, "level = 'platform'", id=NEW),
    ),
    *append_only(TRANSACTION, "note"),
    *append_only(ENTRY, "amount_minor"),
    Forbidden("credit_transaction_sums_to_zero", ENTRY, _ADD_ENTRY.format(5, "NULL") + NOW_CHECK),
    Forbidden("credit_entry_amount_not_zero", ENTRY, _ADD_ENTRY.format(0, "NULL")),
    Forbidden("credit_entry_balance_after_never_negative", ENTRY, _ADD_ENTRY.format(-5, -5)),
    Forbidden("credit_transaction_happens_once", TRANSACTION, copy_row(TRANSACTION, id=NEW)),
    Forbidden("credit_transaction_settled_once", TRANSACTION, f"{_ADD_REFUND}; {_ADD_REFUND}"),
    Forbidden(
        "credit_transaction_kind_names_what_it_settles",
        TRANSACTION,
        copy_row(TRANSACTION, "kind = 'issue'", id=NEW, idempotency_key=_KEY, settles_id="t.id"),
    ),
    Forbidden(
        "credit_transaction_kind_names_what_it_settles",
        TRANSACTION,
        copy_row(TRANSACTION, "kind = 'issue'", id=NEW, idempotency_key=_KEY, kind="'gift'"),
    ),
    Forbidden(
        "credit_transaction_adjustment_has_a_reason",
        TRANSACTION,
        copy_row(TRANSACTION, id=NEW, idempotency_key=_KEY, kind="'adjustment'", note="''"),
    ),
    Forbidden("credit_idempotency_key_unique", "credit_idempotencyrecord", _ADD_KEY + _ADD_KEY),
    Forbidden("credit_apikey_owner_fits_kind", "credit_apikey", _ADD_API_KEY),
    Forbidden(
        "credit_membership_scope_fits_role",
        "credit_membership",
        _ADD_USER + _ADD_MEMBERSHIP.format("client_manager"),
    ),
    Forbidden(
        "credit_membership_unique",
        "credit_membership",
        _ADD_USER + _ADD_MEMBERSHIP.format("auditor") * 2,
    ),
    Forbidden(
        "credit_authenticator_one_per_person",
        "credit_authenticator",
        _ADD_USER + _ADD_AUTHENTICATOR * 2,
    ),
    *(
        dataclasses.replace(case, sql=_ADD_EVENT + case.sql)
        for case in append_only("credit_auditevent", "action")
    ),
    Forbidden(
        "credit_agency_slug_unique",
        "credit_agency",
        copy_row("credit_agency", id=NEW, slug="upper(t.slug)"),
    ),
    Forbidden(
        "credit_client_slug_unique",
        "credit_client",
        copy_row("credit_client", id=NEW, slug="upper(t.slug)"),
    ),
]
