"""Where a reward is sent: read from what a person typed, refused with a sentence."""

from typing import get_args

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from alerts.errors import ValidationFailedError
from redemption.services.redeem import Contact, Method
from sms.phones import PhoneError, parse_phone
from sms.providers import carries_email


def read_contact(*, method: str, phone: str = "", email: str = "", prefix: str = "") -> Contact:
    """Return the contact that was given, with its phone number as E.164.

    :param prefix: put before the field names in the errors: ``"contact."``.
    :raises ValidationFailedError: names the field and why (GC-012).
    """
    if method not in get_args(Method):
        raise ValidationFailedError(errors={f"{prefix}method": [_("Choose sms, email or none.")]})
    if method == "sms":
        try:
            to = parse_phone(
                phone, region=settings.DEFAULT_PHONE_REGION, allow_possible=settings.SANDBOX
            )
        except PhoneError as error:
            raise ValidationFailedError(errors={f"{prefix}phone": [str(error)]}) from error
        return Contact(method="sms", to=to)
    if method == "email":
        try:
            validate_email(email.strip())
        except ValidationError as error:
            raise ValidationFailedError(
                errors={f"{prefix}email": [_("Enter an e-mail address like name@example.com.")]}
            ) from error
        if not carries_email():
            raise ValidationFailedError(errors={f"{prefix}method": [_("Choose a text message.")]})
        return Contact(method="email", to=email.strip())
    return Contact(method="none")
