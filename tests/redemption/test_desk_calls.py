"""What belongs to a call: two agents, its end, notes, calls back, what stands beside it."""

from __future__ import annotations

from typing import get_args
from uuid import UUID

import pytest

from redemption.models import CallSession, DeskTask, Recipient, Redemption
from redemption.selectors.codes import CodeState
from redemption.views.desk_words import script_for
from sms.models import Message
from tests.redemption.client_visiting import text_of
from tests.redemption.desking import PHONE, Desk, ago, call_of, code_of_card, make_agent, someone
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


class TestScript:
    @pytest.mark.parametrize("state", get_args(CodeState))
    def test_knows_what_to_say_of_every_code(self, state: str) -> None:
        words = script_for(state, first_name="Ana")
        assert words.title
        assert words.say.startswith("“")
        assert words.do
        # What nobody has written lines for would be called closed.
        is_closed = words.title == "This offer is not open"
        assert is_closed is (state == "not_active")


class TestTwoAgents:
    @pytest.fixture
    def second(self, world: World) -> Desk:
        return Desk(make_agent(world.client, name="Cal"))

    def test_are_told_who_has_the_caller(self, world: World, desk: Desk, second: Desk) -> None:
        _recipient, code = someone(world)
        desk.find(code)
        page = second.find(code)
        assert "Bea has had this person since" in text_of(page)
        assert b'id="give"' not in page.content

    def test_give_no_second_card(self, world: World, desk: Desk, second: Desk) -> None:
        _recipient, code = someone(world)
        desk.find(code)
        second.find(code)
        page = second.give()
        assert page.status_code == 409
        assert not Redemption.objects.exists()
        desk.give()
        assert Redemption.objects.count() == 1

    def test_take_over_only_who_has_been_idle(self, world: World, desk: Desk, second: Desk) -> None:
        _recipient, code = someone(world)
        desk.find(code)
        second.find(code)
        assert second.press("take").status_code == 409
        CallSession.objects.filter(agent=desk.user).update(active_at=ago(minutes=11))
        assert "Take over" in text_of(second.look())
        second.press("take")
        assert b'id="give"' in second.look().content
        assert "Cal has had this person since" in text_of(desk.look())

    def test_are_free_to_act_once_the_other_has_ended(
        self, world: World, desk: Desk, second: Desk
    ) -> None:
        _recipient, code = someone(world)
        desk.find(code)
        second.find(code)
        desk.press("end", outcome="cut_off")
        second.give()
        assert Redemption.objects.get().actor == f"user:{second.user.pk}"


class TestEnd:
    def test_keeps_outcome_and_notes(self, world: World, desk: Desk) -> None:
        _recipient, code = someone(world)
        desk.find(code)
        page = desk.press("end", outcome="helped", notes="Asked about the date")
        call = CallSession.objects.get()
        assert (call.outcome, call.notes) == ("helped", "Asked about the date")
        assert call.ended_at is not None
        assert "Ready for the next call" in text_of(page)
        assert "Call ended." in text_of(page)

    def test_wants_an_outcome(self, world: World, desk: Desk) -> None:
        _recipient, code = someone(world)
        desk.find(code)
        assert desk.press("end", outcome="whatever").status_code == 400
        assert call_of(desk.user).outcome == ""

    def test_can_be_undone(self, world: World, desk: Desk) -> None:
        recipient, code = someone(world)
        desk.find(code)
        desk.press("end", outcome="helped", notes="x")
        ended = CallSession.objects.get()
        desk.press("undo", call=str(ended.pk))
        call = call_of(desk.user)
        assert (call.recipient, call.notes, call.continues) == (recipient, "x", ended)

    def test_brings_up_who_rings_meanwhile(self, world: World, desk: Desk) -> None:
        _recipient, code = someone(world)
        someone(world, phone="+12025550188", first_name="Ben")
        desk.find(code)
        page = desk.look(caller="+12025550188")
        assert "End this call first; this one comes up next." in text_of(page)
        page = desk.press("end", outcome="helped", caller="+12025550188")
        assert "Ben Sample" in text_of(page)


class TestNotes:
    def test_are_saved_as_they_are_typed(self, world: World, desk: Desk) -> None:
        _recipient, code = someone(world)
        desk.find(code)
        desk.press("notes", notes="wants an e-mail")
        assert call_of(desk.user).notes == "wants an e-mail"

    def test_hold_no_code(self, world: World, desk: Desk) -> None:
        recipient, code = someone(world)
        desk.find(code)
        desk.give()
        card_code = code_of_card(Redemption.objects.get(recipient=recipient))
        for text in (f"has {card_code} here", f"gave {code} and", code.replace("-", " ")):
            page = desk.press("notes", notes=text)
            assert page.status_code == 400
            assert "Leave the code itself out" in text_of(page)
        assert call_of(desk.user).notes == ""


class TestCallBack:
    def test_is_put_on_the_list_and_taken_from_it(self, world: World, desk: Desk) -> None:
        recipient, code = someone(world)
        desk.find(code)
        page = desk.press("call-back", due_in="60", note="about the date")
        task = DeskTask.objects.get()
        assert (task.recipient, task.phone, task.note) == (recipient, PHONE, "about the date")
        assert "The call back is on the list." in text_of(page)
        desk.press("end", outcome="call_back")
        desk.press("choose", recipient=str(recipient.pk), task=str(task.pk))
        desk.press("end", outcome="helped")
        task.refresh_from_db()
        assert (task.outcome, task.done_by) == ("done", desk.user)

    def test_can_be_undone(self, world: World, desk: Desk) -> None:
        _recipient, code = someone(world)
        desk.find(code)
        desk.press("call-back", due_in="60")
        desk.press("forget", task=str(DeskTask.objects.get().pk))
        assert DeskTask.objects.get().outcome == "not_needed"

    def test_is_not_promised_for_the_past(self, world: World, desk: Desk) -> None:
        _recipient, code = someone(world)
        desk.find(code)
        assert desk.press("call-back", due_at="2020-01-01T10:00").status_code == 400
        assert not DeskTask.objects.exists()


class TestStatus:
    def test_follows_a_reward_and_says_when_all_is_due(self, world: World) -> None:
        desk = Desk(make_agent(world.client), htmx=True)
        recipient, code = someone(world)
        desk.find(code)
        desk.give()
        reward = Redemption.objects.get(recipient=recipient)
        address = "/desk/status/"
        query = {"reward": str(reward.pk), "state": "delivered-"}
        page = desk.browser.get(address, query, headers=desk.headers)
        assert "Text on its way" in text_of(page)
        assert "HX-Trigger" not in page
        Message.objects.update(state="undelivered", error_code="30003", next_attempt_at=None)
        page = desk.browser.get(address, query, headers=desk.headers)
        assert "Text did not arrive" in text_of(page)
        assert page["HX-Trigger"] == "desk-moved"

    def test_is_not_there_for_another_reward(self, world: World, desk: Desk) -> None:
        _recipient, code = someone(world)
        desk.find(code)
        query = {"reward": str(UUID(int=1))}
        assert desk.browser.get("/desk/status/", query).status_code == 404


class TestSide:
    def test_shows_the_campaigns_stock_the_list_and_the_day(self, world: World, desk: Desk) -> None:
        _recipient, code = someone(world)
        desk.find(code)
        desk.give()
        desk.press("end", outcome="rewarded")
        words = text_of(desk.browser.get("/desk/side/"))
        assert "Acorn Shop $25.00" in words
        assert "2 cards" in words
        assert "Calls 1" in words
        assert "Rewards 1" in words
        assert "Ana Sample Reward given" in words
        assert Recipient.objects.count() == 1
