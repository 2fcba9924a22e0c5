"""E-mail to our own people, by Django's SMTP backend."""

from __future__ import annotations

import smtplib
from contextlib import suppress
from email.utils import formataddr
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from alerts.providers.telling import NotTakenError, Telling

# The most exchanges that one mail takes, each of which may last as long as it may take at all.
EXCHANGES: Final = 9
_PERMANENT: Final = 500
# Of our own log-in: somebody puts it right, so it is tried again.
_LOG_IN: Final = frozenset({530, 534, 535, 538})


def send_to_mailbox(telling: Telling, *, address: str, timeout_seconds: float) -> None:
    """Hand a mail to the server of ``EMAIL_URL``; a repeat has the same Message-ID.

    :raises NotTakenError: it was not taken, or nobody knows.
    """
    backend = EmailBackend(timeout=max(1, round(timeout_seconds)), fail_silently=False)
    try:
        backend.open()
        backend.send_messages([_compose(telling, address)])
    except smtplib.SMTPRecipientsRefused as error:
        ((code, _words),) = error.recipients.values()
        raise _refusal(code, "the address") from None
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, "the mail") from None
    except (smtplib.SMTPException, OSError) as error:
        raise NotTakenError(f"The mail server: {type(error).__name__}") from None
    except ValueError:
        # An address that no mail can carry; Django says so before anything leaves.
        raise NotTakenError("The address can't be written to", is_permanent=True) from None
    finally:
        with suppress(OSError, smtplib.SMTPException):
            backend.close()


def write_text(telling: Telling) -> str:
    """Return a notice as plain text."""
    parts = [f"{telling.headline}: {telling.subject} ({telling.severity})"]
    if telling.text:
        parts.append(telling.text)
    links = f"Look at it: {telling.url}"
    if telling.runbook_url:
        links += f"\nWhat to do: {telling.runbook_url}"
    return "\n\n".join([*parts, links]) + "\n"


def _compose(telling: Telling, address: str) -> EmailMessage:
    host = urlsplit(settings.PUBLIC_BASE_URL).hostname or "localhost"
    # A subject has one line.
    subject = " ".join(f"[{telling.severity}] {telling.headline}: {telling.subject}".split())
    return EmailMessage(
        subject=subject,
        body=write_text(telling),
        from_email=formataddr(
            (settings.COMPANY_NAME, settings.SUPPORT_EMAIL or f"no-reply@{host}")
        ),
        to=[address],
        headers={
            "Message-ID": f"<{telling.delivery_id.hex}@{host}>",
            # Out-of-office machines need not answer.
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
    )


def _refusal(code: int, what: str) -> NotTakenError:
    # The server's own words may quote the address.
    return NotTakenError(
        f"SMTP {code} to {what}", is_permanent=code >= _PERMANENT and code not in _LOG_IN
    )
