"""E-mails over real SMTP: what arrives, and what follows from each answer of a mail server."""

import socket
import threading
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from alerts.models import Alert
from credit.services.colours import shades_of
from credit.services.looks import Look
from sms.emulator import Emulator
from sms.models import ChannelStop, PhoneHealth
from sms.policies import POLICIES, Reaction, policy_of
from sms.providers import NotConfiguredError, OutgoingText, RefusedError, choose_provider
from sms.services.claims import claim_due
from sms.services.letters import write_html
from sms.services.parties import RenderedText
from sms.services.sending import lease_length
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN
from tests.sms.mail_fixture import ADDRESS, letters, queue_letter, use_mail_server
from tests.sms.texting_fixture import Texting, attempts_of, reload


def wait_of(texting: Texting, message: Any, *, after: float = 0) -> float:
    due_at = reload(message).next_attempt_at
    assert due_at is not None
    return (due_at - texting.later(after)).total_seconds()


class TestSend:
    def test_brings_text_and_html(self, texting: Texting, mail_server: Emulator) -> None:
        message = queue_letter(texting, "Grüße\n.\n\nhttp://gifts.example/r/abc/")
        texting.send()
        (mail,) = letters(mail_server)
        assert mail.part("plain").strip() == "Grüße\n.\n\nhttp://gifts.example/r/abc/"
        assert '<a href="http://gifts.example/r/abc/"' in mail.part("html")
        assert mail.header("Message-ID") == f"<{message.pk.hex}@127.0.0.1>"
        assert mail.header("From") == "help@giftline.example"
        assert (mail.header("To"), mail.sender) == (ADDRESS, "help@giftline.example")
        assert mail.header("Auto-Submitted") == "auto-generated"
        message = reload(message)
        assert (message.state, message.provider_id) == ("accepted", message.pk.hex)
        # Nothing more is ever heard of it, so nobody asks.
        assert message.next_attempt_at is None
        assert attempts_of(message) == [(1, "accepted", "")]
        assert texting.outcomes(message) == ["accepted"]
        assert texting.send(after=100_000) == 0

    def test_comes_from_our_own_host_without_a_support_address(
        self, texting: Texting, mail_server: Emulator, settings: Settings
    ) -> None:
        settings.SUPPORT_EMAIL = ""
        settings.PUBLIC_BASE_URL = "https://gifts.example:8443"
        queue_letter(texting)
        texting.send()
        assert letters(mail_server)[0].header("From") == "no-reply@gifts.example"

    def test_takes_an_opt_out_of_texts_for_no_opt_out_of_mail(
        self, texting: Texting, mail_server: Emulator
    ) -> None:
        mail_server.opt_out(ADDRESS)
        queue_letter(texting)
        texting.send()
        assert len(letters(mail_server)) == 1

    def test_lets_no_subject_add_a_header(self, mail_server: Emulator) -> None:
        bad = OutgoingText(to=ADDRESS, body="x", callback_url="", subject="Hi\nBcc: eve@x.example")
        with pytest.raises(RefusedError) as refusal:
            choose_provider("email").send(bad)
        assert refusal.value.code == "smtp-address"
        assert mail_server.mails() == []


