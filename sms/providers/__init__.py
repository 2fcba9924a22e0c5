"""What we ask of whoever carries our messages; one file a vendor stands beside this one."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.conf import settings

from sms.models import MessageTemplate


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingText:
    """A text or e-mail as it leaves us.

    :param callback_url: where the provider reports what becomes of it.
    :param message_id: ours, the same at every try.
    :param from_name: who writes, in an e-mail; ``reply_to`` is where an answer to it goes.
    :param headers: more of an e-mail's own, such as the way to be written to no more.
    """

    to: str
    body: str
    callback_url: str
    message_id: UUID | None = None
    subject: str = ""
    html: str = ""
    from_name: str = ""
    reply_to: str = ""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProviderText:
    """A text as the provider knows it; ``status`` and ``error_code`` are in its words."""

    provider_id: str
    status: str
    error_code: str = ""
    sender: str = ""
    segments: int | None = None
    price: str = ""
    body: str = ""
    created_at: datetime | None = None


class ProviderError(Exception):
    """The provider did not do what was asked; the subclasses say how far it came."""


class UnreachableError(ProviderError):
    """No connection came about, so the provider knows of nothing."""


class NoAnswerError(ProviderError):
    """The request went out and no usable answer came back: it may have been carried out."""


class RefusedError(ProviderError):
    """The provider said no.

    :param code: its own error code.
    :param retry_after_seconds: how long it asked us to stay away.
    """

    def __init__(self, code: str, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(code, message, retry_after_seconds)
        self.code = code
        self.message = message
        self.retry_after_seconds = retry_after_seconds


class NotConfiguredError(Exception):
    """Nobody is set up to carry this channel's messages."""


class Provider(Protocol):
    """A vendor; every call is bounded in time and safe to make from several threads."""

    def send(self, text: OutgoingText) -> ProviderText:
        """Hand a text over.

        :raises ProviderError: it was not taken, or nobody knows.
        """

    def find(self, *, to: str, since: datetime) -> list[ProviderText]:
        """Return what was sent to a number since then, oldest first.

        :raises ProviderError: nobody knows.
        """

    def fetch(self, provider_id: str) -> ProviderText:
        """Return how a text stands.

        :raises ProviderError: nobody knows.
        """

    def redact(self, provider_id: str) -> None:
        """Take the words of a text off the provider's records; the phone keeps them.

        :raises ProviderError: they are still there, or nobody knows.
        """


def choose_provider(channel: str) -> Provider:
    """Return who carries a channel's messages.

    :raises NotConfiguredError: nobody; the text says what is missing.
    """
    require_carrier(channel)
    if channel == MessageTemplate.Channel.EMAIL:
        from sms.providers.smtp import Smtp

        return Smtp()
    # The library takes a third of a second to load, which only a worker that sends should pay.
    from sms.providers.twilio import connect_twilio

    return connect_twilio()


def require_carrier(channel: str) -> None:
    """Make sure that somebody is set up to carry a channel's messages.

    :raises NotConfiguredError: nobody; the text says what is missing.
    """
    if channel == MessageTemplate.Channel.EMAIL:
        if not settings.EMAIL_ENABLED:
            raise NotConfiguredError("Set EMAIL_URL.")
        return
    missing = [
        name
        for name, value in (
            ("TWILIO_ACCOUNT_SID", settings.TWILIO_ACCOUNT_SID),
            ("TWILIO_AUTH_TOKEN", settings.TWILIO_AUTH_TOKENS),
            (
                "TWILIO_FROM_NUMBER or TWILIO_MESSAGING_SERVICE_SID",
                settings.TWILIO_FROM_NUMBER or settings.TWILIO_MESSAGING_SERVICE_SID,
            ),
        )
        if not value
    ]
    if missing:
        raise NotConfiguredError(f"Set {', '.join(missing)}.")


def carries_email() -> bool:
    """Tell whether anybody is set up to carry e-mails; what nobody carries is not offered."""
    try:
        require_carrier(MessageTemplate.Channel.EMAIL)
    except NotConfiguredError:
        return False
    return True
