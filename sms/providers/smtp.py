"""E-mail over SMTP, by Django's own backend."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import formataddr, parseaddr
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from sms.providers import (
    NoAnswerError,
    OutgoingText,
    ProviderText,
    RefusedError,
    UnreachableError,
)

ACCEPTED: Final = "accepted"
# The most exchanges that one mail takes, each of which may last EMAIL_TIMEOUT.
EXCHANGES: Final = 9
_SENDER: Final = "smtp-sender"
_TLS: Final = "smtp-tls"
_CONNECT: Final = "smtp-connect"
_ADDRESS: Final = "smtp-address"
_PERMANENT: Final = 500
_LOG_IN: Final = frozenset({530, 534, 535, 538})


class Smtp:
    """Hands e-mails to the mail server of ``EMAIL_URL``, each over a connection of its own.

    A mail server says whether it took a mail and nothing afterwards. One that hung up before it
    said so may have it: then it is sent again under the same Message-ID, by which mail programs
    know it for the same.
    """

    def send(self, text: OutgoingText) -> ProviderText:
        """Hand an e-mail over."""
        backend = EmailBackend(timeout=settings.EMAIL_TIMEOUT, fail_silently=False)
        try:
            with _while_connecting():
                backend.open()
            with _while_sending():
                backend.send_messages([_compose(text)])
        finally:
            with suppress(OSError, smtplib.SMTPException):
                backend.close()
        return ProviderText(
            provider_id=_mail_id(text),
            status=ACCEPTED,
            sender=parseaddr(sender_address())[1][:64],
        )

    def find(self, *, to: str, since: datetime) -> list[ProviderText]:
        """Return nothing: a mail server can't be asked what it took."""
        return []

    def fetch(self, provider_id: str) -> ProviderText:
        """Never asked: of an e-mail nothing is heard after it was taken."""
        raise NoAnswerError(f"a mail server tells nothing of {provider_id}")

    def redact(self, provider_id: str) -> None:
        """Never asked: a mail server keeps no records of ours."""
        raise NoAnswerError(f"a mail server forgets nothing of {provider_id} on demand")


def sender_address() -> str:
    """Return the address that e-mails come from."""
    host = urlsplit(settings.PUBLIC_BASE_URL).hostname or "localhost"
    return settings.SUPPORT_EMAIL or f"no-reply@{host}"


def _compose(text: OutgoingText) -> EmailMultiAlternatives:
    host = urlsplit(settings.PUBLIC_BASE_URL).hostname or "localhost"
    mail = EmailMultiAlternatives(
        subject=text.subject,
        body=text.body,
        from_email=formataddr((text.from_name, sender_address())),
        to=[text.to],
        reply_to=[text.reply_to] if text.reply_to else None,
        headers={
            "Message-ID": f"<{_mail_id(text)}@{host}>",
            # Out-of-office machines need not answer.
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            **text.headers,
        },
    )
    if text.html:
        mail.attach_alternative(text.html, "text/html")
    return mail


def _mail_id(text: OutgoingText) -> str:
    return text.message_id.hex if text.message_id else ""


@contextmanager
def _while_connecting() -> Iterator[None]:
    """Nothing of the mail has left us yet."""
    try:
        yield
    except ssl.SSLError as error:
        raise RefusedError(_TLS, f"no encrypted connection: {error.reason}") from None
    except smtplib.SMTPNotSupportedError:
        raise RefusedError(_TLS, "the mail server lacks what EMAIL_URL asks for") from None
    except smtplib.SMTPResponseException as error:
        code = error.smtp_code
        if code >= _PERMANENT and code not in _LOG_IN:
            raise RefusedError(_CONNECT, f"SMTP {code} to connecting") from None
        raise _refusal(code, "connecting") from None
    except (smtplib.SMTPException, OSError) as error:
        raise UnreachableError(type(error).__name__) from None


@contextmanager
def _while_sending() -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPSenderRefused as error:
        # The server's own trouble passes; that it does not want our address does not.
        code = error.smtp_code
        if code >= _PERMANENT and code not in _LOG_IN:
            raise RefusedError(_SENDER, f"SMTP {code} to our address") from None
        raise _refusal(code, "our address") from None
    except smtplib.SMTPRecipientsRefused as error:
        ((code, _words),) = error.recipients.values()
        raise _refusal(code, "the address") from None
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, "the mail") from None
    except (smtplib.SMTPException, OSError) as error:
        raise NoAnswerError(type(error).__name__) from None
    except ValueError as error:
        # An address or a subject that no mail can carry; Django says so before anything leaves.
        raise RefusedError(_ADDRESS, type(error).__name__) from None


def _refusal(code: int, what: str) -> RefusedError:
    # The server's own words may quote the address.
    return RefusedError(f"smtp-{code}", f"SMTP {code} to {what}")
