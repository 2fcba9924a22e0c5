"""Cards typed into a pool's page: a few, all of them or none, by the one importer."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from alerts.errors import ValidationFailedError
from credit.selectors.viewers import SYSTEM
from giftcards.models import Brand, CardBatch, GiftCard, Pool
from giftcards.services.by_hand import MOST_BY_HAND, TypedCard, add_by_hand
from giftcards.services.secrets import open_field
from redemption.models import Redemption
from tests.giftcards.test_selling_page import text_of
from tests.redemption.asking import ask
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)
FIELDS = ("code", "pin", "number", "expires_on")


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def browser() -> Browser:
    return sign_in(make_platform_admin())


def page_of(pool: Pool) -> str:
    return reverse("admin:giftcards_pool_add_by_hand", args=[pool.pk])


def send(browser: Browser, pool: Pool, *cards: tuple[str, ...], step: str = "add") -> Any:
    data = {"card-TOTAL_FORMS": str(len(cards)), "card-INITIAL_FORMS": "0", "step": step}
    for place, card in enumerate(cards):
        padded = (*card, *("",) * (len(FIELDS) - len(card)))
        data |= {f"card-{place}-{name}": cell for name, cell in zip(FIELDS, padded, strict=True)}
    return browser.post(page_of(pool), data)


def errors_of(page: Any) -> list[dict[str, list[str]]]:
    assert page.status_code == 200
    return [
        {name: list(words) for name, words in form.errors.items()} for form in page.context["rows"]
    ]


class TestPage:
    def test_adds_them_and_leads_to_where_it_can_be_undone(
        self, world: World, browser: Browser
    ) -> None:
        assert "Line 3" in text_of(browser.get(page_of(world.pool)))
        answer = send(
            browser,
            world.pool,
            ("GIFT-0001-AAAA", "0042", "6006 4912 0000 1111", "12/2031"),
            (),
            ("GIFT-0002-BBBB",),
        )
        batch = CardBatch.objects.get()
        url = reverse("admin:giftcards_cardbatch_change", args=[batch.pk])
        assert (answer.status_code, answer["Location"]) == (302, url)
        assert (batch.file_name, batch.state, batch.accepted) == ("added by hand", "imported", 2)
        first, second = GiftCard.objects.order_by("last4")
        assert (first.last4, first.source, first.expires_on) == (
            "AAAA",
            "manual",
            date(2031, 12, 31),
        )
        assert open_field(first.pin_encrypted, field="pin") == "0042"
        assert open_field(first.number_encrypted, field="number") == "6006 4912 0000 1111"
        assert (second.last4, second.source, second.expires_on) == ("BBBB", "manual", None)
        page = browser.get(url)
        assert "In stock now: 2 cards more." in text_of(page)
        assert "Undo this upload" in text_of(page)

    def test_counts_them_as_uploaded_ones(self, world: World, browser: Browser) -> None:
        send(browser, world.pool, ("GIFT-0001-AAAA",))
        ask(world.invite()[0])
        redemption = Redemption.objects.get()
        assert (redemption.state, redemption.source) == ("issued", "csv")

    def test_adds_nothing_twice(self, world: World, browser: Browser) -> None:
        first = send(browser, world.pool, ("GIFT-0001-AAAA",))
        again = send(browser, world.pool, ("GIFT-0001-AAAA",))
        assert again["Location"] == first["Location"]
        assert "nothing was added a second time" in text_of(browser.get(again["Location"]))
        assert (GiftCard.objects.count(), CardBatch.objects.count()) == (1, 1)

    def test_says_at_its_field_what_is_wrong_and_adds_none(
        self, world: World, browser: Browser
    ) -> None:
        world.stock(1)
        Brand.objects.filter(pk=world.brand.pk).update(code_format="GIFT-9999-AAAA")
        page = send(
            browser,
            world.pool,
            ("GIFT-0001-AAAA",),
            ("",),
            ("GIFT-0001-AAAA",),
            ("GIFT-0002", "", "", "2020-01-01"),
            ("", "0042"),
            ("GIFT-0003-CCCC", "0" * 30, "x", "soon"),
        )
        errors = errors_of(page)
        assert errors[0] == errors[1] == {}
        assert errors[2] == {"code": ["The same code is on line 1."]}
        assert set(errors[3]) == {"code", "expires_on"}
        assert set(errors[4]) == {"code"}
        assert set(errors[5]) == {"pin", "number", "expires_on"}
        assert "The date of expiry must be in the future." in text_of(page)
        # What was typed is still there to be put right, and nowhere else.
        assert page.context["rows"].forms[0]["code"].value() == "GIFT-0001-AAAA"
        assert "no-store" in page["Cache-Control"]
        assert GiftCard.objects.count() == 1
        assert not CardBatch.objects.exists()

    def test_says_when_a_code_is_there_already(self, world: World, browser: Browser) -> None:
        send(browser, world.pool, ("GIFT-0001-AAAA",))
        page = send(browser, world.pool, ("GIFT-0002-BBBB",), ("GIFT-0001-AAAA",))
        assert errors_of(page)[1] == {"code": ["This code is in this pool already."]}
        assert GiftCard.objects.count() == 1

    def test_wants_a_card(self, world: World, browser: Browser) -> None:
        page = send(browser, world.pool, (), ())
        assert page.context["trouble"] == ["Type at least one card."]
        assert not CardBatch.objects.exists()

    def test_takes_twenty_at_most(self, world: World, browser: Browser) -> None:
        cards = [(f"GIFT-{number:04}-AAAA",) for number in range(21)]
        page = send(browser, world.pool, *cards)
        assert page.status_code == 200
        assert "at most 20 forms" in text_of(page)
        assert not GiftCard.objects.exists()
        send(browser, world.pool, *cards[:20])
        assert GiftCard.objects.count() == 20

    def test_gives_more_lines_and_keeps_what_is_typed(self, world: World, browser: Browser) -> None:
        page = send(browser, world.pool, ("GIFT-0001-AAAA", "0042"), (), (), step="more")
        rows = page.context["rows"].forms
        assert len(rows) == 6
        assert [rows[0][name].value() for name in ("code", "pin")] == ["GIFT-0001-AAAA", "0042"]
        full = send(browser, world.pool, *[("GIFT-0001-AAAA",)] * 19, step="more")
        assert len(full.context["rows"].forms) == 20
        assert "More lines" not in text_of(full)
        assert not GiftCard.objects.exists()

    def test_is_for_pools_that_take_uploads(self, world: World, browser: Browser) -> None:
        for change in ({"purchase_method": "api_only"}, {"archived_at": NOW}):
            pool = Pool.objects.create(
                name="Closed",
                brand=world.brand,
                denomination=world.denomination,
                kind="master",
                **change,
            )
            assert browser.get(page_of(pool)).status_code == 403
            assert send(browser, pool, ("GIFT-0001-AAAA",)).status_code == 403
        assert not GiftCard.objects.exists()

    def test_is_not_there_for_a_stranger(self, world: World) -> None:
        stranger = sign_in(make_agency_manager(world.agency))
        assert stranger.get(page_of(world.pool)).status_code == 404
        assert send(stranger, world.pool, ("GIFT-0001-AAAA",)).status_code == 404
        assert not GiftCard.objects.exists()

    @pytest.mark.parametrize(
        "data",
        [{}, {"card-TOTAL_FORMS": "x"}, {"card-TOTAL_FORMS": "-3"}, {"card-TOTAL_FORMS": "9" * 40}],
    )
    @pytest.mark.parametrize("step", ["add", "more"])
    def test_survives_a_form_that_is_not_its_own(
        self, world: World, browser: Browser, data: dict[str, str], step: str
    ) -> None:
        answer = browser.post(page_of(world.pool), {**data, "step": step})
        assert answer.status_code == 200
        assert not CardBatch.objects.exists()

    def test_takes_no_line_break_in_a_field(self, world: World, browser: Browser) -> None:
        page = send(browser, world.pool, ("GIFT-0001-AAAA\nGIFT-0002-BBBB",))
        assert errors_of(page) == [{"code": ["Put each card on a line of its own."]}]
        assert not GiftCard.objects.exists()


class TestAddByHand:
    @pytest.mark.parametrize("count", [0, MOST_BY_HAND + 1])
    def test_takes_a_few(self, world: World, count: int) -> None:
        cards = [TypedCard(code=f"GIFT-{number:04}-AAAA") for number in range(count)]
        with pytest.raises(ValidationFailedError):
            add_by_hand(viewer=SYSTEM, pool_id=world.pool.pk, cards=cards, now=datetime.now(UTC))
        assert not GiftCard.objects.exists()
