"""How the inventory speaks of pools whose cards are bought."""

from __future__ import annotations

import pytest

from giftcards.models import Pool
from tests.redemption.visiting import plain
from tests.staff import make_platform_admin, sign_in
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)


class TestBoughtCards:
    def test_need_nobody_where_each_is_bought_on_the_spot(self) -> None:
        world = build_world()
        Pool.objects.filter(pk=world.pool.pk).update(purchase_method="api_only")
        browser = sign_in(make_platform_admin())
        page = plain(browser.get("/reports/inventory/?level=on_demand"))
        assert "✓ Bought on the spot 0 of 0 –" in page
        assert "✕ Empty" not in page
        world.stock(1)  # came back from somebody
        assert "! Low 1 of 1" in plain(browser.get("/reports/inventory/"))

    @pytest.mark.parametrize(
        ("cards", "words"), [(0, "✕ Empty"), (1, "! Low"), (2, "~ Getting low"), (6, "✓ Enough")]
    )
    def test_are_measured_by_how_many_are_wanted_in_a_buffer(self, cards: int, words: str) -> None:
        world = build_world()
        Pool.objects.filter(pk=world.pool.pk).update(
            kind="buffer",
            client=None,
            purchase_method="api_only",
            target_level=10,
        )
        world.pool.refresh_from_db()
        world.stock(cards)
        page = plain(sign_in(make_platform_admin()).get("/reports/inventory/"))
        assert f"{words} {cards} of {cards}" in page
