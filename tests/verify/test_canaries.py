"""Canaries: to every door an unknown code, to nobody a card, and an alarm for whoever tries one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import reverse

from alerts.errors import ValidationFailedError
from alerts.models import Alert
from credit.models import AuditEvent, User
from giftcards.models import GiftCard, Pool
from giftcards.selectors.levels import count_levels
from giftcards.services.canaries import HeldBackCard
from giftcards.services.revealing import reveal_card
from redemption.models import AttemptLog, Canary, CanaryTry, Recipient
from redemption.services.canaries import (
    PlantedCanary,
    PlantingNotPermittedError,
    plant_code,
    plant_in_pool,
    retire_canary,
    watch_canaries,
)
from redemption.services.codes import export_codes
from redemption.services.redeem import UnknownCodeError
from tests.credit.partners import Partner
from tests.giftcards.selling import master_pool, sell
from tests.guards.raw import as_application, without
from tests.redemption.asking import ask
from tests.redemption.desking import Desk, make_agent
from tests.staff import make_platform_admin, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

NOTE = "In the mail house's file, line 4711"


def planter() -> User:
    user = make_platform_admin()
    for right in ("export_codes", "reveal_card"):
        user.user_permissions.add(Permission.objects.get(codename=right))
    return User.objects.get(pk=user.pk)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def world() -> World:
    return build_world()


def plant(world: World) -> PlantedCanary:
    return plant_code(campaign_id=world.campaign.pk, note=NOTE, user=planter(), now=now())


def plant_card(world: World) -> PlantedCanary:
    return plant_in_pool(pool_id=world.pool.pk, note=NOTE, user=planter(), now=now())


def alarms() -> list[Alert]:
    return list(Alert.objects.filter(kind="canary").order_by("first_seen_at"))


class TestPlantCode:
    def test_makes_a_code_that_nobody_has(self, world: World) -> None:
        planted = plant(world)
        canary = Canary.objects.get()
        assert (canary.pk, canary.campaign_id, canary.card_id) == (
            planted.canary_id,
            world.campaign.pk,
            None,
        )
        assert (canary.note, canary.tries, canary.retired_at) == (NOTE, 0, None)
        assert len(planted.code.replace("-", "")) == 13
        assert not Recipient.objects.exists()
        event = AuditEvent.objects.get(action="canary.planted")
        assert planted.code not in str(event.details)
        assert (event.client_id, event.agency_id) == (None, None)

    def test_never_comes_out_with_the_others(self, world: World) -> None:
        planted = plant(world)
        world.invite()
        rows = list(export_codes(campaign_id=world.campaign.pk, user=planter(), now=now()))
        assert len(rows) == 2
        assert planted.code not in str(rows)

    def test_takes_a_right_and_a_note(self, world: World) -> None:
        with pytest.raises(PlantingNotPermittedError):
            plant_code(
                campaign_id=world.campaign.pk, note=NOTE, user=make_platform_admin(), now=NOW
            )
        with pytest.raises(ValidationFailedError):
            plant_code(campaign_id=world.campaign.pk, note="  ", user=planter(), now=NOW)
        assert not Canary.objects.exists()

    def test_keeps_its_code_out_of_what_is_printed(self, world: World) -> None:
        planted = plant(world)
        assert planted.code not in repr(planted)
        assert "1234" not in repr(HeldBackCard(card_id=uuid4(), code="1234"))


def strip(answer: Any) -> Any:
    """Return an answer without what differs from call to call: request ids and echoes."""
    body = answer.json()
    return answer.status_code, {
        name: value for name, value in body.items() if name not in ("request_id", "instance")
    }


class TestEveryDoor:
    """A canary is answered exactly as a code that nobody has."""

    def api(self, world: World, path: str, body: dict[str, Any]) -> Any:
        return self.partner.post(path, body, key=str(uuid4()), **{"X-Customer-IP": "127.0.0.9"})

    @pytest.fixture(autouse=True)
    def doors(self, world: World) -> None:
        world.stock(1)
        self.partner = Partner(world.client)

    def test_of_the_api_says_the_same(self, world: World) -> None:
        planted, unknown = plant(world), "7777-7777-77777"
        for path, more in (
            ("/codes/validate/", {}),
            ("/redemptions/", {"contact": {"method": "sms", "phone": "+12025550123"}}),
            (
                "/provision/",
                {
                    "campaign_id": str(world.campaign.pk),
                    "condition_number": 1,
                    "contact": {"method": "sms", "phone": "+12025550123"},
                },
            ),
        ):
            answers = [
                strip(self.api(world, path, {"code": code, **more}))
                for code in (unknown, planted.code)
            ]
            assert answers[0] == answers[1], path
            assert (answers[0][0], answers[0][1]["code"]) == (404, "GC-011")
        assert watch_canaries(now=now()) == 3
        (alarm,) = alarms()
        assert (alarm.severity, alarm.count) == ("critical", 3)

    def test_of_the_form_says_the_same(self, world: World) -> None:
        planted = plant(world)
        pages = []
        for code in ("7777-7777-77777", planted.code):
            answer = Browser().post("/redeem/", {"code": code}, follow=True)
            words = answer.content.decode().replace(code, "CODE")
            pages.append((answer.status_code, len(words), 'name="method"' in words))
        assert pages[0] == pages[1]
        assert watch_canaries(now=now()) == 1

    def test_of_the_desk_says_the_same(self, world: World) -> None:
        planted = plant(world)
        desk = Desk(make_agent(world.client))
        for code in ("7777-7777-77777", planted.code):
            assert b"desk-problem" in desk.find(code).content
        assert watch_canaries(now=now()) == 1
        facts = alarms()[0].data
        assert (facts["door"], facts["caller"]) == ("desk", f"user:{desk.user.pk}")

    def test_counts_as_an_unknown_code(self, world: World) -> None:
        planted = plant(world)
        Browser().post("/redeem/", {"code": planted.code})
        assert AttemptLog.objects.get().result == "unknown_code"
        with pytest.raises(UnknownCodeError):
            ask(planted.code)
        assert GiftCard.objects.get().status == "available"


class TestWatchCanaries:
    def test_tells_of_each_attempt_once(self, world: World) -> None:
        planted = plant(world)
        Browser().post("/redeem/", {"code": planted.code}, REMOTE_ADDR="192.0.2.7")
        Browser().post("/redeem/", {"code": "7777-7777-77777"}, REMOTE_ADDR="192.0.2.8")
        assert [watch_canaries(now=now()) for _ in range(3)] == [1, 0, 0]
        (alarm,) = alarms()
        assert (alarm.state, alarm.severity, alarm.count) == ("open", "critical", 1)
        assert alarm.dedupe_key == f"canary:{planted.canary_id}"
        assert NOTE in alarm.message
        assert alarm.data["address"] == "192.0.2.7/32"
        assert alarm.data["door"] == "form"
        words = str([alarm.subject, alarm.message, alarm.data])
        assert planted.code not in words
        assert planted.code.replace("-", "") not in words
        canary = Canary.objects.get()
        assert (canary.tries, canary.last_tried_at) == (1, AttemptLog.objects.earliest("at").at)

    def test_tells_of_who_is_refused_for_trying_too_often(
        self, world: World, settings: Any
    ) -> None:
        settings.RATE_LIMIT_CODE = (1, 3600.0)
        planted = plant(world)
        for _ in range(2):
            Browser().post("/redeem/", {"code": planted.code})
        assert watch_canaries(now=now()) == 2
        assert set(CanaryTry.objects.values_list("result", flat=True)) == {
            "unknown_code",
            "rate_limited",
        }

    def test_is_silent_about_a_retired_one(self, world: World) -> None:
        planted, user = plant(world), planter()
        assert retire_canary(canary_id=planted.canary_id, user=user, now=now()) is True
        assert retire_canary(canary_id=planted.canary_id, user=user, now=now()) is False
        Browser().post("/redeem/", {"code": planted.code})
        assert watch_canaries(now=now()) == 0
        assert alarms() == []

    def test_is_silent_about_what_was_tried_before_it_was_planted(self, world: World) -> None:
        planted = plant(world)
        Canary.objects.update(planted_at=now() + timedelta(hours=1))
        Browser().post("/redeem/", {"code": planted.code})
        assert watch_canaries(now=now()) == 0


class TestPlantInPool:
    def test_is_no_stock(self, world: World) -> None:
        planted = plant_card(world)
        card = GiftCard.objects.get()
        assert (card.status, card.holder_id) == ("held_back", None)
        assert count_levels(pool_ids=[world.pool.pk], now=now())[world.pool.pk].available == 0
        assert ask(world.invite()[0]).state == "waiting_stock"
        assert GiftCard.objects.get().status == "held_back"
        assert planted.code

    def test_is_not_sold(self, world: World) -> None:
        master = master_pool(world, 1)
        plant_in_pool(pool_id=master.pk, note=NOTE, user=planter(), now=now())
        sell(world, master, 1)
        left = GiftCard.objects.get(pool=master)
        assert (left.status, left.sale_id) == ("held_back", None)

    def test_looks_like_the_brands_codes(self, world: World) -> None:
        world.brand.code_format = "\\ACME-9999-XXXX"
        world.brand.save()
        world.pool = Pool.objects.get(pk=world.pool.pk)
        code = plant_card(world).code
        assert code.startswith("ACME-")
        assert len(code) == len("ACME-9999-XXXX")

    def test_raises_the_alarm_when_its_code_is_shown(self, world: World) -> None:
        planted, user = plant_card(world), planter()
        card = GiftCard.objects.get()
        shown = reveal_card(
            card_id=card.pk, user=user, address="192.0.2.9", reason="Curious", now=now()
        )
        assert shown.code == planted.code
        (alarm,) = alarms()
        assert (alarm.severity, alarm.dedupe_key) == ("critical", f"canary_shown:{card.pk}")
        assert (alarm.data["actor"], alarm.data["address"]) == (f"user:{user.pk}", "192.0.2.9")
        card.refresh_from_db()
        assert card.status == "held_back"

    def test_raises_no_alarm_for_another_card(self, world: World) -> None:
        plant_card(world)
        (other,) = world.stock(1)
        reveal_card(card_id=other.pk, user=planter(), address="::1", reason="Why not", now=now())
        assert alarms() == []

    def test_raises_the_alarm_when_its_code_is_tried(self, world: World) -> None:
        planted = plant_card(world)
        Browser().post("/redeem/", {"code": planted.code})
        assert watch_canaries(now=now()) == 1
        assert "Acorn pool" in alarms()[0].subject

    def test_is_void_once_it_is_retired(self, world: World) -> None:
        planted = plant_card(world)
        retire_canary(canary_id=planted.canary_id, user=planter(), now=now())
        assert GiftCard.objects.get().status == "void"


CLAIM = (
    "UPDATE giftcards_giftcard SET status = 'claimed', claimed_at = now(),"
    " holder_kind = 'redemption', holder_id = gen_random_uuid() WHERE status = 'held_back'"
)


class TestTheDatabase:
    """What is held back stays so, whatever a statement says."""

    @pytest.mark.parametrize(
        "statement",
        [
            CLAIM,
            "UPDATE giftcards_giftcard SET status = 'available' WHERE status = 'held_back'",
            "UPDATE giftcards_giftcard SET status = 'held_back' WHERE status = 'available'",
        ],
    )
    def test_lets_no_canary_into_stock_and_no_stock_become_one(
        self, world: World, statement: str
    ) -> None:
        plant_card(world)
        world.stock(1)
        with as_application() as application, pytest.raises(psycopg.errors.RestrictViolation):
            application.execute(statement)
        # The control: without its guard the damage is done.
        with without("giftcards_card_transition", "giftcards_giftcard") as owner:
            assert owner.execute(statement).rowcount == 1

    def test_lets_none_be_deleted(self, world: World) -> None:
        plant_card(world)
        with as_application() as application, pytest.raises(psycopg.errors.RestrictViolation):
            application.execute("DELETE FROM giftcards_giftcard")

    @pytest.mark.two_roles
    def test_shows_them_to_the_platform_alone(self, world: World) -> None:
        plant(world)
        with as_application(str(world.client.pk)) as application:
            rows = application.execute("SELECT id FROM redemption_canary").fetchall()
        assert rows == []
        with as_application() as application:
            assert len(application.execute("SELECT id FROM redemption_canary").fetchall()) == 1


class TestCanaryPages:
    def test_show_the_code_once(self, world: World) -> None:
        browser = sign_in(planter())
        page = browser.post(
            reverse("admin:plant_canary"), {"campaign": str(world.campaign.pk), "note": NOTE}
        )
        planted = page.context["planted"]
        assert planted.code in page.content.decode()
        assert "no-store" in page["Cache-Control"]
        for address in (
            reverse("admin:redemption_canary_changelist"),
            reverse("admin:redemption_canary_change", args=[planted.canary_id]),
        ):
            words = browser.get(address).content.decode()
            assert NOTE in words or "mail house" in words
            assert planted.code not in words

    def test_ask_for_one_place(self, world: World) -> None:
        browser = sign_in(planter())
        both = {"campaign": str(world.campaign.pk), "pool": str(world.pool.pk), "note": NOTE}
        for data in ({"note": NOTE}, both):
            page = browser.post(reverse("admin:plant_canary"), data)
            assert "Choose a campaign or a pool" in page.content.decode()
        assert not Canary.objects.exists()

    def test_are_for_who_may_see_codes(self, world: World) -> None:
        stranger = sign_in(make_platform_admin())
        assert stranger.get(reverse("admin:plant_canary")).status_code == 403

    def test_retire_one(self, world: World) -> None:
        planted = plant(world)
        page = reverse("admin:redemption_canary_retire", args=[planted.canary_id])
        sign_in(planter()).post(page, {"_form_submitted": "True"})
        assert Canary.objects.get().retired_at is not None
