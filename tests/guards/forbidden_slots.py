"""What is forbidden to accounts that are split into slots."""

from typing import Final

from tests.guards.forbidden import NEW, Forbidden, copy_row, never_removed

ACCOUNT: Final = "credit_account"
SLOT: Final = "credit_accountslot"
SPLIT: Final = (
    "SELECT credit_rebalance(gen_random_uuid(), id, 2, 'test', now())"
    " FROM credit_account WHERE level = 'agency'; SET CONSTRAINTS ALL IMMEDIATE; "
)


def _after_split(case: Forbidden) -> Forbidden:
    """Return the same with an account split before it: an empty one, which all others leave be."""
    return Forbidden(case.guard, case.table, SPLIT + case.sql, case.as_application, case.without)


SLOTS: Final = [
    Forbidden(
        "credit_account_opens_whole",
        ACCOUNT,
        copy_row(
            ACCOUNT,
            "level = 'client'",
            id=NEW,
            level="'campaign'",
            parent_id="t.id",
            slot_count="2",
            balance_minor="NULL",
        ),
        as_application=True,
    ),
    *(
        _after_split(case)
        for case in (
            Forbidden(
                "credit_account_split_by_the_ledger",
                ACCOUNT,
                "UPDATE credit_account SET slot_count = 3 WHERE slot_count = 2",
                as_application=True,
            ),
            Forbidden(
                "credit_account_balance_kept_below_platform",
                ACCOUNT,
                "UPDATE credit_account SET balance_minor = 0 WHERE slot_count = 2",
            ),
            Forbidden(
                "credit_accountslot_balance_never_negative",
                SLOT,
                f"UPDATE {SLOT} SET balance_minor = -1 WHERE slot = 0",
            ),
            Forbidden(
                "credit_accountslot_number_unique",
                SLOT,
                f"INSERT INTO {SLOT} (account_id, slot, balance_minor)"
                f" SELECT account_id, slot, 0 FROM {SLOT}",
            ),
            *(
                Forbidden(
                    "credit_accountslot_keeps_its_place",
                    SLOT,
                    f"UPDATE {SLOT} SET {change} WHERE slot = 1",
                )
                for change in (
                    "slot = 2",
                    "account_id = (SELECT id FROM credit_account WHERE level = 'client')",
                )
            ),
            *never_removed(SLOT),
        )
    ),
]
