"""Rewards that wait for an opt-in: the request, its answer by text, by link or by an agent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from pytest_django import Settings

from alerts.errors import ValidationFailedError
from alerts.transactions import transaction
from credit.models import AuditEvent, Client, Membership, User
from giftcards.models import GiftCard
from redemption.models import DeskTask, Redemption
from redemption.services.opt_ins import (
    NotWaitingError,
    RedemptionUnknownError,
    SkipNotPermittedError,
    ask_for_opt_in,
    ask_the_unasked,
    skip_opt_in,
)
from redemption.services.redeem import Contact, RedeemResult
from redemption.services.serving import serve_waiting
from sms.emulator import Emulator
from sms.models import ConsentEvent, Message, MessageTemplate, OptIn
from sms.services.consents import OptedOutError, Proof, revoke_consent
from sms.services.requests import Request, derive_opt_in_token
from sms.services.sending import send_due_messages
from tests.races import run_at_once
from tests.redemption.asking import ask, caller
from tests.sms.inbound_fixture import post_text
from tests.staff import make_user
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC).replace(microsecond=0)
PHONE = "+12065550101"
TEXT = Contact(method="sms", to=PHONE)


@pytest.fixture
def world(twilio_settings: Settings) -> World:
    world = build_world()
    world.campaign.opt_in_required = True
    world.campaign.save()
    world.stock(3)
    return world


def claim(world: World, code: str | None = None, **changes: Any) -> RedeemResult:
    """Redeem a new code, or the given one, for a text."""
    return ask(code or world.invite()[0], **{"contact": TEXT, "now": NOW} | changes)


def requests_sent() -> list[Message]:
    return list(Message.objects.filter(purpose="opt_in").order_by("created_at"))


def send(after: float = 0) -> None:
    send_due_messages(now=NOW + timedelta(seconds=after))


def serve(after: float = 0) -> None:
    serve_waiting(now=NOW + timedelta(seconds=after), limit=10)


def link_of(world: World, phone: str = PHONE) -> str:
    return f"/o/{derive_opt_in_token(client_id=world.client.pk, phone=phone)}/"


class TestAskForOptIn:
    def test_texts_the_request_when_a_reward_waits(
        self, world: World, twilio_emulator: Emulator
    ) -> None:
        result = claim(world)
        assert (result.state, result.reason_code) == ("waiting_opt_in", "GC-009")
        (message,) = requests_sent()
        assert (message.reference_kind, message.reference_id) == ("opt_in", result.redemption_id)
        assert (message.to, message.client_id, message.locale) == (PHONE, world.client.pk, "en")
        opt_in = OptIn.objects.get()
        assert (opt_in.state, opt_in.requested_at, opt_in.actor) == ("requested", NOW, "key:test")
        send()
        (text,) = twilio_emulator.messages(to=PHONE)
        assert text.body == (
            "Acorn Ltd: your Acorn Shop gift card is ready. Reply YES to get it by text, or tap"
            f" http://127.0.0.1:1{link_of(world)}\nReply STOP to opt out."
        )
        assert text.segments == 1
        # The secret of the link rests nowhere.
        message.refresh_from_db()
        assert link_of(world) not in message.preview
        assert "http://127.0.0.1:1/o/••••/" in message.preview
        assert GiftCard.objects.filter(status="available").count() == 3
        assert world.balance() == 100_000

    def test_asks_once_however_often_it_is_redeemed(self, world: World) -> None:
        (code,) = world.invite()
        first = claim(world, code)
        for minute in range(1, 4):
            again = claim(world, code, now=NOW + timedelta(minutes=minute))
            assert again.redemption_id == first.redemption_id
        claim(world)
        assert len(requests_sent()) == 1

    def test_asks_again_after_a_day(self, world: World) -> None:
        (code,) = world.invite()
        claim(world, code)
        claim(world, code, now=NOW + timedelta(hours=23, minutes=59))
        assert len(requests_sent()) == 1
        claim(world, code, now=NOW + timedelta(hours=24))
        assert len(requests_sent()) == 2
        assert OptIn.objects.get().requested_at == NOW + timedelta(hours=24)

    def test_asks_once_at_the_same_moment(self, world: World) -> None:
        result = claim(world)
        OptIn.objects.all().delete()
        Message.objects.all().delete()

        def again() -> Request | None:
            return ask_for_opt_in(redemption_id=result.redemption_id, now=NOW)

        became = run_at_once(8, again)
        assert sorted(str(one) for one in became) == [
            "Request.ASKED",
            *["Request.ASKED_BEFORE"] * 7,
        ]
        assert len(requests_sent()) == 1

    def test_asks_a_corrected_number_too(self, world: World) -> None:
        (code,) = world.invite()
        claim(world, code)
        claim(world, code, contact=Contact(method="sms", to="+12065550102"))
        assert [message.to for message in requests_sent()] == [PHONE, "+12065550102"]

    def test_never_asks_who_has_said_stop(self, world: World) -> None:
        with transaction():
            revoke_consent(
                client_ids=[world.client.pk],
                phone=PHONE,
                proof=Proof(way="text: STOP"),
                now=NOW,
            )
        result = claim(world)
        assert result.state == "waiting_opt_in"
        became = ask_for_opt_in(redemption_id=result.redemption_id, now=NOW + timedelta(days=9))
        assert became is Request.OPTED_OUT
        assert requests_sent() == []

    def test_asks_nobody_who_has_agreed_or_gets_an_e_mail(self, world: World) -> None:
        OptIn.objects.create(client=world.client, phone=PHONE, state="granted")
        assert claim(world).state == "issued"
        assert claim(world, contact=Contact(method="none")).state == "issued"
        assert requests_sent() == []

    def test_speaks_spanish(self, world: World, twilio_emulator: Emulator) -> None:
        world.campaign.locale = "es"
        world.campaign.save()
        claim(world)
        send()
        (text,) = twilio_emulator.messages(to=PHONE)
        assert text.body == (
            "Acorn Ltd: su tarjeta Acorn Shop le espera. Responda SI para recibirla, o toque"
            f" http://127.0.0.1:1{link_of(world)}\nResponda STOP para darse de baja."
        )
        assert text.segments == 1

    def test_takes_the_clients_own_words(self, world: World, twilio_emulator: Emulator) -> None:
        template = MessageTemplate.objects.create(
            client=world.client,
            purpose="opt_in",
            channel="sms",
            body="{{first_name}}: {{amount}} von {{company}}? {{opt_in_link}}",
        )
        claim(world)
        send()
        (text,) = twilio_emulator.messages(to=PHONE)
        assert text.body == f"Ana: $25.00 von Acorn Ltd? http://127.0.0.1:1{link_of(world)}"
        assert requests_sent()[0].template_id == template.pk

    def test_is_not_sent_once_the_reward_no_longer_waits(
        self, world: World, twilio_emulator: Emulator
    ) -> None:
        claim(world)
        OptIn.objects.update(state="granted")
        serve()
        send()
        (text,) = twilio_emulator.messages(to=PHONE)
        assert "is ready" not in text.body
        assert "gift card" in text.body
        assert requests_sent()[0].state == "cancelled"

    def test_says_when_the_request_does_not_arrive(self, world: World) -> None:
        result = claim(world, contact=Contact(method="sms", to="+15005521614"))
        send()
        task = DeskTask.objects.get()
        assert (task.kind, task.phone) == ("bad_number", "+15005521614")
        assert (task.redemption_id, task.client_id) == (result.redemption_id, world.client.pk)
        assert "(error 21614)" in task.note


class TestAskTheUnasked:
    def test_asks_whom_a_crash_left_out(self, world: World) -> None:
        result = claim(world)
        OptIn.objects.all().delete()
        Message.objects.all().delete()
        assert ask_the_unasked(now=NOW, limit=10) == 1
        (message,) = requests_sent()
        assert message.reference_id == result.redemption_id
        assert ask_the_unasked(now=NOW + timedelta(days=5), limit=10) == 0

    def test_is_part_of_serving(self, world: World) -> None:
        claim(world)
        OptIn.objects.all().delete()
        Message.objects.all().delete()
        serve()
        assert len(requests_sent()) == 1


class TestYes:
    def test_lets_the_reward_go_on(self, world: World, twilio_emulator: Emulator) -> None:
        result = claim(world)
        send()
        assert post_text("Yes!").status_code == 200
        serve()
        reward = Redemption.objects.get(pk=result.redemption_id)
        assert (reward.state, reward.charged_minor) == ("issued", 2500)
        assert reward.card is not None
        send()
        bodies = [one.body for one in twilio_emulator.messages(to=PHONE)]
        assert any("/r/" in body for body in bodies)
        opt_in = OptIn.objects.get()
        assert opt_in.way == "text: YES"
        assert opt_in.text_shown.startswith("Acorn Ltd: your Acorn Shop gift card is ready.")

    def test_of_nobody_serves_nobody(self, world: World) -> None:
        result = claim(world)
        serve(60)
        assert Redemption.objects.get(pk=result.redemption_id).state == "waiting_opt_in"

    def test_after_a_stop_the_reward_waits_on(self, world: World) -> None:
        result = claim(world)
        send()
        post_text("STOP")
        serve()
        assert Redemption.objects.get(pk=result.redemption_id).state == "waiting_opt_in"
        post_text("START")
        serve()
        assert Redemption.objects.get(pk=result.redemption_id).state == "issued"


class TestLink:
    def test_grants_by_its_button(self, world: World, client: Browser) -> None:
        result = claim(world)
        page = client.get(link_of(world))
        assert page.status_code == 200
        consent = page.context["page"]["consent"]
        assert consent == (
            "By tapping the button you agree to get text messages about your reward from"
            " Acorn Ltd at the number ending in 0101. Message and data rates may apply."
            " Reply STOP at any time to end them."
        )
        assert consent in page.content.decode()
        answer = client.post(link_of(world), follow=True)
        assert answer.redirect_chain == [(link_of(world), 302)]
        assert "usually within a minute" in answer.content.decode()
        opt_in = OptIn.objects.get()
        assert (opt_in.state, opt_in.way, opt_in.actor) == ("granted", "link", "recipient")
        assert opt_in.text_shown == consent
        serve()
        assert Redemption.objects.get(pk=result.redemption_id).state == "issued"

    def test_opened_by_a_preview_grants_nothing(self, world: World, client: Browser) -> None:
        claim(world)
        for _ in range(3):
            assert client.get(link_of(world)).status_code == 200
            assert client.head(link_of(world)).status_code == 200
        assert OptIn.objects.get().state == "requested"
        assert ConsentEvent.objects.count() == 1

    def test_pressed_twice_keeps_the_first_proof(self, world: World, client: Browser) -> None:
        claim(world)
        client.post(link_of(world))
        client.post(link_of(world), headers={"Accept-Language": "es"})
        assert ConsentEvent.objects.filter(state="granted").count() == 1

    def test_wants_its_own_pages_token(self, world: World) -> None:
        claim(world)
        assert Browser(enforce_csrf_checks=True).post(link_of(world)).status_code == 403
        assert OptIn.objects.get().state == "requested"

    def test_that_is_unknown_grants_nothing(self, world: World, client: Browser) -> None:
        claim(world)
        for token in ("x", "A" * 22, "%00", "a" * 3000):
            assert client.post(f"/o/{token}/").status_code == 404
        assert OptIn.objects.get().state == "requested"

    def test_that_is_old_grants_nothing(self, world: World, client: Browser) -> None:
        claim(world)
        OptIn.objects.update(requested_at=NOW - timedelta(days=31))
        answer = client.post(link_of(world))
        assert (answer.status_code, OptIn.objects.get().state) == (410, "requested")

    def test_after_a_stop_tells_to_text_start(self, world: World, client: Browser) -> None:
        claim(world)
        OptIn.objects.update(state="revoked")
        assert "reply START" in client.get(link_of(world)).content.decode()
        answer = client.post(link_of(world))
        assert (answer.status_code, OptIn.objects.get().state) == (409, "revoked")

    def test_is_another_for_every_client_and_number(self, world: World) -> None:
        other = build_world(name="Birch")
        links = {link_of(world), link_of(other), link_of(world, "+12065550102")}
        assert len(links) == 3
        assert all(len(link) == 26 for link in links)


def agent_of(client: Client, *, may_skip: bool = True) -> User:
    user = make_user(is_staff=False)
    Membership.objects.create(user=user, role=Membership.Role.AGENT, client=client)
    if may_skip:
        user.user_permissions.add(Permission.objects.get(codename="skip_opt_in"))
    return User.objects.get(pk=user.pk)


class TestSkipOptIn:
    def skip(self, result: RedeemResult, user: User, reason: str = "Said yes on the call") -> None:
        skip_opt_in(redemption_id=result.redemption_id, user=user, reason=reason, now=NOW)

    def test_lets_the_reward_go_on_and_keeps_who_and_why(self, world: World) -> None:
        result = claim(world)
        agent = agent_of(world.client)
        self.skip(result, agent)
        opt_in = OptIn.objects.get()
        assert (opt_in.state, opt_in.way) == ("granted", "skipped by staff")
        assert (opt_in.actor, opt_in.reason) == (f"user:{agent.pk}", "Said yes on the call")
        event = AuditEvent.objects.get(action="opt_in.skipped")
        assert (event.actor, event.details["reason"]) == (
            f"user:{agent.pk}",
            "Said yes on the call",
        )
        serve()
        assert Redemption.objects.get(pk=result.redemption_id).state == "issued"

    def test_takes_a_right_of_its_own(self, world: World) -> None:
        result = claim(world)
        with pytest.raises(SkipNotPermittedError):
            self.skip(result, agent_of(world.client, may_skip=False))
        assert OptIn.objects.get().state == "requested"

    def test_takes_a_reason(self, world: World) -> None:
        result = claim(world)
        for reason in ("", "  \n", "x" * 301):
            with pytest.raises(ValidationFailedError):
                self.skip(result, agent_of(world.client), reason)
        assert OptIn.objects.get().state == "requested"

    def test_is_not_for_another_clients_agent(self, world: World) -> None:
        result = claim(world)
        stranger = agent_of(build_world(name="Birch").client)
        with pytest.raises(RedemptionUnknownError):
            self.skip(result, stranger)
        auditor = make_user(is_staff=False)
        Membership.objects.create(user=auditor, role=Membership.Role.AUDITOR, client=world.client)
        auditor.user_permissions.add(Permission.objects.get(codename="skip_opt_in"))
        with pytest.raises(RedemptionUnknownError):
            self.skip(result, User.objects.get(pk=auditor.pk))
        assert OptIn.objects.get().state == "requested"

    def test_never_overrules_a_stop(self, world: World) -> None:
        result = claim(world)
        send()
        post_text("STOP")
        with pytest.raises(OptedOutError):
            self.skip(result, agent_of(world.client))
        assert OptIn.objects.get().state == "revoked"
        assert not AuditEvent.objects.filter(action="opt_in.skipped").exists()

    def test_is_for_rewards_that_wait_for_it(self, world: World) -> None:
        OptIn.objects.create(client=world.client, phone=PHONE, state="granted")
        result = claim(world, caller=caller(door=Redemption.Door.DESK))
        with pytest.raises(NotWaitingError):
            self.skip(result, agent_of(world.client))
