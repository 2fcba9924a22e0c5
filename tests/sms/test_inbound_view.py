"""The door for texts to us: who may come in, and what it answers."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client as HttpClient
from django.urls import reverse
from pytest_django import Settings

from sms.models import InboundMessage, OptIn
from sms.services.sandbox import INBOUND_PATH
from sms.views.twilio import FORGERIES
from tests.sms.emulator_fixture import FROM_NUMBER
from tests.sms.inbound_fixture import post_text, reply_in
from tests.sms.texting_fixture import NOBODY_LISTENS, PHONE, Texting, reload


def forgeries() -> int:
    return int(cache.get(FORGERIES.format(day=datetime.now(UTC).date()), 0))


@pytest.fixture(autouse=True)
def _texted(texting: Texting) -> None:
    """A client has texted the phone."""
    texting.queue()
    texting.send()


class TestReceiveInbound:
    def test_stands_where_the_sandbox_sends_it(self) -> None:
        assert reverse("twilio-inbound") == INBOUND_PATH

    def test_keeps_a_text_and_answers_twiml(self, texting: Texting) -> None:
        answer = post_text("Where is it?", MessageSid="SM1")
        assert (answer.status_code, reply_in(answer)) == (200, "")
        kept = InboundMessage.objects.get()
        assert (kept.provider_id, kept.from_number, kept.to_number) == ("SM1", PHONE, FROM_NUMBER)
        assert (kept.body, kept.handled_as) == ("Where is it?", "kept")
        assert kept.client_id == texting.client.pk

    @pytest.mark.parametrize("token", [None, "", "another-token"])
    def test_answers_403_to_a_bad_signature_and_only_counts(self, token: str | None) -> None:
        before = forgeries()
        answer = post_text("STOP", token=token)
        assert (answer.status_code, answer.content) == (403, b"")
        assert not InboundMessage.objects.exists()
        assert not OptIn.objects.exists()
        assert forgeries() == before + 1

    def test_answers_403_without_a_cache_to_count_in(self, twilio_settings: Settings) -> None:
        nowhere = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
        twilio_settings.CACHES = {"default": nowhere}
        assert post_text("STOP", token=None).status_code == 403

    def test_refuses_what_was_changed_after_signing(self) -> None:
        form = {"MessageSid": "SM1", "From": PHONE, "To": FROM_NUMBER, "Body": "Hello"}
        answer = post_text("STOP", MessageSid="SM1", signed=form)
        assert answer.status_code == 403
        assert not OptIn.objects.exists()

    def test_takes_two_tokens_during_a_rotation(self, twilio_settings: Settings) -> None:
        twilio_settings.TWILIO_AUTH_TOKENS = ["new", "old"]
        assert post_text(token="new").status_code == 200
        assert post_text(token="old").status_code == 200
        assert post_text(token="older").status_code == 403
        assert InboundMessage.objects.count() == 2

    def test_refuses_everything_without_a_token(self, twilio_settings: Settings) -> None:
        twilio_settings.TWILIO_AUTH_TOKENS = []
        assert post_text(token="").status_code == 403

    def test_goes_by_the_public_address_behind_a_proxy(self, twilio_settings: Settings) -> None:
        twilio_settings.PUBLIC_BASE_URL = "https://gifts.example"
        assert post_text(base_url="https://gifts.example").status_code == 200
        # The address the request itself came to is not what Twilio signed.
        assert post_text(base_url="http://testserver").status_code == 403
        assert post_text(base_url=NOBODY_LISTENS).status_code == 403

    @pytest.mark.parametrize(
        "form",
        [
            {"MessageSid": ""},
            {"From": ""},
            {"MessageSid": "S" * 65},
            {"From": "+" * 33},
            {"To": "+" * 33},
            {"OptOutType": "STOPSTOPS"},
            {"From": "+1\x002"},
            {"From": "señor"},
        ],
    )
    def test_answers_400_to_what_can_not_be_kept(self, form: dict[str, Any]) -> None:
        assert post_text("STOP", **form).status_code == 400
        assert not InboundMessage.objects.exists()

    def test_takes_any_words(self) -> None:
        assert post_text("\x00¡Hola! 🎁 \u202e{{code}}\r\n<b>").status_code == 200
        assert InboundMessage.objects.get().body == "¡Hola! 🎁 {{code}}\n<b>"
        assert post_text("", NumMedia="1").status_code == 200
        assert post_text("x" * 5000).status_code == 200
        assert {len(one.body) for one in InboundMessage.objects.all()} == {21, 0, 1600}

    def test_is_for_posts_only(self, client: HttpClient) -> None:
        assert client.get(INBOUND_PATH).status_code == 405

    def test_needs_no_cross_site_token(self) -> None:
        strict = HttpClient(enforce_csrf_checks=True)
        answer = strict.post(INBOUND_PATH, {"MessageSid": "SM1", "From": PHONE})
        assert (answer.status_code, answer.content) == (403, b"")

    def test_escapes_what_it_replies(self, texting: Texting) -> None:
        texting.client.name = "Smith & <Sons>"
        texting.client.support_phone = "+1 202 555 0100"
        texting.client.save()
        assert b"Smith &amp; &lt;Sons&gt;: call" in post_text("help").content


class TestTheWholeWay:
    """A phone of the emulator texts a live server of ours."""

    @pytest.fixture(autouse=True)
    def _public(self, twilio_settings: Settings, live_server: object) -> None:
        twilio_settings.PUBLIC_BASE_URL = str(live_server)

    def text(self, texting: Texting, body: str) -> list[str]:
        result = texting.emulator.receive_text(
            from_=PHONE,
            to=FROM_NUMBER,
            body=body,
            webhook_url=f"{settings.PUBLIC_BASE_URL}{INBOUND_PATH}",
        )
        assert (result.webhook_status, result.error) == (200, "")
        return result.replies

    def test_stops_and_starts_again(self, texting: Texting) -> None:
        assert self.text(texting, "Stop") == []
        silenced = texting.queue("silenced")
        texting.send()
        assert reload(silenced).state == "suppressed"
        assert self.text(texting, "start") == []
        heard = texting.queue("heard")
        texting.send()
        # Its status may have come in already.
        assert reload(heard).state in ("accepted", "sent", "delivered")
        assert "silenced" not in texting.bodies()

    def test_helps(self, texting: Texting) -> None:
        texting.client.support_phone = "+1 202 555 0100"
        texting.client.save()
        (reply,) = self.text(texting, "HELP")
        assert reply == "Acorn: call +1 202 555 0100 for help. Reply STOP to opt out."
        assert texting.emulator.wait_until_quiet()
        assert texting.bodies(to=PHONE)[-1] == reply


class TestReply:
    """The sandbox phone's own answer field."""

    @pytest.fixture(autouse=True)
    def _public(self, twilio_settings: Settings, live_server: object) -> None:
        twilio_settings.PUBLIC_BASE_URL = str(live_server)
        twilio_settings.SANDBOX = True

    def test_goes_the_way_of_a_real_text(self, client: HttpClient, texting: Texting) -> None:
        form = {"phone": PHONE, "to": FROM_NUMBER, "body": "STOP"}
        answer = client.post("/sandbox/phone/reply/", form)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/sandbox/phone/")
        assert OptIn.objects.get(client=texting.client, phone=PHONE).state == "revoked"
        page = client.get("/sandbox/phone/").content.decode()
        assert '<div class="bubble own">STOP</div>' in page
        assert page.count(f'name="to" value="{FROM_NUMBER}"') == 1
        # For programs: what the phone got, not what it sent.
        bodies = [one["body"] for one in client.get("/sandbox/phone/messages.json").json()]
        assert bodies == ["Hello"]

    def test_of_nothing_goes_nowhere(self, client: HttpClient) -> None:
        form = {"phone": PHONE, "to": FROM_NUMBER, "body": " "}
        assert client.post("/sandbox/phone/reply/", form).status_code == 302
        assert not InboundMessage.objects.exists()

    def test_says_when_there_is_no_emulator(
        self, client: HttpClient, twilio_settings: Settings
    ) -> None:
        twilio_settings.TWILIO_API_BASE_URL = "http://127.0.0.1:1"
        form = {"phone": PHONE, "to": FROM_NUMBER, "body": "STOP"}
        assert client.post("/sandbox/phone/reply/", form).status_code == 502

    def test_is_not_there_in_production(
        self, client: HttpClient, twilio_settings: Settings
    ) -> None:
        twilio_settings.SANDBOX = False
        form = {"phone": PHONE, "to": FROM_NUMBER, "body": f"STOP {uuid4()}"}
        assert client.post("/sandbox/phone/reply/", form).status_code == 404
        assert not InboundMessage.objects.exists()
