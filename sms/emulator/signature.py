"""Twilio's signature over a webhook's URL and form."""

import base64
import hashlib
import hmac
from collections.abc import Mapping


def sign_form(*, url: str, form: Mapping[str, str], auth_token: str) -> str:
    """Return the X-Twilio-Signature of posting ``form`` to ``url``.

    :param url: exactly as the account holder gave it, query string included.
    """
    signed = url + "".join(name + form[name] for name in sorted(form))
    # SHA-1 is Twilio's choice, and HMAC does not rest on its resistance to collisions.
    digest = hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
