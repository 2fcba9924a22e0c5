from redemption.models.campaign import Campaign, Condition, EventSource
from redemption.models.recipient import Recipient, StagedRecipient
from redemption.models.redemption import (
    PendingReward,
    ProvisioningTrace,
    Redemption,
    RevealLink,
)
from redemption.models.replacement import Replacement
from redemption.models.report import ReportChange, ReportDay, ReportMonth, RewardCount

__all__ = [
    "Campaign",
    "Condition",
    "EventSource",
    "PendingReward",
    "ProvisioningTrace",
    "Recipient",
    "Redemption",
    "Replacement",
    "ReportChange",
    "ReportDay",
    "ReportMonth",
    "RevealLink",
    "RewardCount",
    "StagedRecipient",
]
