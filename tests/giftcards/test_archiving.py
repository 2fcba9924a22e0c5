"""Pools out of use: they give and take nothing, are kept, and can come back."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from credit.models import AuditEvent
from giftcards.models import GiftCard, Pool
from giftcards.services.archiving import PoolHoldsCardsError, archive_pool, restore_pool
from redemption.models import Redemption
from tests.giftcards.test_selling_page import text_of
from tests.redemption.asking import ask
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def browser() -> Browser:
    return sign_in(make_platform_admin())


def press(browser: Browser, pool: Pool, button: str, **ticked: str) -> Any:
    url = reverse(f"admin:giftcards_pool_{button}", args=[pool.pk])
    return browser.post(url, {"_form_submitted": "on", **ticked})


def is_archived(pool: Pool) -> bool:
    pool.refresh_from_db()
    return pool.archived_at is not None


def actions() -> list[str]:
    return sorted(AuditEvent.objects.filter(object_kind="pool").values_list("action", flat=True))


class TestArchivePool:
    def test_takes_an_empty_pool_out_of_use_and_back(self, world: World) -> None:
        assert archive_pool(pool_id=world.pool.pk, with_cards=False, actor="user:1", now=NOW)
        assert is_archived(world.pool)
        # A repeat changes nothing and writes nothing.
        assert not archive_pool(pool_id=world.pool.pk, with_cards=False, actor="user:1", now=NOW)
        assert restore_pool(pool_id=world.pool.pk, actor="user:1", now=NOW)
        assert not is_archived(world.pool)
        assert not restore_pool(pool_id=world.pool.pk, actor="user:1", now=NOW)
        assert actions() == ["pool.archived", "pool.restored"]

    def test_refuses_a_pool_with_cards_unless_told(self, world: World) -> None:
        world.stock(2)
        with pytest.raises(PoolHoldsCardsError) as refusal:
            archive_pool(pool_id=world.pool.pk, with_cards=False, actor="user:1", now=NOW)
        assert refusal.value.available == 2
        assert not is_archived(world.pool)
        assert archive_pool(pool_id=world.pool.pk, with_cards=True, actor="user:1", now=NOW)
        assert is_archived(world.pool)

    def test_takes_its_cards_out_of_reach_until_it_is_back(self, world: World) -> None:
        world.stock(1)
        archive_pool(pool_id=world.pool.pk, with_cards=True, actor="user:1", now=NOW)
        ask(world.invite()[0])
        assert Redemption.objects.get().state == "waiting_stock"
        assert GiftCard.objects.get().status == "available"
        restore_pool(pool_id=world.pool.pk, actor="user:1", now=NOW)
        ask(world.invite()[0])
        assert GiftCard.objects.get().status != "available"


class TestPage:
    def test_asks_before_it_archives_a_pool_with_cards(
        self, world: World, browser: Browser
    ) -> None:
        world.stock(2)
        dialog = browser.get(reverse("admin:giftcards_pool_archive", args=[world.pool.pk]))
        assert "Archive it although it still holds 2 available cards" in text_of(dialog)
        refused = press(browser, world.pool, "archive")
        assert "It still holds 2 available cards. Tick this" in text_of(refused)
        assert not is_archived(world.pool)
        assert press(browser, world.pool, "archive", with_cards="on").status_code == 302
        assert is_archived(world.pool)

    def test_archives_an_exhausted_pool_without_a_question(
        self, world: World, browser: Browser
    ) -> None:
        assert press(browser, world.pool, "archive").status_code == 302
        assert is_archived(world.pool)
        page = browser.get(reverse("admin:giftcards_pool_change", args=[world.pool.pk]))
        assert "Take back into use" in text_of(page)
        assert press(browser, world.pool, "restore").status_code == 302
        assert not is_archived(world.pool)

    def test_lists_the_archived_only_when_asked(self, world: World, browser: Browser) -> None:
        url = reverse("admin:giftcards_pool_changelist")
        other = Pool.objects.create(
            name="Other pool", brand=world.brand, denomination=world.denomination, kind="master"
        )
        press(browser, world.pool, "archive")

        def listed(**query: str) -> set[str]:
            return {pool.name for pool in browser.get(url, query).context["cl"].result_list}

        assert listed() == {other.name}
        assert listed(use="archived") == {"Acorn pool"}
        assert listed(use="all") == {"Acorn pool", "Other pool"}

    def test_is_no_longer_a_field_of_the_form(self, world: World, browser: Browser) -> None:
        for url in (
            reverse("admin:giftcards_pool_add"),
            reverse("admin:giftcards_pool_change", args=[world.pool.pk]),
        ):
            assert "archived_at" not in browser.get(url).context["adminform"].form.fields

    def test_is_not_there_for_a_stranger(self, world: World) -> None:
        stranger = sign_in(make_agency_manager(world.agency))
        for button in ("archive", "restore"):
            assert press(stranger, world.pool, button).status_code == 404
        assert not is_archived(world.pool)
