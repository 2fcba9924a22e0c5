"""What Celery runs; each is one line into a service, and harmless when run twice at once."""

from datetime import UTC, datetime

from celery import shared_task

from sms.services import channels, redaction
from sms.services.sending import send_due_messages


@shared_task(name="sms.tasks.send_messages", ignore_result=True)
def send_messages() -> int:
    """Send what is due: the bell has rung."""
    return send_due_messages(now=datetime.now(UTC))


@shared_task(name="sms.tasks.sweep_messages", ignore_result=True)
def sweep_messages() -> int:
    """Send what is due, whether a bell was heard or not."""
    return send_due_messages(now=datetime.now(UTC))


@shared_task(name="sms.tasks.retry_messages", ignore_result=True)
def retry_messages() -> int:
    """Send what is due again, with a switch of its own in the admin; see what is over."""
    sent = send_due_messages(now=datetime.now(UTC))
    channels.review_filtering(now=datetime.now(UTC))
    return sent


@shared_task(name="sms.tasks.redact_texts", ignore_result=True)
def redact_texts() -> int:
    """Take codes off the provider's records of texts that have reached their end."""
    return redaction.redact_texts(now=datetime.now(UTC))
