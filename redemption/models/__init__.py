from redemption.models.campaign import Campaign, Condition, EventSource
from redemption.models.recipient import Recipient, StagedRecipient
from redemption.models.redemption import (
    PendingReward,
    ProvisioningTrace,
    Redemption,
    RevealLink,
)

__all__ = [
    "Campaign",
    "Condition",
    "EventSource",
    "PendingReward",
    "ProvisioningTrace",
    "Recipient",
    "Redemption",
    "RevealLink",
    "StagedRecipient",
]
