"""What a text to us does: opt-outs, opt-ins, answers, help."""

from datetime import datetime
from uuid import uuid4

import pytest
from pytest_django import Settings

from credit.models import Client
from sms.models import ConsentEvent, InboundMessage, Message, OptIn
from sms.queue import BELL
from sms.services import inbound
from sms.services.inbound import IncomingText, receive_text
from sms.services.keywords import Keyword, read_keyword
from tests.races import run_at_once
from tests.sms.emulator_fixture import FROM_NUMBER
from tests.sms.texting_fixture import PHONE, Texting, reload

OTHER_PHONE = "+12065550177"


def incoming(body: str, *, sid: str = "", **facts: str) -> IncomingText:
    return IncomingText(
        **{
            "provider_id": sid or f"SM{uuid4().hex}",
            "from_number": PHONE,
            "to_number": FROM_NUMBER,
            "body": body,
        }
        | facts
    )


def states() -> dict[tuple[str, str], str]:
    """Return the state of each opt-in by client and number."""
    rows = OptIn.objects.values_list("client__name", "phone", "state")
    return {(client, phone): state for client, phone, state in rows}


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that were rung for."""
    rung: list[str] = []
    monkeypatch.setattr(inbound, "ring_bell", rung.append)
    return rung


@pytest.fixture
def birch(texting: Texting) -> Client:
    """A second client of the platform."""
    return Client.objects.create(agency=texting.client.agency, name="Birch", slug="birch")


def texted(
    client: Client, at: datetime, *, sender: str = FROM_NUMBER, to: str = PHONE, locale: str = "en"
) -> Message:
    """Return a text of a client that the provider has taken."""
    return Message.objects.create(
        client=client,
        purpose="reward",
        channel="sms",
        to=to,
        locale=locale,
        reference_kind="note",
        reference_id=uuid4(),
        state="accepted",
        sender=sender,
        created_at=at,
        accepted_at=at,
    )


def asked(client: Client, at: datetime, *, words: str = "Reply YES to get texts") -> OptIn:
    """Return the opt-in of a client that has asked for it."""
    message = texted(client, at)
    Message.objects.filter(pk=message.pk).update(purpose="opt_in", preview=words)
    return OptIn.objects.create(
        client=client, phone=PHONE, state="requested", requested_at=at, changed_at=at
    )


class TestReadKeyword:
    @pytest.mark.parametrize(
        ("body", "meaning"),
        [
            *((word, Keyword.STOP) for word in ("STOP", " stop ", "Stop.", "STOP ALL", "quit")),
            *((word, Keyword.STOP) for word in ("Opt-out", "cancel!", "End", "ALTO", "revoke")),
            *((word, Keyword.START) for word in ("Start", "UNSTOP", "opt in")),
            *((word, Keyword.YES) for word in ("YES", "yes!", "Sí", "si.", "Y", "sí")),
            *((word, Keyword.HELP) for word in ("HELP", "info", "Ayuda", "help?")),
            *((word, Keyword.NONE) for word in ("", "🎁", "don't stop", "yes but no", "sit")),
        ],
    )
    def test_goes_by_the_word_alone(self, body: str, meaning: Keyword) -> None:
        assert read_keyword(body=body, opt_out_type="") is meaning

    @pytest.mark.parametrize(
        ("body", "opt_out_type", "meaning"),
        [
            ("genug", "STOP", Keyword.STOP),
            ("help", "STOP", Keyword.STOP),
            ("YES", "START", Keyword.YES),
            ("YES", "STOP", Keyword.STOP),
            ("los", "START", Keyword.START),
            ("stop", "HELP", Keyword.HELP),
            ("stop", "NEWS", Keyword.STOP),
        ],
    )
    def test_lets_the_providers_reading_go_first(
        self, body: str, opt_out_type: str, meaning: Keyword
    ) -> None:
        assert read_keyword(body=body, opt_out_type=opt_out_type) is meaning


class TestStop:
    def test_is_for_every_client_that_texted_from_there(
        self, texting: Texting, birch: Client
    ) -> None:
        texted(texting.client, texting.later(-400 * 86400))
        texted(birch, texting.now)
        texted(birch, texting.now, to=OTHER_PHONE)
        assert receive_text(text=incoming("STOP"), now=texting.now) == ""
        assert states() == {("Acorn", PHONE): "revoked", ("Birch", PHONE): "revoked"}
        opt_in = OptIn.objects.get(client=birch)
        assert (opt_in.way, opt_in.actor, opt_in.changed_at) == (
            "text: STOP",
            "recipient",
            texting.now,
        )
        kept = InboundMessage.objects.get()
        assert (kept.handled_as, kept.client_id) == ("opt_out", birch.pk)

    def test_spares_clients_with_a_sender_of_their_own(
        self, texting: Texting, birch: Client
    ) -> None:
        texted(texting.client, texting.now)
        texted(birch, texting.now, sender="+12025550999")
        receive_text(text=incoming("STOP"), now=texting.now)
        assert states() == {("Acorn", PHONE): "revoked"}

    def test_goes_by_the_messaging_service_too(self, texting: Texting, birch: Client) -> None:
        texted(texting.client, texting.now, sender="MG1")
        texted(birch, texting.now, sender="MG2")
        receive_text(text=incoming("STOP", to_service="MG1"), now=texting.now)
        assert states() == {("Acorn", PHONE): "revoked"}

    def test_is_for_all_that_texted_when_nobody_did_from_there(
        self, texting: Texting, birch: Client
    ) -> None:
        texted(birch, texting.now, sender="MG2")
        receive_text(text=incoming("STOP"), now=texting.now)
        assert states() == {("Birch", PHONE): "revoked"}

    def test_takes_back_what_was_granted_or_asked(self, texting: Texting, birch: Client) -> None:
        OptIn.objects.create(client=texting.client, phone=PHONE, state="granted")
        OptIn.objects.create(client=birch, phone=PHONE, state="requested")
        receive_text(text=incoming("whatever", opt_out_type="STOP"), now=texting.now)
        assert set(states().values()) == {"revoked"}

    def test_silences_what_is_queued(self, texting: Texting) -> None:
        texted(texting.client, texting.now)
        waiting = texting.queue()
        receive_text(text=incoming("STOP"), now=texting.now)
        texting.send()
        assert reload(waiting).state == "suppressed"
        assert texting.bodies() == []
        assert texting.outcomes(waiting) == ["given_up"]

    def test_of_a_stranger_is_kept_and_changes_nothing(self, texting: Texting) -> None:
        receive_text(text=incoming("STOP", from_number="72975"), now=texting.now)
        assert states() == {}
        assert InboundMessage.objects.get().client_id is None


class TestStart:
    def test_ends_every_opt_out(self, texting: Texting, birch: Client, rings: list[str]) -> None:
        texted(texting.client, texting.now)
        texted(birch, texting.now)
        receive_text(text=incoming("STOP"), now=texting.now)
        receive_text(text=incoming("UNSTOP"), now=texting.later(60))
        assert set(states().values()) == {"granted"}
        assert len(states()) == 2
        assert rings == ["redemption.tasks.serve_waiting"]
        sent = texting.queue()
        texting.send(after=60)
        assert reload(sent).state == "accepted"

    def test_out_of_the_blue_is_for_who_texted_last(self, texting: Texting, birch: Client) -> None:
        texted(birch, texting.later(-60))
        texted(texting.client, texting.now)
        receive_text(text=incoming("START"), now=texting.now)
        assert states() == {("Acorn", PHONE): "granted"}

    def test_of_a_stranger_grants_nothing(self, texting: Texting, rings: list[str]) -> None:
        receive_text(text=incoming("START"), now=texting.now)
        assert states() == {}
        assert rings == []


class TestYes:
    def test_grants_the_request_that_came_last(
        self, texting: Texting, birch: Client, rings: list[str]
    ) -> None:
        asked(birch, texting.later(-7200))
        asked(texting.client, texting.later(-60), words="Acorn: reply YES, or tap ••••")
        receive_text(text=incoming("Sí!", sid="SM1"), now=texting.now)
        assert states() == {("Acorn", PHONE): "granted", ("Birch", PHONE): "requested"}
        granted = OptIn.objects.get(client=texting.client)
        assert (granted.text_shown, granted.way, granted.actor, granted.changed_at) == (
            "Acorn: reply YES, or tap ••••",
            "text: YES",
            "recipient",
            texting.now,
        )
        kept = InboundMessage.objects.get()
        assert (kept.handled_as, kept.client_id) == ("grant", texting.client.pk)
        assert rings == ["redemption.tasks.serve_waiting"]

    def test_with_nothing_asked_is_a_start(self, texting: Texting) -> None:
        texted(texting.client, texting.now)
        receive_text(text=incoming("STOP"), now=texting.now)
        receive_text(text=incoming("YES", opt_out_type="START"), now=texting.now)
        assert states() == {("Acorn", PHONE): "granted"}
        assert InboundMessage.objects.order_by("-pk")[0].handled_as == "opt_in"

    def test_said_twice_grants_once(self, texting: Texting, rings: list[str]) -> None:
        asked(texting.client, texting.now)
        receive_text(text=incoming("yes"), now=texting.now)
        receive_text(text=incoming("yes"), now=texting.later(5))
        assert list(ConsentEvent.objects.order_by("pk").values_list("state", flat=True)) == [
            "requested",
            "granted",
        ]
        assert len(rings) == 1

    def test_reaches_the_broker_by_the_tasks_name(self, texting: Texting) -> None:
        asked(texting.client, texting.now)
        receive_text(text=incoming("yes"), now=texting.now)
        assert BELL.wait_until_quiet(5)


class TestHelp:
    def words(self, texting: Texting) -> str:
        return receive_text(text=incoming("help"), now=texting.now)

    def test_names_the_clients_support(self, texting: Texting, birch: Client) -> None:
        birch.support_phone, birch.support_email = "+1 202 555 0100", "help@birch.example"
        birch.save()
        texted(texting.client, texting.later(-60))
        texted(birch, texting.now)
        assert self.words(texting) == (
            "Birch: call +1 202 555 0100 or write to help@birch.example for help."
            " Reply STOP to opt out."
        )
        assert states() == {}

    def test_speaks_the_language_of_the_last_text(self, texting: Texting) -> None:
        texting.client.support_email = "hola@acorn.example"
        texting.client.save()
        texted(texting.client, texting.now, locale="es-MX")
        assert self.words(texting) == (
            "Acorn: para ayuda escriba a hola@acorn.example. Responda STOP para la baja."
        )

    def test_falls_back_to_the_platforms(self, texting: Texting, twilio_settings: Settings) -> None:
        twilio_settings.SUPPORT_PHONE_NUMBER = "+1 202 555 0111"
        twilio_settings.COMPANY_NAME = "Giftline"
        assert self.words(texting).startswith("Giftline: call +1 202 555 0111 for help.")

    def test_has_words_without_any_contact(self, texting: Texting) -> None:
        texted(texting.client, texting.now)
        assert self.words(texting) == "Acorn: reply STOP to opt out."


class TestAgain:
    def test_the_same_text_gets_the_same_answer_and_does_nothing(self, texting: Texting) -> None:
        texted(texting.client, texting.now)
        text = incoming("help", sid="SM1")
        reply = receive_text(text=text, now=texting.now)
        texting.client.name = "Oakwood"
        texting.client.save()
        assert receive_text(text=text, now=texting.later(5)) == reply != ""
        stop = incoming("STOP", sid="SM2")
        receive_text(text=stop, now=texting.later(6))
        receive_text(text=incoming("START"), now=texting.later(7))
        receive_text(text=stop, now=texting.later(8))
        assert set(states().values()) == {"granted"}
        assert InboundMessage.objects.count() == 3

    def test_at_the_same_moment_is_done_once(self, texting: Texting) -> None:
        texted(texting.client, texting.now)

        def bring() -> str:
            return receive_text(text=incoming("STOP", sid="SM1"), now=texting.now)

        assert run_at_once(8, bring) == [""] * 8
        assert InboundMessage.objects.count() == 1
        assert ConsentEvent.objects.count() == 1
