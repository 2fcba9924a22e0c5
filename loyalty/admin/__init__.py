from loyalty.admin import (
    checkouts,
    customers,
    programs,
    reconciliation,
    refunds,
    rewards,
    shop,
    transactions,
)

__all__ = [
    "checkouts", "customers", "programs", "reconciliation", "refunds", "rewards", "shop",
    "transactions",
]  # fmt: skip
