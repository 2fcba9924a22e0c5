"""A process that fails in several ways: ``python -m tests.config.tracking_app``.

It says on its last line whether the tracker's library was loaded.
"""

import json
import os
import sys
from typing import NoReturn

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

CODE = "WXYZ-7788-QQRR"
PIN = "4321"
KEY = "gl_live_0123456789abcdefghij"
TOKEN = "Zm9vYmFyYmF6cXV4cXV1eA"
PHONE = "+12065550188"
SLACK = "https://hooks.slack.com/services/T000/B000/verysecret"
MAIL = "jane@example.com"
REQUEST_ID = "the-request-of-jane"


def failing(_request: object, token: str) -> NoReturn:
    """Fail with secrets in local variables and in the error's own words."""
    card = {"code": CODE, "pin": PIN, "token": token}
    raise ValueError(f"{card} can't be sent to {PHONE} or {MAIL}, nor told at {SLACK}")


def main() -> None:
    django.setup()
    import structlog
    from django.conf import settings
    from django.test import Client
    from django.urls import path

    from config import urls

    urls.urlpatterns.insert(0, path("api/fails/<token>/", failing))
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.SECURE_SSL_REDIRECT = False
    client = Client(raise_request_exception=False)
    client.cookies["giftline_device"] = KEY
    answer = client.get(
        f"/api/fails/{TOKEN}/?t={TOKEN}&code={CODE}",
        headers={
            "Authorization": f"Api-Key {KEY}",
            "X-Request-ID": REQUEST_ID,
            "User-Agent": f"Browser {PIN}",
        },
    )
    log = structlog.get_logger("tests")
    log.error(f"Slack at {SLACK} refused {PHONE} {CODE} PIN {PIN}", code="GC-014", pin=PIN)
    log.warning("nothing to tell of")
    try:
        int(CODE)
    except ValueError:
        log.exception("[ORDER] Could not be recorded", order_id=7, number=PHONE)
    said = {"status": answer.status_code, "sdk": "sentry_sdk" in sys.modules}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
