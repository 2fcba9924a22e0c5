"""The desk's screen without scripts: each step is a form that leads back to the one address."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from credit.models import AuditEvent
from giftcards.models import GiftCard
from redemption.models import CallSession, ConditionMet, Redemption
from sms.models import Message, OptIn
from tests.redemption.asking import ask
from tests.redemption.client_visiting import text_of
from tests.redemption.desking import (
    PHONE,
    Desk,
    ask_to_check,
    call_of,
    code_of_card,
    make_agent,
    someone,
)
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(3)
    return world


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(make_agent(world.client, name="Bea"))


class TestDesk:
    def test_waits_for_the_next_call(self, desk: Desk) -> None:
        page = desk.look()
        assert page.status_code == 200
        assert b'hx-get="/desk/side/" hx-trigger="every 30s' in page.content
        assert "Ready for the next call" in text_of(page)
        assert not CallSession.objects.exists()

    def test_begins_no_call_by_being_opened_for_one(self, world: World, desk: Desk) -> None:
        someone(world)
        page = desk.look(caller=PHONE)
        assert "Ana Sample" in text_of(page)
        assert f"{PHONE} is calling" in text_of(page)
        assert not CallSession.objects.exists()

    @pytest.mark.parametrize("caller", ["12025550143", " 12025550143", "(202) 555-0143"])
    def test_reads_a_number_however_the_telephone_system_writes_it(
        self, world: World, desk: Desk, caller: str
    ) -> None:
        someone(world)
        assert "Ana Sample" in text_of(desk.look(caller=caller))

    def test_says_that_nobody_has_a_number(self, desk: Desk) -> None:
        page = desk.look(caller=PHONE)
        assert "Nobody has this number" in text_of(page)
        assert "Take the call" in text_of(page)


class TestFind:
    def test_by_code_begins_the_call(self, world: World, desk: Desk) -> None:
        recipient, code = someone(world)
        page = desk.find(code)
        assert page.redirect_chain == [("/desk/", 302)]
        assert call_of(desk.user).recipient_id == recipient.pk
        assert "Everything is ready" in text_of(page)

    @pytest.mark.parametrize(
        "typed", ["(202) 555-0143", "crm-77", "sample", "Ana Sample", "sample, an", "sample ana"]
    )
    def test_finds_by_what_a_caller_can_say(self, world: World, desk: Desk, typed: str) -> None:
        recipient, _code = someone(world, external_crm_id="crm-77")
        desk.find(typed)
        assert call_of(desk.user).recipient_id == recipient.pk

    def test_takes_a_scanned_address_for_the_code_in_it(self, world: World, desk: Desk) -> None:
        recipient, code = someone(world)
        desk.find(f"https://gifts.example/redeem/?code={code}")
        assert call_of(desk.user).recipient_id == recipient.pk

    def test_lets_one_choose_between_several(self, world: World, desk: Desk) -> None:
        someone(world)
        second, _code = someone(world, first_name="Ben")
        page = desk.find(PHONE)
        assert "More than one person fits" in text_of(page)
        assert call_of(desk.user).recipient is None
        desk.press("choose", recipient=str(second.pk))
        assert call_of(desk.user).recipient == second

    def test_says_of_an_unknown_code_what_to_do(self, world: World, desk: Desk) -> None:
        page = desk.find("0000-0000-00000")
        assert page.status_code == 404
        words = text_of(page)
        assert "GC-011" in words
        assert "letter by letter" in words
        assert "No recipient in reach has this redemption code." in words

    def test_finds_nobody_of_another_client(self, world: World, desk: Desk) -> None:
        other = build_world(name="Birch")
        stranger, code = someone(other, external_crm_id="crm-9", last_name="Birchwood")
        for typed in (code, PHONE, "crm-9", "Birchwood"):
            page = desk.find(typed)
            assert "Birch" not in text_of(page).replace(typed, "")
        page = desk.press("choose", recipient=str(stranger.pk))
        assert page.status_code == 404
        assert call_of(desk.user).recipient is None


class TestGive:
    def test_shows_the_card_and_keeps_what_was_checked(self, world: World, desk: Desk) -> None:
        ask_to_check(world, "Name read out", "Town matches")
        recipient, code = someone(world)
        desk.find(code)
        page = desk.give(ticks=2)
        assert page.redirect_chain == [("/desk/", 302)]
        reward = Redemption.objects.get(recipient=recipient)
        assert code_of_card(reward) in page.content.decode()
        assert (reward.door, reward.actor) == ("desk", f"user:{desk.user.pk}")
        met = ConditionMet.objects.get()
        assert met.redemption == reward
        assert met.card_id == reward.card_id
        assert met.agent == desk.user
        assert met.checklist == [
            {"point": "Name read out", "ticked": True},
            {"point": "Town matches", "ticked": True},
        ]
        assert Message.objects.get().to == PHONE

    def test_shows_it_again_after_a_reload(self, world: World, desk: Desk) -> None:
        recipient, code = someone(world)
        desk.find(code)
        desk.give()
        reward = Redemption.objects.get(recipient=recipient)
        assert code_of_card(reward) in desk.look().content.decode()
        again = Desk(desk.user)  # another browser, after a crash
        assert code_of_card(reward) in again.look().content.decode()

    def test_wants_every_point_ticked(self, world: World, desk: Desk) -> None:
        ask_to_check(world, "Name read out", "Town matches")
        _recipient, code = someone(world)
        desk.find(code)
        page = desk.give(ticks=1)
        assert page.status_code == 400
        assert "Check this first: Town matches" in text_of(page)
        assert not Redemption.objects.exists()
        assert not ConditionMet.objects.exists()

    def test_says_which_number_cannot_be_texted(self, world: World, desk: Desk) -> None:
        _recipient, code = someone(world)
        desk.find(code)
        page = desk.give(phone="12")
        assert page.status_code == 400
        assert not Redemption.objects.exists()

    def test_gives_one_card_for_two_presses(self, world: World, desk: Desk) -> None:
        recipient, code = someone(world)
        desk.find(code)
        desk.give()
        page = desk.give()
        reward = Redemption.objects.get(recipient=recipient)
        assert code_of_card(reward) in page.content.decode()
        assert GiftCard.objects.exclude(status="available").count() == 1
        assert Message.objects.count() == 1

    def test_names_the_problem_with_its_request_and_trace(self, world: World, desk: Desk) -> None:
        _recipient, code = someone(world)
        desk.find(code)
        world.campaign.status = "paused"
        world.campaign.save()
        page = desk.give()
        words = text_of(page)
        assert page.status_code == 409
        assert "GC-104" in words
        assert "Check the campaign's status and dates" in words
        assert page["X-Request-ID"] in words
        assert "redeem refused" in words

    def test_lets_a_reward_wait_in_line(self, world: World, desk: Desk) -> None:
        GiftCard.objects.update(status="void")
        _recipient, code = someone(world)
        page = desk.find(code)
        assert "Out of cards for now" in text_of(page)
        page = desk.give()
        assert "Waits for cards" in text_of(page)
        assert "Waiting in line" in text_of(page)
        assert Redemption.objects.get().state == "waiting_stock"


class TestAlreadyRedeemed:
    @pytest.fixture
    def reward(self, world: World) -> Redemption:
        self.recipient, self.code = someone(world)
        return Redemption.objects.get(pk=ask(self.code).redemption_id)

    def test_says_when_by_which_door_and_how_it_stands(
        self, reward: Redemption, desk: Desk
    ) -> None:
        words = text_of(desk.find(self.code))
        assert "Already redeemed" in words
        assert "by a partner" in words
        assert "Text on its way" in words

    def test_shows_no_code_without_the_right(self, reward: Redemption, desk: Desk) -> None:
        page = desk.find(self.code)
        assert "Show the code again" not in text_of(page)
        page = desk.press("show", redemption=str(reward.pk))
        assert page.status_code == 403
        assert code_of_card(reward) not in page.content.decode()
        assert not AuditEvent.objects.filter(action="card.shown_again").exists()

    def test_shows_it_to_whom_may_and_writes_that_down(
        self, world: World, reward: Redemption
    ) -> None:
        desk = Desk(make_agent(world.client, "show_card_again"))
        page = desk.find(self.code)
        assert code_of_card(reward) not in page.content.decode()
        page = desk.press("show", redemption=str(reward.pk))
        assert code_of_card(reward) in page.content.decode()
        event = AuditEvent.objects.get(action="card.shown_again")
        assert event.actor == f"user:{desk.user.pk}"
        assert event.object_id == str(reward.pk)

    def test_shows_no_card_of_somebody_else_than_the_caller(
        self, world: World, reward: Redemption
    ) -> None:
        desk = Desk(make_agent(world.client, "show_card_again"))
        _other, code = someone(world)
        desk.find(code)
        page = desk.press("show", redemption=str(reward.pk))
        assert page.status_code == 403
        assert code_of_card(reward) not in page.content.decode()

    def test_sends_it_to_a_corrected_number(self, reward: Redemption, desk: Desk) -> None:
        desk.find(self.code)
        page = desk.press("resend", redemption=str(reward.pk), to="+12025550177")
        assert "On its way to •••0177" in text_of(page)
        assert Message.objects.filter(to="+12025550177", state="queued").count() == 1

    def test_sends_an_email_instead(
        self, reward: Redemption, desk: Desk, settings: Settings
    ) -> None:
        settings.EMAIL_ENABLED = True
        assert "E-mail instead" in text_of(desk.find(self.code))
        desk.press("resend", redemption=str(reward.pk), to="ana@example.com")
        assert Message.objects.get(channel="email").to == "ana@example.com"
        assert Message.objects.get(channel="sms").state == "cancelled"

    def test_is_sent_nowhere_else_than_to_an_address(self, reward: Redemption, desk: Desk) -> None:
        desk.find(self.code)
        page = desk.press("resend", redemption=str(reward.pk), to="x")
        assert page.status_code == 400
        assert 'aria-invalid="true"' in page.content.decode()

    def test_is_marked_as_read_out(self, reward: Redemption, desk: Desk) -> None:
        desk.find(self.code)
        desk.press("by-hand", redemption=str(reward.pk), note="read to the caller")
        reward.refresh_from_db()
        assert reward.state == "delivered"

    def test_is_replaced_by_a_supervisor_only(self, reward: Redemption, desk: Desk) -> None:
        desk.find(self.code)
        page = desk.press("replace", redemption=str(reward.pk), reason="empty")
        assert page.status_code in (403, 404)
        assert "A supervisor has to do this" in text_of(desk.look())
        assert not GiftCard.objects.filter(status="void").exists()


class TestOptIn:
    @pytest.fixture(autouse=True)
    def waiting(self, world: World) -> None:
        world.campaign.opt_in_required = True
        world.campaign.save()
        self.recipient, self.code = someone(world)

    def test_is_skipped_with_a_reason_by_whom_may(self, world: World) -> None:
        desk = Desk(make_agent(world.client, "skip_opt_in"))
        desk.find(self.code)
        page = desk.give()
        assert "Waiting for their YES" in text_of(page)
        reward = Redemption.objects.get()
        page = desk.press("skip", redemption=str(reward.pk), reason="Said so on the phone")
        assert "Noted. The reward goes on by itself." in text_of(page)
        assert OptIn.objects.get(phone=PHONE).state == "granted"

    def test_is_nothing_to_skip_without_the_right(self, desk: Desk) -> None:
        desk.find(self.code)
        page = desk.give()
        assert "They agree on the phone" not in text_of(page)
        page = desk.press(
            "skip", redemption=str(Redemption.objects.get().pk), reason="Said so on the phone"
        )
        assert page.status_code == 403
        assert OptIn.objects.get(phone=PHONE).state == "requested"
