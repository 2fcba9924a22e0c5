"""What Tillo sells, read once a day over real HTTP."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from alerts.models import Alert
from giftcards.emulator import Emulator
from giftcards.models import ProviderBrand
from giftcards.providers import NoAnswerError, NotConfiguredError
from giftcards.selectors.providers import (
    BrandList,
    describe_values,
    list_brand_uses,
    summarise_brands,
)
from giftcards.services.provider_brands import BrandSync, sync_all_brands, sync_brands
from tests.giftcards.buying import make_buffer
from tests.giftcards.vendor_stub import VendorStub
from tests.world import NOW, build_world

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tillo_settings")]
FINE = {"status": {"code": "ENABLED"}, "currency": "USD", "name": "Fine"}


def says(brands: object) -> bytes:
    data = {"brands": brands}
    return json.dumps({"code": "000", "status": "success", "message": "", "data": data}).encode()


def sync(*, days: float = 0) -> BrandSync:
    return sync_brands(provider="tillo", now=NOW + timedelta(days=days))


def alerts() -> list[tuple[str, str, str]]:
    rows = Alert.objects.order_by("first_seen_at", "pk")
    return [(alert.kind, alert.state, alert.message) for alert in rows]


class TestSyncBrands:
    def test_keeps_what_the_provider_tells(self) -> None:
        result = sync()
        assert (result.listed, len(result.added)) == (19, 19)
        assert (result.changed, result.stopped, result.resumed, result.unreadable) == ((),) * 4
        lowes = ProviderBrand.objects.get(slug="lowes-us")
        assert (lowes.name, lowes.currency, lowes.state) == ("Lowe's", "USD", "enabled")
        assert lowes.denominations_minor == [2500, 5000, 10_000, 20_000]
        assert (lowes.lower_minor, lowes.upper_minor) == (None, None)
        assert lowes.discount_percent == 4
        assert (lowes.delivery_methods, lowes.is_asynchronous) == (["code", "url"], False)
        amazon = ProviderBrand.objects.get(slug="amazon-us")
        assert (amazon.lower_minor, amazon.upper_minor) == (500, 50_000)
        assert ProviderBrand.objects.get(slug="home-depot-us").is_asynchronous
        paused = ProviderBrand.objects.get(slug="example-paused")
        assert (paused.state, paused.reason) == ("paused", "Relationship disabled by brand")
        assert summarise_brands(provider="tillo") == BrandList(brands=19, synced_at=NOW)

    def test_changes_nothing_the_second_time(self) -> None:
        sync()
        before = list(ProviderBrand.objects.order_by("pk").values())
        again = sync(days=1)
        assert (again.added, again.changed, again.stopped) == ((), (), ())
        after = list(ProviderBrand.objects.order_by("pk").values())
        assert after == [{**row, "synced_at": NOW + timedelta(days=1)} for row in before]

    def test_notices_what_is_paused_and_what_is_sold_again(self, tillo_emulator: Emulator) -> None:
        make_buffer(build_world())
        sync()
        assert alerts() == []
        tillo_emulator.set_brand_state("amazon-us", "PAUSED")
        tillo_emulator.set_brand_state("visa-us", "DISABLED")
        result = sync(days=1)
        assert result.stopped == result.changed == ("amazon-us", "visa-us")
        assert result.troubled == ("Acorn Shop",)
        # Of the other brand nobody here sells anything.
        words = "The provider has paused it: Relationship disabled by brand"
        assert alerts() == [("provider_brand", "open", words)]
        tillo_emulator.set_brand_state("amazon-us", "ENABLED")
        result = sync(days=2)
        assert (result.resumed, result.troubled) == (("amazon-us",), ())
        assert alerts() == [("provider_brand", "resolved", words)]

    def test_keeps_what_is_not_listed_any_more_as_not_sold(
        self, vendor: VendorStub, settings: Settings
    ) -> None:
        settings.TILLO_BASE_URL = vendor.url
        vendor.words = says({"amazon-us": FINE, "fine": FINE})
        make_buffer(build_world())
        sync()
        vendor.words = says({"fine": FINE})
        assert sync(days=1).stopped == ("amazon-us",)
        row = ProviderBrand.objects.get(slug="amazon-us")
        reason = "It is not on the provider's list any more."
        assert (row.state, row.reason) == ("disabled", reason)
        assert [kind for kind, _, _ in alerts()] == ["provider_brand"]
        assert sync(days=2).stopped == ()

    def test_leaves_what_it_can_not_read_as_it_was(
        self, vendor: VendorStub, settings: Settings
    ) -> None:
        settings.TILLO_BASE_URL = vendor.url
        vendor.words = says({"amazon-us": FINE, "x" * 81: FINE})
        assert sync().unreadable == ("x" * 81,)
        vendor.words = says({"amazon-us": {"status": {"code": "RETIRED"}}})
        result = sync(days=1)
        assert (result.unreadable, result.stopped) == (("amazon-us",), ())
        row = ProviderBrand.objects.get()
        assert (row.slug, row.state, row.synced_at) == ("amazon-us", "enabled", NOW)

    def test_says_that_it_was_not_answered_and_keeps_what_it_knew(
        self, tillo_emulator: Emulator
    ) -> None:
        sync()
        tillo_emulator.set_faults([{"match": {"request": "brands"}, "action": "malformed"}])
        for day in (1, 2):
            with pytest.raises(NoAnswerError):
                sync(days=day)
        (alert,) = Alert.objects.all()
        assert (alert.kind, alert.severity, alert.count) == ("provider_sync", "warning", 2)
        assert summarise_brands(provider="tillo") == BrandList(brands=19, synced_at=NOW)
        tillo_emulator.set_faults([])
        sync(days=3)
        alert.refresh_from_db()
        assert alert.state == "resolved"

    def test_asks_nobody_who_is_not_set_up(self, settings: Settings) -> None:
        settings.TILLO_SECTOR = ""
        with pytest.raises(NotConfiguredError, match="Set TILLO_SECTOR"):
            sync()
        assert alerts() == []


class TestListBrandUses:
    def test_tells_what_speaks_against_each_of_our_values(self) -> None:
        world = build_world()
        make_buffer(world, slug="starbucks-us")
        world.denomination.value_minor = 2500
        sync()
        (use,) = list_brand_uses(provider="tillo")
        assert (use.brand, use.sold_as, use.problems) == ("Acorn Shop", "Starbucks", ())
        assert (use.pools, use.values) == (("Bought ahead",), ((2500, "USD"),))
        euros = build_world(name="Birch", value_minor=900, currency="EUR")
        make_buffer(euros, slug="amazon-us")
        nameless = build_world(name="Cedar")
        make_buffer(nameless, slug="")
        stranger = build_world(name="Daisy")
        make_buffer(stranger, slug="nobody-us")
        problems = {use.brand: use.problems for use in list_brand_uses(provider="tillo")}
        assert problems == {
            "Acorn Shop": (),
            "Birch Shop": ("€9.00 is not among its values ($5.00 to $500.00).",),
            "Cedar Shop": ("It has no name at the provider: choose one on the brand's page.",),
            "Daisy Shop": ("The provider does not list nobody-us.",),
        }

    def test_names_no_pool_that_buys_nothing(self) -> None:
        make_buffer(build_world(), purchase_method="csv_only")
        make_buffer(build_world(name="Birch"), archived_at=NOW)
        assert list_brand_uses(provider="tillo") == []

    def test_blames_nobody_before_the_first_reading(self) -> None:
        make_buffer(build_world())
        (use,) = list_brand_uses(provider="tillo")
        assert use.problems == ()


class TestDescribeValues:
    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"denominations_minor": [1000, 500]}, "$5.00, $10.00"),
            ({"lower_minor": 500, "upper_minor": 50_000}, "$5.00 to $500.00"),
            ({"lower_minor": 500}, "from $5.00"),
            ({}, "any in USD"),
        ],
    )
    def test_prints_them_for_people(self, values: dict[str, object], words: str) -> None:
        assert describe_values(ProviderBrand(currency="USD", **values)) == words


class TestSyncProvider:
    def test_prints_what_it_has_read(self) -> None:
        output = io.StringIO()
        call_command("sync_provider", stdout=output)
        lines = output.getvalue().splitlines()
        assert lines[0] == "19 brands."
        assert lines[1].startswith("New: amazon-us, apple-us, best-buy-us,")
        assert lines[2:] == [
            "Float universal-float: £1,000.00",
            "Float universal-float: $10,000.00",
        ]

    def test_says_what_is_missing(self, settings: Settings) -> None:
        settings.TILLO_API_KEY = ""
        with pytest.raises(CommandError, match=r"^Set TILLO_API_KEY\.$"):
            call_command("sync_provider")

    def test_says_that_nobody_has_answered(self, tillo_emulator: Emulator) -> None:
        rule = {"match": {"request": "brands"}, "action": "error", "code": "434"}
        tillo_emulator.set_faults([rule])
        with pytest.raises(CommandError, match=r"no answer to work with \(code 434\)"):
            call_command("sync_provider")


class TestSyncAllBrands:
    def test_asks_who_is_set_up_and_outlives_their_silence(
        self, tillo_emulator: Emulator, settings: Settings
    ) -> None:
        assert list(sync_all_brands(now=NOW)) == ["tillo"]
        tillo_emulator.set_faults([{"match": {"request": "brands"}, "action": "drop"}])
        assert sync_all_brands(now=NOW) == {}
        settings.TILLO_API_KEY = ""
        assert sync_all_brands(now=NOW) == {}
        assert [kind for kind, _, _ in alerts()] == ["provider_sync"]
