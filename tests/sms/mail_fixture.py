"""E-mail in tests: Django's own SMTP backend and the emulator's mail server."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings

from sms.emulator import Emulator
from sms.emulator.mails import Mail
from sms.models import Message
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN
from tests.sms.texting_fixture import Texting

ADDRESS = "ana@example.com"


@pytest.fixture(scope="session")
def running_mail_server() -> Iterator[Emulator]:
    with Emulator(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, smtp_port=0) as emulator:
        yield emulator


@pytest.fixture
def mail_server(running_mail_server: Emulator, settings: Settings) -> Emulator:
    """An empty mail server, and settings that lead to it."""
    running_mail_server.reset()
    use_mail_server(settings, running_mail_server.mail_url)
    return running_mail_server


def use_mail_server(settings: Settings, url: str) -> None:
    """Let e-mails go to the server at a plain ``smtp://`` address."""
    parts = urlsplit(url)
    settings.EMAIL_ENABLED = True
    # The tests' runner puts another backend there; ours is named by the provider itself.
    settings.EMAIL_HOST, settings.EMAIL_PORT = parts.hostname, parts.port
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "", ""
    settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = False, False
    settings.EMAIL_TIMEOUT = 1
    settings.SUPPORT_EMAIL = "help@giftline.example"


def queue_letter(texting: Texting, text: str = "Hello", *, to: str = ADDRESS) -> Message:
    """Promise an e-mail that is due at once."""
    letter = texting.queue(text, to=to)
    letter.channel = "email"
    letter.save()
    return letter


def letters(emulator: Emulator, *, to: str = ADDRESS) -> list[Mail]:
    """Return the e-mails that arrived, oldest first."""
    return emulator.mails(to=to)[::-1]
