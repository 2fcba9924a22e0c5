from redemption.models.attempt import (
    AddressAllow,
    AddressBlock,
    AddressClearing,
    AttemptLog,
    FormBreaker,
)
from redemption.models.call import CallSession, ConditionMet
from redemption.models.campaign import Campaign, Condition, DailyClaims
from redemption.models.canary import Canary, CanaryTry
from redemption.models.erasure import Erasure
from redemption.models.event import EventSource, EventTry, InboundEvent
from redemption.models.message_report import MessageChange, MessageCount, MessageDay
from redemption.models.recipient import Recipient, StagedRecipient
from redemption.models.redemption import (
    PendingReward,
    ProvisioningTrace,
    Redemption,
    RevealLink,
)
from redemption.models.replacement import Replacement
from redemption.models.report import ReportChange, ReportDay, ReportMonth, RewardCount
from redemption.models.subscription import DailyReportMail, ReportSubscription
from redemption.models.task import DeskTask
from redemption.models.upload import RecipientBatch

__all__ = [
    "AddressAllow",
    "AddressBlock",
    "AddressClearing",
    "AttemptLog",
    "CallSession",
    "Campaign",
    "Canary",
    "CanaryTry",
    "Condition",
    "ConditionMet",
    "DailyClaims",
    "DailyReportMail",
    "DeskTask",
    "Erasure",
    "EventSource",
    "EventTry",
    "FormBreaker",
    "InboundEvent",
    "MessageChange",
    "MessageCount",
    "MessageDay",
    "PendingReward",
    "ProvisioningTrace",
    "Recipient",
    "RecipientBatch",
    "Redemption",
    "Replacement",
    "ReportChange",
    "ReportDay",
    "ReportMonth",
    "ReportSubscription",
    "RevealLink",
    "RewardCount",
    "StagedRecipient",
]
