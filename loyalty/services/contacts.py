"""Where a gift card for points is sent: read from what somebody typed."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from loyalty.services.refusals import refuse
from sms.phones import PhoneError, parse_phone
from sms.providers import carries_email

Method = Literal["sms", "email", "none"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """``to`` is E.164 for a text, an address for e-mail."""

    method: Method
    to: str = ""


def read_reward_contact(
    *, method: str, phone: str = "", email: str = "", prefix: str = ""
) -> Contact:
    """Return the contact that was given, with its phone number as E.164.

    :param prefix: put before the field names in the errors: ``"contact."``.
    :raises ValidationFailedError: GC-012, names the field.
    """
    if method not in get_args(Method):
        raise refuse(f"{prefix}method", _("Choose sms, email or none."))
    if method == "sms":
        try:
            to = parse_phone(
                phone, region=settings.DEFAULT_PHONE_REGION, allow_possible=settings.SANDBOX
            )
        except PhoneError as error:
            raise refuse(f"{prefix}phone", str(error)) from error
        return Contact(method="sms", to=to)
    if method == "email":
        try:
            validate_email(email.strip())
        except ValidationError as error:
            raise refuse(
                f"{prefix}email", _("Enter an e-mail address like name@example.com.")
            ) from error
        if not carries_email():
            raise refuse(f"{prefix}method", _("Choose a text message."))
        return Contact(method="email", to=email.strip())
    return Contact(method="none")
