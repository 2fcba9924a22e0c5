"""Links with which somebody sets a password.

Note [Password links]
~~~~~~~~~~~~~~~~~~~~~
There is nobody yet who carries e-mail, so an admin makes the link and hands it over. Its token is
Django's own, a signature over the present password, the last log-in and the time. Nothing is
stored, it is good for PASSWORD_RESET_TIMEOUT (24 hours), and setting a password makes it void, as
does signing in. The second factor stays: a link that went astray does not sign anybody in who has
one.
"""

from __future__ import annotations

from django.contrib.auth.tokens import default_token_generator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from credit.models import User


def make_password_token(user: User) -> tuple[str, str]:
    """Return the two parts of the link's address: who, and the token."""
    return urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)
