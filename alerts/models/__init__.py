from alerts.models.alert import Alert
from alerts.models.escalation import EscalationContact, EscalationStep
from alerts.models.incident import ActionItem, Incident, IncidentDay, TimelineEntry
from alerts.models.job import JobLease, JobRun, RungBy
from alerts.models.monitor_run import MonitorRun
from alerts.models.notice import Channel, Notice, NoticeRoute
from alerts.models.rate import RateCount
from alerts.models.verification import Verification
from alerts.models.webhook import WebhookDelivery, WebhookEndpoint, WebhookLevel

__all__ = [
    "ActionItem",
    "Alert",
    "Channel",
    "EscalationContact",
    "EscalationStep",
    "Incident",
    "IncidentDay",
    "JobLease",
    "JobRun",
    "MonitorRun",
    "Notice",
    "NoticeRoute",
    "RateCount",
    "RungBy",
    "TimelineEntry",
    "Verification",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookLevel",
]
