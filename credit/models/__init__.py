from credit.models.access import ApiKey, IdempotencyRecord
from credit.models.account import Account, AccountSlot
from credit.models.audit import AuditEvent
from credit.models.ledger import Entry, Transaction
from credit.models.membership import Membership
from credit.models.organisation import Agency, Client, ClientLook
from credit.models.sign_in import Authenticator, UserSession
from credit.models.user import User

__all__ = [
    "Account",
    "AccountSlot",
    "Agency",
    "ApiKey",
    "AuditEvent",
    "Authenticator",
    "Client",
    "ClientLook",
    "Entry",
    "IdempotencyRecord",
    "Membership",
    "Transaction",
    "User",
    "UserSession",
]
