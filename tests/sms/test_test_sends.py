"""Trying a template's words: what arrives, what is refused, and that nothing else is touched."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.urls import reverse
from pytest_django import Settings

from alerts.errors import ValidationFailedError
from credit.models import AuditEvent, User
from sms.emulator import Emulator
from sms.models import Message, OptIn
from sms.selectors.conversations import text_shown_last
from sms.selectors.figures import count_undelivered
from sms.services.consents import OptedOutError
from sms.services.examples import EXAMPLES, find_example
from sms.services.previews import Words
from sms.services.test_sends import (
    TESTS_AN_HOUR,
    ChannelNotSetUpError,
    TooManyTestsError,
    send_test,
)
from tests.races import run_at_once
from tests.sms.mail_fixture import letters
from tests.sms.texting_fixture import PHONE, Texting, reload
from tests.staff import make_platform_admin, sign_in

WORDS = Words(
    purpose="reward",
    channel="sms",
    locale="en",
    subject="",
    body="Hi {{first_name}}: {{code}} {{pin}} {{reveal_link}}",
)
MAIL = Words(
    purpose="reward",
    channel="email",
    locale="es",
    subject="Para {{first_name}}",
    body="Hola {{first_name}},\n\n{{reveal_link}}",
)
BAD = Words(purpose="reward", channel="sms", locale="en", subject="", body="{{frist}}")


@pytest.fixture
def user(texting: Texting) -> User:
    return make_platform_admin()


def send(texting: Texting, user: User, words: Words = WORDS, **changes: Any) -> Message:
    asked: dict[str, Any] = {
        "words": words,
        "example": EXAMPLES[0],
        "client": texting.client,
        "template_id": None,
        "to": PHONE,
        "user_id": user.pk,
        "now": texting.now,
    }
    return Message.objects.get(pk=send_test(**{**asked, **changes}))


def reported(texting: Texting) -> int:
    """Return how many messages the report of these days has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(messages), 0) FROM redemption_count_messages(%s, %s, %s)",
            [[texting.client.pk], texting.later(-90_000), texting.later(90_000)],
        )
        return int(cursor.fetchone()[0])


