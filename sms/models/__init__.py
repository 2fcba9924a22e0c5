from sms.models.channel import ChannelStop
from sms.models.message import DeliveryAttempt, Message, MessageTemplate, OptIn, StatusEvent
from sms.models.policy import ErrorPolicy

__all__ = [
    "ChannelStop",
    "DeliveryAttempt",
    "ErrorPolicy",
    "Message",
    "MessageTemplate",
    "OptIn",
    "StatusEvent",
]
