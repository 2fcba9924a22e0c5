from sms.models.message import DeliveryAttempt, Message, MessageTemplate, OptIn, StatusEvent

__all__ = ["DeliveryAttempt", "Message", "MessageTemplate", "OptIn", "StatusEvent"]