class TestMailServersAnswers:
    @pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "connect"])
    @pytest.mark.parametrize("code", [421, 450, 451, 452])
    def test_of_4xx_is_tried_again_by_the_schedule(
        self, texting: Texting, mail_server: Emulator, stage: str, code: int
    ) -> None:
        mail_server.set_mail_faults([{"stage": stage, "code": code}])
        message = queue_letter(texting)
        texting.send()
        assert attempts_of(message) == [(1, "refused", f"smtp-{code}")]
        assert 30 <= wait_of(texting, message) < 35
        texting.send(after=40)
        assert 300 <= wait_of(texting, message, after=40) < 335
        mail_server.set_mail_faults([])
        texting.send(after=400)
        assert reload(message).state == "accepted"
        assert len(letters(mail_server)) == 1

    def test_of_4xx_ends_after_three_tries(self, texting: Texting, mail_server: Emulator) -> None:
        message = queue_letter(texting, to="rcpt-450@example.com")
        for after in (0, 40, 400):
            texting.send(after=after)
        message = reload(message)
        assert (message.state, message.attempts_used) == ("failed", 3)
        assert texting.outcomes(message) == ["given_up"]
        assert texting.send(after=100_000) == 0

    @pytest.mark.parametrize(
        ("stage", "code"), [("rcpt", 550), ("rcpt", 553), ("rcpt", 552), ("data", 550)]
    )
    def test_of_5xx_is_the_end(
        self, texting: Texting, mail_server: Emulator, stage: str, code: int
    ) -> None:
        message = queue_letter(texting, to=f"{stage}-{code}@example.com")
        texting.send()
        message = reload(message)
        assert (message.state, message.error_code) == ("failed", f"smtp-{code}")
        assert message.next_attempt_at is None
        assert texting.outcomes(message) == ["given_up"]
        # Addresses are no phone numbers.
        assert not PhoneHealth.objects.exists()
        assert not ChannelStop.objects.exists()

    def test_of_554_counts_as_filtered(self, texting: Texting, mail_server: Emulator) -> None:
        message = queue_letter(texting, to="data-554@example.com")
        texting.send()
        assert (reload(message).state, reload(message).error_code) == ("failed", "smtp-554")

    @pytest.mark.parametrize(
        ("stage", "told", "kept"),
        [
            ("mail", 550, "smtp-sender"),
            ("mail", 530, "smtp-530"),
            ("connect", 554, "smtp-connect"),
        ],
    )
    def test_about_our_set_up_stop_the_channel_until_it_is_mended(
        self, texting: Texting, mail_server: Emulator, stage: str, told: int, kept: str
    ) -> None:
        mail_server.set_mail_faults([{"stage": stage, "code": told}])
        message, text = queue_letter(texting), texting.queue("by text")
        texting.send()
        assert (reload(message).state, reload(message).attempts_used) == ("queued", 0)
        stop = ChannelStop.objects.get()
        assert (stop.channel, stop.error_code) == ("email", kept)
        alert = Alert.objects.get(kind="channel_stopped")
        assert (alert.severity, alert.subject) == (
            "critical",
            f"E-mail channel stopped by error {kept}",
        )
        # Texts go on.
        assert reload(text).state == "accepted"
        mail_server.set_mail_faults([])
        texting.send(after=130)
        assert reload(message).state == "accepted"
        assert not ChannelStop.objects.exists()
        alert.refresh_from_db()
        assert alert.state == "resolved"

    def test_that_never_came_is_waited_for_and_tried_again(
        self, texting: Texting, mail_server: Emulator
    ) -> None:
        mail_server.set_mail_faults([{"stage": "data", "drop": True, "times": 1}])
        message = queue_letter(texting)
        texting.send()
        assert (reload(message).state, reload(message).error_code) == ("unknown", "no_answer")
        texting.send(after=40)
        message = reload(message)
        assert (message.state, message.attempts_used) == ("accepted", 2)
        assert [status for _, status, _ in attempts_of(message)] == ["lost", "accepted"]
        # Should both have arrived, they are the same mail to a mail program.
        assert letters(mail_server)[0].header("Message-ID") == f"<{message.pk.hex}@127.0.0.1>"

    def test_of_a_server_that_is_not_there_is_tried_again(
        self, texting: Texting, mail_server: Emulator, settings: Settings
    ) -> None:
        settings.EMAIL_PORT = 1
        message = queue_letter(texting)
        texting.send()
        assert attempts_of(message) == [(1, "lost", "unreachable")]
        assert reload(message).state == "queued"

    def test_of_a_server_that_says_nothing_is_not_waited_for_long(
        self, texting: Texting, mail_server: Emulator, settings: Settings
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = silent.getsockname()[1], 0.2
            message = queue_letter(texting)
            sender = threading.Thread(target=texting.send)
            sender.start()
            sender.join(timeout=5)
            assert not sender.is_alive()
        assert attempts_of(message) == [(1, "lost", "unreachable")]

    def test_about_a_log_in(self, texting: Texting, settings: Settings) -> None:
        login = ("us", "secret")
        with Emulator(
            account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, smtp_port=0, smtp_login=login
        ) as server:
            use_mail_server(settings, server.mail_url)
            message = queue_letter(texting)
            settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "us", "wrong"
            texting.send()
            assert ChannelStop.objects.get().error_code == "smtp-535"
            settings.EMAIL_HOST_PASSWORD = "secret"
            texting.send(after=130)
            assert reload(message).state == "accepted"
            assert len(server.mails()) == 1

    def test_without_the_encryption_that_is_asked_for(
        self, texting: Texting, mail_server: Emulator, settings: Settings
    ) -> None:
        settings.EMAIL_USE_TLS = True
        message = queue_letter(texting)
        texting.send()
        assert ChannelStop.objects.get().error_code == "smtp-tls"
        assert (reload(message).state, reload(message).attempts_used) == ("queued", 0)
        assert mail_server.mails() == []


class TestAWorkerKilled:
    def test_in_the_middle_leaves_a_mail_that_is_sent_again_under_its_id(
        self, texting: Texting, mail_server: Emulator
    ) -> None:
        message = queue_letter(texting)
        claimed = claim_due(
            channel="email",
            limit=10,
            now=texting.now,
            leased_until=texting.now + lease_length("email"),
        )
        assert [one.message_id for one in claimed] == [message.pk]
        assert texting.send(after=20) == 0  # it may still be at work
        texting.send(after=200)
        assert reload(message).state == "accepted"
        assert [status for _, status, _ in attempts_of(message)] == ["lost", "accepted"]
        (mail,) = letters(mail_server)
        assert mail.header("Message-ID") == f"<{message.pk.hex}@127.0.0.1>"


class TestChannel:
    def test_that_is_not_set_up_says_so_and_loses_nothing(
        self, texting: Texting, settings: Settings, mail_server: Emulator
    ) -> None:
        settings.EMAIL_ENABLED = False
        with pytest.raises(NotConfiguredError, match="EMAIL_URL"):
            choose_provider("email")
        message = queue_letter(texting)
        texting.send()
        alert = Alert.objects.get()
        assert alert.subject == "E-mail service not configured"
        settings.EMAIL_ENABLED = True
        texting.send(after=61)
        assert reload(message).state == "accepted"

    def test_leases_as_long_as_a_slow_mail_server_may_take(self, settings: Settings) -> None:
        settings.EMAIL_TIMEOUT = 10
        assert lease_length("email").total_seconds() == 20 + 9 * 10 + 5


class TestPolicyOf:
    @pytest.mark.parametrize(
        ("code", "reaction"),
        [
            ("smtp-499", Reaction.RETRY),
            ("smtp-450", Reaction.RETRY),
            ("smtp-557", Reaction.BAD_NUMBER),
            ("smtp-554", Reaction.FILTERED),
            ("smtp-535", Reaction.SET_UP),
            ("smtp-4500", Reaction.RETRY),
            ("99999", Reaction.RETRY),
        ],
    )
    def test_goes_by_the_class_where_the_code_has_no_row(
        self, code: str, reaction: Reaction
    ) -> None:
        assert policy_of(POLICIES, code).reaction is reaction


class TestWriteHtml:
    def test_has_the_look_of_the_client(self, settings: Settings) -> None:
        settings.PUBLIC_BASE_URL = "https://gifts.example.com"
        look = Look(
            client_id=UUID(int=7),
            colour="#ffe600",
            logo_digest="abc",
            logo_width=300,
            logo_height=96,
        )
        words = {"body": "http://x.example/r/a/", "preview": "", "from_name": "Acorn"}
        html = write_html(RenderedText(**words, look=look), locale="en")  # type: ignore[arg-type]
        # The palest of colours, darkened until white words can be read on it.
        assert "background:#ffe600" not in html
        assert f"background:{shades_of('#ffe600').light}" in html
        assert f'src="https://gifts.example.com/look/{UUID(int=7)}/abc.png" alt="Acorn"' in html
        assert 'width="150" height="48"' in html
        ours = write_html(RenderedText(**words), locale="en")  # type: ignore[arg-type]
        assert "background:#10604d" in ours
        assert "<img" not in ours

    def test_escapes_everything(self) -> None:
        rendered = RenderedText(
            body="Dear <b>Ana</b> & {{code}},\n\nhttp://x.example/r/a/\n\nLine one\nline two",
            preview="",
            subject="<script>",
            from_name="Smith & Sons",
        )
        html = write_html(rendered, locale="es-MX")
        assert "Dear &lt;b&gt;Ana&lt;/b&gt; &amp; {{code}}," in html
        assert "<title>&lt;script&gt;</title>" in html
        assert "Smith &amp; Sons" in html
        assert 'lang="es"' in html
        assert '<a href="http://x.example/r/a/" style=' in html
        assert "Line one<br>line two" in html
