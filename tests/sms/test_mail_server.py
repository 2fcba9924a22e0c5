"""The emulator's mail server, spoken to by the standard library alone."""

import json
import smtplib
import urllib.request
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from sms.emulator import Emulator
from sms.emulator.mailserver import MailFaultError
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN


def connect(emulator: Emulator) -> smtplib.SMTP:
    parts = urlsplit(emulator.mail_url)
    return smtplib.SMTP(parts.hostname or "", parts.port or 0, timeout=5)


def letter(to: str = "a@example.com", words: str = "Hello") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "us@example.com", to, "Grüße"
    message["Message-ID"] = "<1@example.com>"
    message.set_content(words)
    return message


@pytest.fixture
def client(mail_server: Emulator) -> Iterator[smtplib.SMTP]:
    with connect(mail_server) as client:
        yield client


def control(emulator: Emulator, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{emulator.base_url}{path}", data, timeout=5) as answer:  # noqa: S310
        return json.load(answer)


class TestMailServer:
    def test_keeps_a_mail_for_each_recipient(
        self, client: smtplib.SMTP, mail_server: Emulator
    ) -> None:
        client.send_message(letter("a@example.com, b@example.com", "One\n.dot\n..two"))
        assert [mail.to for mail in mail_server.mails()] == ["b@example.com", "a@example.com"]
        (mail,) = mail_server.mails(to="a@example.com")
        assert (mail.header("Subject"), mail.part("plain")) == ("Grüße", "One\n.dot\n..two\n")
        assert mail.part("html") == ""

    def test_shows_them_at_its_control(self, client: smtplib.SMTP, mail_server: Emulator) -> None:
        client.send_message(letter())
        (shown,) = control(mail_server, "/_control/mails?to=a@example.com&limit=5")
        assert {name: shown[name] for name in ("to", "from", "subject", "message_id", "body")} == {
            "to": "a@example.com",
            "from": "us@example.com",
            "subject": "Grüße",
            "message_id": "<1@example.com>",
            "body": "Hello",
        }
        assert control(mail_server, "/_control/mails?to=b@example.com") == []

    @pytest.mark.parametrize(
        ("to", "error"),
        [
            ("rcpt-550@example.com", smtplib.SMTPRecipientsRefused),
            ("data-451@example.com", smtplib.SMTPDataError),
            ("drop@example.com", smtplib.SMTPServerDisconnected),
        ],
    )
    def test_refuses_addresses_that_say_so(
        self, client: smtplib.SMTP, mail_server: Emulator, to: str, error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            client.send_message(letter(to))
        assert mail_server.mails() == []

    def test_refuses_by_rules_so_many_times(
        self, client: smtplib.SMTP, mail_server: Emulator
    ) -> None:
        rule = {"stage": "rcpt", "code": 450, "to": "a@example.com", "times": 1}
        control(mail_server, "/_control/mail-faults", [rule])
        client.send_message(letter("b@example.com"))
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.send_message(letter())
        client.send_message(letter())
        assert len(mail_server.mails()) == 2

    @pytest.mark.parametrize(
        "rule",
        [{"stage": "lunch"}, {"stage": "rcpt", "code": 250}, {"stage": "rcpt", "x": 1}, "rcpt"],
    )
    def test_refuses_rules_it_does_not_understand(self, mail_server: Emulator, rule: Any) -> None:
        with pytest.raises(MailFaultError):
            mail_server.set_mail_faults([rule])

    def test_wants_its_steps_in_order(self, client: smtplib.SMTP) -> None:
        assert client.docmd("DATA")[0] == 503
        assert client.docmd("VRFY", "x")[0] == 502
        assert client.noop()[0] == 250
        assert client.rset()[0] == 250

    def test_is_not_there_unless_asked_for(self, twilio_emulator: Emulator) -> None:
        with pytest.raises(ValueError, match="smtp_port"):
            _ = twilio_emulator.mail_url

    def test_remembers_over_a_restart(self, tmp_path: Path) -> None:
        facts: dict[str, Any] = {
            "account_sid": ACCOUNT_SID,
            "auth_token": AUTH_TOKEN,
            "smtp_port": 0,
            "state_path": tmp_path / "phone.jsonl",
        }
        with Emulator(**facts) as emulator, connect(emulator) as client:
            client.send_message(letter(words="Remember"))
        with Emulator(**facts) as emulator:
            (mail,) = emulator.mails()
            assert mail.part("plain") == "Remember\n"
            emulator.reset()
        with Emulator(**facts) as emulator:
            assert emulator.mails() == []


class TestPhone:
    def test_shows_mails_beside_texts(
        self, mail_server: Emulator, settings: Any, db: None, client: Any
    ) -> None:
        settings.TWILIO_API_BASE_URL = mail_server.base_url
        settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKENS = ACCOUNT_SID, [AUTH_TOKEN]
        settings.SANDBOX = True
        client.send_message(letter())
        (shown,) = Client().get("/sandbox/phone/messages.json").json()
        assert (shown["channel"], shown["to"], shown["body"]) == (
            "email",
            "a@example.com",
            "Hello",
        )
        page = Client().get("/sandbox/phone/").content.decode()
        assert "<strong>Grüße</strong>" in page