class TestSendTest:
    def test_brings_the_words_with_a_mark_and_no_secret(self, texting: Texting, user: User) -> None:
        message = send(texting, user, to="206-555-0101")
        assert texting.send() == 1
        (body,) = texting.bodies(to=PHONE)
        assert body.startswith("[Test] Hi Ana: EXAMPLE-0000-0000 0000 http")
        message = reload(message)
        assert (message.purpose, message.state) == ("test", "accepted")
        assert not message.holds_secret
        event = AuditEvent.objects.get()
        assert (event.action, event.actor) == ("template.tested", f"user:{user.pk}")
        assert event.details["after"]["to"] == "•••0101"
        assert PHONE not in str(event.details)

    def test_goes_by_email_too(self, texting: Texting, user: User, mail_server: Emulator) -> None:
        message = send(texting, user, MAIL, to=" ana@example.com ", example=find_example("tag"))
        texting.send()
        (mail,) = letters(mail_server)
        assert mail.header("Subject") == "[Test] Para {{code}}"
        assert mail.part("plain").startswith("[Test] Hola {{code}},")
        assert reload(message).state == "accepted"

    @pytest.mark.parametrize(
        ("words", "to", "field"),
        [
            (WORDS, "12", "to"),
            (WORDS, "ana@example.com", "to"),
            (MAIL, PHONE, "to"),
            (MAIL, "ana@example.com\nBcc: b@example.com", "to"),
            (BAD, PHONE, "words"),
        ],
        ids=["short", "mail for text", "phone for mail", "two lines", "unknown tag"],
    )
    def test_refuses_what_it_can_not_send(
        self,
        texting: Texting,
        user: User,
        mail_server: Emulator,
        words: Words,
        to: str,
        field: str,
    ) -> None:
        with pytest.raises(ValidationFailedError) as refused:
            send(texting, user, words, to=to)
        assert list(refused.value.errors) == [field]
        assert not Message.objects.exists()
        assert not AuditEvent.objects.exists()

    def test_says_what_is_not_set_up(
        self, texting: Texting, user: User, settings: Settings
    ) -> None:
        settings.TWILIO_ACCOUNT_SID = ""
        with pytest.raises(ChannelNotSetUpError) as refused:
            send(texting, user)
        assert refused.value.missing == "Set TWILIO_ACCOUNT_SID."
        assert not Message.objects.exists()

    def test_reaches_nobody_who_has_said_stop(self, texting: Texting, user: User) -> None:
        OptIn.objects.create(client=texting.client, phone=PHONE, state="revoked")
        with pytest.raises(OptedOutError):
            send(texting, user)
        assert not Message.objects.exists()

    def test_is_limited_for_each_person(self, texting: Texting, user: User) -> None:
        for minute in range(TESTS_AN_HOUR):
            send(texting, user, now=texting.now + timedelta(minutes=minute))
        later = texting.now + timedelta(minutes=30)
        with pytest.raises(TooManyTestsError) as refused:
            send(texting, user, now=later)
        assert refused.value.retry_after_seconds == 30 * 60
        assert Message.objects.count() == TESTS_AN_HOUR
        send(texting, make_platform_admin(), now=later)
        send(texting, user, now=texting.now + timedelta(minutes=60, seconds=1))

    def test_is_limited_also_when_all_come_at_once(self, texting: Texting, user: User) -> None:
        for _ in range(TESTS_AN_HOUR - 1):
            send(texting, user)
        results = run_at_once(4, lambda: send(texting, user))
        assert (
            sorted(type(one).__name__ for one in results) == ["Message"] + ["TooManyTestsError"] * 3
        )

    def test_would_not_be_without_the_lock(
        self, texting: Texting, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The control: the same four, counted side by side."""

        def count_unlocked(user_id: UUID, now: datetime) -> None:
            if Message.objects.count() >= TESTS_AN_HOUR:
                raise TooManyTestsError
            time.sleep(0.5)

        for _ in range(TESTS_AN_HOUR - 1):
            send(texting, user)
        monkeypatch.setattr("sms.services.test_sends._count", count_unlocked)
        results = run_at_once(4, lambda: send(texting, user))
        assert sum(isinstance(one, Message) for one in results) > 1

    def test_counts_for_no_recipient(self, texting: Texting, user: User) -> None:
        words = Words(purpose="opt_in", channel="sms", locale="en", subject="", body="YES?")
        message = send(texting, user, words)
        Message.objects.update(state="failed", next_attempt_at=None, preview="YES?")
        assert count_undelivered(since=texting.now - timedelta(days=1)) == 0
        assert text_shown_last(client_id=texting.client.pk, phone=PHONE) == ""
        assert reported(texting) == 0
        # The control: of a recipient's all do.
        Message.objects.filter(pk=message.pk).update(purpose="opt_in")
        assert reported(texting) == 1
        assert count_undelivered(since=texting.now - timedelta(days=1)) == 1
        assert text_shown_last(client_id=texting.client.pk, phone=PHONE) == "YES?"


class TestPage:
    def test_shows_trouble_in_words_and_is_for_operators(
        self, texting: Texting, user: User, settings: Settings
    ) -> None:
        settings.TWILIO_ACCOUNT_SID = ""
        url = reverse("admin:sms_messagetemplate_test")
        sent = {"channel": "sms", "purpose": "reward", "body": "Hi", "test_to": PHONE}
        page = sign_in(user).post(url, sent, headers={"HX-Request": "true"})
        assert "SMS service not configured (GC-014): nothing was sent." in page.content.decode()
        settings.TWILIO_ACCOUNT_SID = "AC" + "0" * 32
        page = sign_in(user).post(url, sent)
        assert page.status_code == 302
        message = Message.objects.get()
        assert page["Location"].endswith(f"?test={message.pk}")
        state = reverse("admin:sms_messagetemplate_test_state", args=[message.pk])
        assert "Waits to be sent" in sign_in(user).get(state).content.decode()
        stranger = sign_in(User.objects.create(username="stranger", is_staff=True))
        for answer in (stranger.post(url, sent), stranger.get(state)):
            assert answer.status_code == 404
        assert Message.objects.count() == 1
