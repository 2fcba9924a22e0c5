from credit.models.access import ApiKey, IdempotencyRecord
from credit.models.account import Account
from credit.models.ledger import Entry, Transaction
from credit.models.membership import Membership
from credit.models.organisation import Agency, Client
from credit.models.user import User

__all__ = [
    "Account",
    "Agency",
    "ApiKey",
    "Client",
    "Entry",
    "IdempotencyRecord",
    "Membership",
    "Transaction",
    "User",
]
