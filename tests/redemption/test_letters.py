"""Rewards by e-mail: asked for, or after a text that was given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from alerts.errors import ValidationFailedError
from credit.models import Transaction
from credit.selectors.viewers import SYSTEM
from giftcards.models import GiftCard
from redemption.models import DeskTask, Recipient, Redemption
from redemption.services.cancelling import cancel_redemption
from redemption.services.contacts import read_contact
from redemption.services.letters import choose_letter
from redemption.services.redeem import Contact, RedeemResult
from sms.emulator import Emulator
from sms.emulator.mails import Mail
from sms.models import Message, MessageTemplate
from sms.services.sending import send_due_messages
from tests.redemption.asking import ask
from tests.sms.inbound_fixture import post_text
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC).replace(microsecond=0)
ADDRESS = "ana@example.com"
BAD_PHONE = "+15005521614"


@pytest.fixture
def world(twilio_settings: Settings, mail_server: Emulator) -> World:
    world = build_world()
    world.stock(3)
    return world


def claim(world: World, contact: Contact, **changes: Any) -> RedeemResult:
    """Redeem a new code of somebody whose address is known."""
    (code,) = world.invite()
    Recipient.objects.filter(pk=world.recipient(code).pk).update(email=ADDRESS)
    return ask(code, **{"contact": contact, "now": NOW} | changes)


def send(after: float = 0) -> None:
    send_due_messages(now=NOW + timedelta(seconds=after))


def take_back(result: RedeemResult) -> None:
    cancel_redemption(
        viewer=SYSTEM, redemption_id=result.redemption_id, reason="a mistake", now=NOW
    )


def messages() -> list[tuple[str, str, str]]:
    rows = Message.objects.order_by("created_at", "channel").values_list("channel", "to", "state")
    return sorted(rows, key=lambda row: row[0] == "email")


def the_mail(mail_server: Emulator) -> Mail:
    (mail,) = mail_server.mails()
    return mail


class TestByEmail:
    def test_brings_the_link_and_no_code(self, world: World, mail_server: Emulator) -> None:
        result = claim(world, Contact(method="email", to=ADDRESS))
        send()
        mail = the_mail(mail_server)
        assert mail.header("Subject") == "Your $25.00 Acorn Shop gift card from Acorn Ltd"
        assert mail.header("From") == "Acorn Ltd <help@giftline.example>"
        assert mail.header("Reply-To") == "help@giftline.example"
        link = f"http://127.0.0.1:1/r/{result.reveal_token}/"
        assert mail.part("plain").strip() == (
            "Hello Ana,\n\nThank you for taking part. Your $25.00 Acorn Shop gift card from"
            f" Acorn Ltd is ready. Open it here:\n\n{link}\n\nPlease open it on a device of your"
            " own: from then on the card shows there and nowhere else."
        )
        assert f'<a href="{link}"' in mail.part("html")
        card = GiftCard.objects.get(status="delivered")
        assert card.last4 not in mail.source
        assert card.disclosed_at is None
        reward = Redemption.objects.get()
        assert (reward.state, reward.contact_to) == ("delivered", ADDRESS)
        preview = Message.objects.get().preview
        assert preview.startswith("Your $25.00 Acorn Shop gift card from Acorn Ltd\n\nHello Ana,")
        assert str(result.reveal_token) not in preview

    def test_answers_go_to_the_clients_support(self, world: World, mail_server: Emulator) -> None:
        world.client.support_email = "help@acorn.example"
        world.client.support_phone = "+1 202 555 0100"
        world.client.save()
        claim(world, Contact(method="email", to=ADDRESS))
        send()
        mail = the_mail(mail_server)
        assert mail.header("Reply-To") == "help@acorn.example"
        assert "If you have questions, call +1 202 555 0100." in mail.part("plain")

    def test_speaks_spanish(self, world: World, mail_server: Emulator) -> None:
        world.campaign.locale = "es"
        world.campaign.save()
        claim(world, Contact(method="email", to=ADDRESS))
        send()
        mail = the_mail(mail_server)
        assert mail.header("Subject") == "Su tarjeta Acorn Shop de $25.00 de Acorn Ltd"
        assert "ya está lista. Ábrala aquí:" in mail.part("plain")
        assert 'lang="es"' in mail.part("html")

    def test_takes_the_clients_own_words(self, world: World, mail_server: Emulator) -> None:
        MessageTemplate.objects.create(
            client=world.client,
            purpose="reward",
            channel="email",
            subject="{{first_name}}: {{amount}}",
            body="{{brand}}\n\n{{reveal_link}}\n\n{{code}}",
        )
        claim(world, Contact(method="email", to=ADDRESS))
        send()
        mail = the_mail(mail_server)
        card = GiftCard.objects.get(status="delivered")
        assert mail.header("Subject") == "Ana: $25.00"
        # Asked for, so shown, and marked as seen before it left.
        assert mail.part("plain").strip().endswith(card.last4)
        assert card.disclosed_at is not None
        assert card.last4 not in Message.objects.get().preview

    def test_greets_nobody_by_an_empty_name(self) -> None:
        letter = choose_letter(purpose="reward", language="en", hours=24)
        assert letter is not None
        assert letter.body({}).startswith("Hello,\n\nThank you")
        assert "call" not in letter.body({})

    def test_has_words_for_everything_about_a_reward(self) -> None:
        for language in ("en", "es", "de"):
            for purpose in ("reward", "resend", "delay_notice", "reminder"):
                letter = choose_letter(purpose=purpose, language=language, hours=24)
                assert letter is not None
                assert "{hours}" not in letter.body({})


class TestInsteadOfAText:
    def test_follows_a_number_that_gets_none(self, world: World, mail_server: Emulator) -> None:
        result = claim(world, Contact(method="sms", to=BAD_PHONE))
        send()
        # In the same run: nobody waits for the next one.
        assert messages() == [("sms", BAD_PHONE, "failed"), ("email", ADDRESS, "accepted")]
        # A person was to find another number until the e-mail was out.
        task = DeskTask.objects.get()
        assert (task.kind, task.outcome, task.done_by) == ("bad_number", "settled", None)
        assert "An e-mail goes out instead." in task.note
        assert str(result.reveal_token) in the_mail(mail_server).part("plain")
        # The same reward: no second card, no second charge.
        assert GiftCard.objects.exclude(status="available").count() == 1
        assert Transaction.objects.filter(kind="redemption").count() == 1
        assert Redemption.objects.get().state == "delivered"

    def test_follows_the_last_attempt(
        self, world: World, twilio_emulator: Emulator, mail_server: Emulator
    ) -> None:
        twilio_emulator.set_faults([{"action": "error", "code": 30008}])
        claim(world, Contact(method="sms", to="+12065550101"))
        for after in (0, 40):
            send(after=after)
            assert len(messages()) == 1
        send(after=400)
        assert messages() == [("sms", "+12065550101", "failed"), ("email", ADDRESS, "accepted")]

    def test_follows_what_the_carrier_reports_later(
        self, world: World, live_server: Any, settings: Settings, twilio_emulator: Emulator
    ) -> None:
        settings.PUBLIC_BASE_URL = live_server.url
        twilio_emulator.set_faults([{"action": "undelivered", "code": 30006}])
        claim(world, Contact(method="sms", to="+12065550101"))
        send()
        assert twilio_emulator.wait_until_quiet()
        assert messages() == [
            ("sms", "+12065550101", "undelivered"),
            ("email", ADDRESS, "queued"),
        ]

    def test_follows_an_opt_out(self, world: World) -> None:
        claim(world, Contact(method="sms", to="+12065550101"))
        Message.objects.update(accepted_at=NOW)
        post_text("STOP")
        send()
        assert messages() == [
            ("sms", "+12065550101", "suppressed"),
            ("email", ADDRESS, "accepted"),
        ]

    def test_is_sent_once_whatever_else_fails(self, world: World, mail_server: Emulator) -> None:
        result = claim(world, Contact(method="sms", to=BAD_PHONE))
        send()
        again = Message.objects.get(channel="sms")
        again.pk, again.state, again.next_attempt_at = None, "queued", NOW
        again.purpose = "resend"
        again.save(force_insert=True)
        send(after=1)
        send(after=2)
        assert Message.objects.filter(channel="email").count() == 1
        assert len(mail_server.mails()) == 1
        assert str(result.reveal_token) in mail_server.mails()[0].source.replace("=\n", "")

    def test_that_fails_too_is_a_persons_to_settle(self, world: World) -> None:
        result = claim(world, Contact(method="sms", to=BAD_PHONE))
        Recipient.objects.update(email="rcpt-550@example.com")
        send()
        send(after=1)
        # One task, though two messages have failed.
        task = DeskTask.objects.get()
        assert (task.kind, task.phone, task.done_at) == ("bad_number", BAD_PHONE, None)
        assert task.redemption_id == result.redemption_id
        assert GiftCard.objects.exclude(status="available").count() == 1

    @pytest.mark.parametrize("case", ["no address", "no channel"])
    def test_where_there_is_none_a_person_is_told_at_once(
        self, world: World, settings: Settings, case: str
    ) -> None:
        claim(world, Contact(method="sms", to=BAD_PHONE))
        if case == "no address":
            Recipient.objects.update(email="")
        else:
            settings.EMAIL_ENABLED = False
        send()
        assert [channel for channel, _, _ in messages()] == ["sms"]
        task = DeskTask.objects.get()
        assert (task.kind, task.done_at) == ("bad_number", None)
        assert task.due_at < NOW + timedelta(minutes=31)

    def test_is_not_for_a_reward_that_was_taken_back(self, world: World) -> None:
        claims = [claim(world, Contact(method="sms", to=BAD_PHONE)) for _ in range(2)]
        take_back(claims[0])
        send_due_messages(now=NOW, batch_size=1)
        assert [state for _, _, state in messages()] == ["cancelled", "failed", "accepted"]

    def test_that_waits_is_not_sent_for_a_reward_that_was_taken_back(
        self, world: World, mail_server: Emulator
    ) -> None:
        mail_server.set_mail_faults([{"stage": "rcpt", "code": 450}])
        result = claim(world, Contact(method="sms", to=BAD_PHONE))
        send()
        take_back(result)
        mail_server.set_mail_faults([])
        send(after=60)
        assert messages()[1] == ("email", ADDRESS, "cancelled")
        assert mail_server.mails() == []


class TestOffer:
    def test_is_on_the_form_when_somebody_carries_it(
        self, world: World, client: Browser, settings: Settings
    ) -> None:
        (code,) = world.invite()
        client.post("/redeem/", {"code": code})
        assert 'value="email"' in client.get("/redeem/").content.decode()
        settings.EMAIL_ENABLED = False
        assert 'value="email"' not in client.get("/redeem/").content.decode()

    def test_is_taken_by_the_form(
        self, world: World, client: Browser, mail_server: Emulator
    ) -> None:
        (code,) = world.invite()
        client.post("/redeem/", {"code": code})
        client.post("/redeem/", {"method": "email", "email": ADDRESS})
        send_due_messages(now=datetime.now(UTC))
        assert the_mail(mail_server).to == ADDRESS

    def test_is_refused_where_nobody_carries_it(self, world: World, settings: Settings) -> None:
        assert read_contact(method="email", email=ADDRESS).to == ADDRESS
        settings.EMAIL_ENABLED = False
        with pytest.raises(ValidationFailedError) as refusal:
            read_contact(method="email", email=ADDRESS, prefix="contact.")
        assert refusal.value.errors == {"contact.method": ["Choose a text message."]}
