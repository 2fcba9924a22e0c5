"""Where the reward for an event is sent: by the source's rule, to what is on file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alerts.errors import ValidationFailedError
from redemption.models import EventSource, Recipient
from redemption.services.contacts import read_contact
from redemption.services.redeem import Contact
from sms.providers import carries_email

_METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    EventSource.ContactMethod.SMS_THEN_EMAIL: ("sms", "email"),
    EventSource.ContactMethod.EMAIL_THEN_SMS: ("email", "sms"),
    EventSource.ContactMethod.SMS: ("sms",),
    EventSource.ContactMethod.EMAIL: ("email",),
}


def choose_contact(source: EventSource, recipient: Recipient) -> Contact:
    """Return where a recipient's reward is sent, by the source's rule and what is on file.

    :raises ValidationFailedError: nothing on file will do (GC-012).
    """
    given = {"sms": recipient.phone, "email": recipient.email}
    for method in _METHODS[source.contact_method]:
        if given[method] and (method != "email" or carries_email()):
            return read_contact(
                method=method, phone=recipient.phone, email=recipient.email, prefix="recipient."
            )
    words = "The recipient has no address that the source's rule allows."
    raise ValidationFailedError(errors={"recipient": [words]})
