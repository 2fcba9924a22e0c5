from sms.models.channel import ChannelStop
from sms.models.consent import ConsentEvent, OptIn
from sms.models.health import PhoneHealth
from sms.models.inbound import InboundMessage
from sms.models.kept_opt_out import KeptOptOut
from sms.models.message import DeliveryAttempt, Message, MessageTemplate, StatusEvent
from sms.models.policy import ErrorPolicy

__all__ = [
    "ChannelStop",
    "ConsentEvent",
    "DeliveryAttempt",
    "ErrorPolicy",
    "InboundMessage",
    "KeptOptOut",
    "Message",
    "MessageTemplate",
    "OptIn",
    "PhoneHealth",
    "StatusEvent",
]
