"""Points, tills and what became of both."""

from loyalty.models.checkout import Checkout, CheckoutLine, Payment, ReconciliationItem
from loyalty.models.customer import Customer, LoyaltyTransaction
from loyalty.models.forgetting import CustomerErasure
from loyalty.models.program import LoyaltyProgram, Tier
from loyalty.models.refund import Refund
from loyalty.models.reward import Reward
from loyalty.models.shop import RegisterSession, StockItem

__all__ = [
    "Checkout", "CheckoutLine", "Customer", "CustomerErasure", "LoyaltyProgram",
    "LoyaltyTransaction", "Payment", "ReconciliationItem", "Refund", "RegisterSession", "Reward",
    "StockItem", "Tier",
]  # fmt: skip
