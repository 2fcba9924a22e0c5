"""Who may sit at the desk, what each sees there, how often they may try, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from credit.models import Membership, User
from giftcards.models import Pool
from redemption.models import AttemptLog, CallSession, Redemption
from redemption.urls import urlpatterns
from sms.models import PhoneHealth
from tests.redemption.asking import ask
from tests.redemption.client_visiting import text_of
from tests.redemption.desking import PHONE, Desk, ask_to_check, make_agent, now, someone
from tests.staff import make_platform_admin, make_user, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

Role = Membership.Role
STEPS = [str(one.name) for one in urlpatterns if str(one.name).startswith("desk")]


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(3)
    return world


def member(role: Role, **of: Any) -> User:
    user = make_user(is_staff=False)
    Membership.objects.create(user=user, role=role, **of)
    return user


class TestDoor:
    @pytest.mark.parametrize("step", STEPS)
    def test_is_not_there_for_auditors_and_people_without_a_role(
        self, world: World, step: str
    ) -> None:
        for user in (
            member(Role.AUDITOR, client=world.client),
            member(Role.AUDITOR, agency=world.agency),
            member(Role.AUDITOR),
            make_user(is_staff=True),
        ):
            browser = sign_in(user)
            assert browser.get(reverse(step)).status_code == 404
            assert browser.post(reverse(step), {"q": "x"}).status_code in (404, 405)
        assert not CallSession.objects.exists()

    @pytest.mark.parametrize("step", STEPS)
    def test_is_behind_the_log_in(self, step: str) -> None:
        page = Browser().get(reverse(step))
        assert (page.status_code, page["Location"]) == (302, f"/login/?next={reverse(step)}")

    @pytest.mark.parametrize("step", sorted(set(STEPS) - {"desk", "desk-side", "desk-status"}))
    def test_asked_for_without_a_press_leads_to_the_screen(self, world: World, step: str) -> None:
        page = sign_in(make_agent(world.client)).get(reverse(step))
        assert (page.status_code, page["Location"]) == (302, "/desk/")

    def test_is_open_to_managers(self, world: World) -> None:
        _recipient, code = someone(world)
        for user in (
            member(Role.CLIENT_MANAGER, client=world.client),
            member(Role.AGENCY_MANAGER, agency=world.agency),
            make_platform_admin(is_staff=False),
        ):
            desk = Desk(user)
            assert "Ana Sample" in text_of(desk.find(code))
            desk.press("end", outcome="helped")

    def test_is_where_an_agent_comes_home_to(self, world: World) -> None:
        browser = sign_in(make_agent(world.client))
        assert browser.get("/")["Location"] == "/desk/"
        assert 'href="/desk/" aria-current="page"' in browser.get("/desk/").content.decode()

    def test_is_a_way_to_go_for_a_manager(self, world: World) -> None:
        browser = sign_in(member(Role.CLIENT_MANAGER, client=world.client))
        assert browser.get("/")["Location"] == "/client/"
        assert 'href="/desk/"' in browser.get("/welcome/").content.decode()
        auditor = sign_in(member(Role.AUDITOR, client=world.client))
        assert 'href="/desk/"' not in auditor.get("/welcome/").content.decode()

    def test_shuts_when_the_role_is_taken_away(self, world: World) -> None:
        desk = Desk(make_agent(world.client))
        _recipient, code = someone(world)
        desk.find(code)
        other = build_world(name="Birch")
        Membership.objects.filter(user=desk.user).update(client=other.client)
        page = desk.look()
        assert "Ana Sample" not in text_of(page)
        assert desk.give().status_code == 409
        assert desk.press("call-back", due_in="60").status_code == 409
        assert desk.press("take").status_code == 409
        assert not Redemption.objects.exists()


class TestSight:
    def test_of_the_profit_is_the_platforms(self, world: World) -> None:
        Pool.objects.filter(pk=world.pool.pk).update(cost_per_card_minor=2310)
        _recipient, code = someone(world)
        ask(code)
        assert "earns $1.90" in text_of(Desk(make_platform_admin(is_staff=False)).find(code))
        words = text_of(Desk(make_agent(world.client)).find(code))
        assert "earns" not in words
        assert "from stock (Acorn pool)" in words

    def test_of_the_platforms_stock_leaves_out_its_name(self, world: World) -> None:
        master = Pool.objects.create(
            name="Hush-hush",
            brand=world.brand,
            denomination=world.denomination,
            kind=Pool.Kind.MASTER,
        )
        world.stock(2, pool=master)
        Pool.objects.filter(pk=world.pool.pk).update(archived_at=now())
        world.condition.pool = None
        world.condition.save()
        _recipient, code = someone(world)
        desk = Desk(make_agent(world.client))
        desk.find(code)
        desk.give()
        words = text_of(desk.look())
        assert Redemption.objects.get().state == "delivered"
        assert "Acorn Shop $25.00 the platform's" in words
        assert "Hush-hush" not in words

    def test_of_a_bad_number_is_a_warning(self, world: World) -> None:
        _recipient, code = someone(world)
        ask(code)
        PhoneHealth.objects.create(phone="+12025550123", error_code="30005", failed_at=now())
        recipient = world.recipient(code)
        recipient.phone = "+12025550123"
        recipient.save()
        words = text_of(Desk(make_agent(world.client)).find(code))
        assert "Texts don't reach this number" in words
        assert "(30005)" in words

    def test_of_another_agents_call_is_none(self, world: World) -> None:
        _recipient, code = someone(world)
        desk, other = Desk(make_agent(world.client)), Desk(make_agent(world.client))
        desk.find(code)
        call_id = str(CallSession.objects.get().pk)
        assert other.press("notes", call=call_id, notes="mine now").status_code == 409
        assert other.press("end", call=call_id, outcome="helped").status_code == 409
        assert other.press("undo", call=call_id).status_code == 409
        call = CallSession.objects.get()
        assert (call.notes, call.ended_at) == ("", None)


class TestGuard:
    def test_limits_an_agent_and_not_the_call_centre(
        self, world: World, settings: Settings
    ) -> None:
        settings.RATE_LIMIT_AGENT = (3, 60)
        desk, colleague = Desk(make_agent(world.client)), Desk(make_agent(world.client))
        for number in range(3):
            assert "GC-011" in text_of(desk.find(f"7Q2M-9VTX-4HR{number}0"))
        page = desk.find("7Q2M-9VTX-4HRK0")
        assert page.status_code == 429
        assert "GC-101" in text_of(page)
        _recipient, code = someone(world)
        assert "Ana Sample" in text_of(colleague.find(code))

    def test_writes_each_code_down_that_was_tried(self, world: World) -> None:
        desk = Desk(make_agent(world.client))
        desk.find("7Q2M-9VTX-4HRK0")
        _recipient, code = someone(world)
        desk.find(code)
        desk.find(PHONE)
        rows = AttemptLog.objects.order_by("pk").values_list("action", "caller", "result")
        caller = f"user:{desk.user.pk}"
        assert list(rows) == [("desk", caller, "unknown_code"), ("desk", caller, "tried")]


class TestCost:
    def test_of_a_search_and_of_a_card_is_few_statements(self, world: World) -> None:
        ask_to_check(world, "Name read out")
        desk = Desk(make_agent(world.client), htmx=True)
        _recipient, code = someone(world)
        with CaptureQueriesContext(connection) as search:
            assert desk.find(code).status_code == 200
        assert len(search) <= 30
        with CaptureQueriesContext(connection) as card:
            assert desk.give(ticks=1).status_code == 200
        assert Redemption.objects.count() == 1
        assert len(card) <= 45
        with CaptureQueriesContext(connection) as side:
            desk.browser.get("/desk/side/")
        assert len(side) <= 20
