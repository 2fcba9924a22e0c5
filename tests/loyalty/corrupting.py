"""How points are broken, one promise at a time; the keys are those of the invariants."""

from __future__ import annotations

from typing import Final

from tests.verify.corrupting import Corruption, one

_SECOND: Final = "SELECT id FROM loyalty_loyaltytransaction WHERE customer_id = '{ana}'"
_ITEM: Final = "SELECT checkout_id FROM loyalty_reconciliationitem WHERE id = '{item}'"

POINTS: Final = {
    "points-in-a-chain": Corruption(
        "UPDATE loyalty_loyaltytransaction SET balance_before = balance_before + 1,"
        " balance_after = balance_after + 1 WHERE customer_id = '{ana}' AND number = 2",
        f"{_SECOND} AND number IN (2, 3)",
    ),
    "points-balances": Corruption(
        "UPDATE loyalty_customer SET points_balance = points_balance + 1 WHERE id = '{ana}'",
        one("{ana}"),
    ),
    "points-held": Corruption(
        "UPDATE loyalty_customer SET points_held = points_held + 1 WHERE id = '{ana}'",
        one("{ana}"),
    ),
    "points-of-a-lifetime": Corruption(
        "UPDATE loyalty_customer SET lifetime_points = lifetime_points + 1 WHERE id = '{ana}'",
        one("{ana}"),
    ),
    "points-of-orders": Corruption(
        "UPDATE loyalty_reconciliationitem SET resolved = true, resolved_at = now()"
        " WHERE id = '{item}'",
        _ITEM,
    ),
    "articles-set-aside": Corruption(
        "UPDATE loyalty_stockitem SET reserved = reserved + 1 WHERE id = '{mug}'", one("{mug}")
    ),
    "totals-of-tills": Corruption(
        "UPDATE loyalty_registersession SET points_earned = points_earned + 1 WHERE id = '{till}'",
        one("{till}"),
    ),
    "rewards-cost-their-points": Corruption(
        "UPDATE loyalty_reward SET points = points + 1 WHERE id = '{reward}'", one("{reward}")
    ),
    "cards-for-points": Corruption(
        "UPDATE loyalty_reward SET card_id = '{free}' WHERE id = '{reward}'", one("{reward}")
    ),
    "rewards-and-debits": Corruption(
        "UPDATE loyalty_reward SET charged_minor = charged_minor + 1 WHERE id = '{reward}'",
        one("{reward}"),
    ),
}
