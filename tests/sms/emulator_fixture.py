"""Twilio for the tests: the shipped emulator, a client of the official library, a webhook."""

from collections.abc import Iterator

import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from sms.emulator import Emulator
from tests.sms.webhook_receiver import WebhookReceiver

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "the-token-of-the-emulator"
FROM_NUMBER = "+12025550100"


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[Emulator]:
    with Emulator(
        account_sid=ACCOUNT_SID,
        auth_token=AUTH_TOKEN,
        step_delay_seconds=0.01,
        callback_retry_delays_seconds=(0.05, 0.05, 0.05),
    ) as emulator:
        yield emulator


@pytest.fixture
def twilio_emulator(running_emulator: Emulator) -> Iterator[Emulator]:
    """The emulator without texts, faults or opt-outs."""
    running_emulator.reset()
    yield running_emulator
    running_emulator.reset()


@pytest.fixture
def twilio_client(twilio_emulator: Emulator) -> Iterator[Client]:
    """The official library's client, talking to the emulator and giving up after a second."""
    http_client = TwilioHttpClient(timeout=1.0)
    client = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http_client)
    client.api.base_url = twilio_emulator.base_url
    yield client
    http_client.session.close()


@pytest.fixture
def webhook() -> Iterator[WebhookReceiver]:
    """A server that keeps what is posted to it."""
    with WebhookReceiver() as receiver:
        yield receiver
