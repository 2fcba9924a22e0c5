"""How the ledger, sales, purchases and charges are broken, one by one."""

from __future__ import annotations

from typing import Final

from tests.verify.corrupting import Corruption, book, booked, one, paid_by

_LAST: Final = (
    "(SELECT max(number) FROM credit_entry WHERE account_id = '{account}' AND slot IS NULL)"
)
_ISSUE: Final = "(SELECT id FROM credit_transaction WHERE kind = 'issue' ORDER BY id LIMIT 1)"
_NEW: Final = f"SELECT {booked()}"

MONEY: Final = {
    "account-balances": Corruption(
        "UPDATE credit_account SET balance_minor = balance_minor + 1 WHERE id = '{account}'",
        one("{account}"),
    ),
    "account-slots": Corruption(
        "UPDATE credit_accountslot SET balance_minor = balance_minor + CASE slot WHEN 0 THEN 1"
        " ELSE -1 END WHERE account_id = '{split}'",
        "SELECT '{split} slot 0' UNION SELECT '{split} slot 1'",
    ),
    "slots-out-of-use": Corruption(
        "UPDATE credit_account SET slot_count = 1 WHERE id = '{split}'",
        one("{split} slot 1"),
    ),
    "entries-in-a-chain": Corruption(
        f"UPDATE credit_entry SET balance_after_minor = balance_after_minor + 1"
        f" WHERE number = {_LAST}",
        f"SELECT {_LAST}",
    ),
    "entries-complete": Corruption(
        book({"adjustments": -5, "gen_random_uuid()": 5}),
        f"SELECT max(number) FROM credit_entry WHERE transaction_id = {booked()}",
    ),
    "transactions-sum-to-zero": Corruption(
        "UPDATE credit_entry SET amount_minor = amount_minor - 1"
        f" WHERE transaction_id = {_ISSUE} AND amount_minor < 0",
        f"SELECT {_ISSUE}",
    ),
    "transactions-one-currency": Corruption(
        "INSERT INTO credit_account (id, level, purpose, name, currency, status, slot_count)"
        " VALUES (gen_random_uuid(), 'platform', 'consumed', 'x', 'EUR', 'active', 0);"
        + book({"adjustments": -5, "consumed EUR": 5}),
        _NEW,
    ),
    "settled-once": Corruption(
        "DROP INDEX credit_transaction_settled_once;"
        + book({"adjustments": -1, "consumed": 1}, settles=paid_by("{cancelled}")),
        f"SELECT {paid_by('{cancelled}')}",
    ),
    "settlements-within": Corruption(
        book({"adjustments": -9000}, settles=paid_by("{issued}"))
        + "UPDATE credit_account SET balance_minor = balance_minor + 9000 WHERE id = '{account}';"
        " INSERT INTO credit_entry (transaction_id, account_id, amount_minor, balance_after_minor)"
        f" SELECT {booked()}, id, 9000, balance_minor FROM credit_account WHERE id = '{{account}}'",
        _NEW,
    ),
    "credit-one-level-down": Corruption(
        f"UPDATE credit_transaction SET kind = 'allocation', reference = 'corrupt:1'"
        f" WHERE id = {_ISSUE}",
        _NEW,
    ),
    "held-is-what-holds-took": Corruption(book({"adjustments": -5, "held": 5}), _NEW),
    "settlements-settle-what-they-may": Corruption(
        book({"adjustments": -1, "consumed": 1}, kind="release", settles=paid_by("{issued}")),
        _NEW,
    ),
    "accounts-of-one-owner": Corruption(
        "INSERT INTO credit_account (id, level, purpose, name, parent_id, agency_id, client_id,"
        " currency, balance_minor, status, slot_count) SELECT gen_random_uuid(), 'campaign',"
        " 'credit', 'corrupt', '{split}', agency_id, client_id, 'USD', 0, 'active', 0"
        " FROM credit_account WHERE id = '{account}'",
        "SELECT id FROM credit_account WHERE name = 'corrupt'",
    ),
    "sales-have-their-cards": Corruption(
        "UPDATE giftcards_giftcard SET sale_id = NULL"
        " WHERE sale_id = '{sale}' AND status = 'available'",
        one("{sale}"),
    ),
    "sales-are-paid": Corruption(
        "UPDATE giftcards_cardsale SET price_per_card_minor = price_per_card_minor + 1,"
        " total_minor = total_minor + quantity WHERE id = '{sale}'",
        one("{sale}"),
    ),
    "orders-have-their-card": Corruption(
        "UPDATE giftcards_giftcard SET source = 'api' WHERE id = '{free}'", one("{free}")
    ),
    "orders-settle-their-hold": Corruption(
        book(
            {"held": -2500, "adjustments": 2500},
            kind="release",
            settles="(SELECT hold_id FROM giftcards_providerorder WHERE id = '{order}')",
        ),
        one("{order}"),
    ),
    "holds-have-an-order": Corruption(book({"adjustments": -5, "held": 5}, kind="hold"), _NEW),
    "orders-of-one-client": Corruption(
        "UPDATE giftcards_providerorder SET pool_id = '{other_pool}' WHERE id = '{order}'",
        one("{order}"),
    ),
    "orders-are-worked-on": Corruption(
        "UPDATE giftcards_providerorder SET next_attempt_at = now() - interval '2 hours',"
        " leased_until = NULL WHERE id = '{order}'",
        one("{order}"),
    ),
    "charges-and-debits": Corruption(
        "UPDATE redemption_redemption SET charged_minor = charged_minor + 1 WHERE id = '{issued}'",
        one("{issued}"),
    ),
    "debits-name-their-redemption": Corruption(
        "UPDATE redemption_redemption SET debits = 2 WHERE id = '{issued}'",
        f"SELECT {paid_by('{issued}')}",
    ),
    # Two that cost the same change places, with all that names them.
    "debits-are-the-clients": Corruption(
        "UPDATE redemption_redemption r SET transaction_id = o.transaction_id"
        " FROM redemption_redemption o WHERE (r.id, o.id) IN (('{issued}', '{slot}'),"
        " ('{slot}', '{issued}'));"
        "UPDATE credit_transaction t SET reference = 'redemption:' || r.id || ':1'"
        " FROM redemption_redemption r WHERE r.transaction_id = t.id"
        " AND r.id IN ('{issued}', '{slot}')",
        f"SELECT {paid_by('{issued}')} UNION SELECT {paid_by('{slot}')}",
    ),
    "charged-unless-bought-before": Corruption(
        book({"adjustments": -1, "consumed": 1}, settles=paid_by("{issued}"))
        + "UPDATE redemption_redemption SET charged_minor = 0, transaction_id = NULL"
        " WHERE id = '{issued}'",
        one("{issued}"),
    ),
    "taken-back-is-refunded": Corruption(
        "UPDATE giftcards_giftcard SET disclosed_at = NULL WHERE id = '{c_seen}'", one("{seen}")
    ),
    "what-stands-is-not-refunded": Corruption(
        book({"adjustments": 1, "consumed": -1}, kind="refund", settles=paid_by("{issued}")),
        one("{issued}"),
    ),
    "bought-is-theirs": Corruption(
        "UPDATE redemption_redemption SET source = 'csv' WHERE id = '{bought}'",
        "SELECT id FROM giftcards_providerorder WHERE holder_id = '{bought}'",
    ),
}
