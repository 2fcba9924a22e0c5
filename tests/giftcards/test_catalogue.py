"""The starter catalogue: ten brands with all that a card's page says of them."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

import pytest
from django.core.management import call_command
from django.core.validators import URLValidator

from giftcards.models import Brand, Denomination, GiftCard, Pool
from giftcards.patterns import CodePattern
from giftcards.services.imports import import_cards
from giftcards.services.secrets import open_field

pytestmark = pytest.mark.django_db(transaction=True)


class TestSeedCatalogueCommand:
    def test_brings_the_usual_brands(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("seed_catalogue")
        assert capsys.readouterr().out == "Added 10 brands and 42 values.\n"
        assert set(Brand.objects.values_list("name", flat=True)) == {
            "Amazon", "Visa", "Mastercard", "Apple", "Target", "Starbucks", "Walmart",
            "The Home Depot", "Lowe's", "Best Buy",
        }  # fmt: skip
        assert Denomination.objects.filter(brand__slug="amazon", value_minor=2500).exists()

    @pytest.mark.parametrize(
        ("slug", "good", "bad"),
        [
            ("amazon", "AMZN-7Q2M-K4XW-9TPA", "BMZN-7Q2M-K4XW-9TPA"),
            ("visa", "4000123412341234", "5000123412341234"),
            ("mastercard", "5000123412341234", "500012341234123"),
            ("target", "0012-3456-7890", "0012-3456-789A"),
        ],
    )
    def test_gives_each_the_pattern_of_its_codes(self, slug: str, good: str, bad: str) -> None:
        call_command("seed_catalogue")
        pattern = CodePattern(Brand.objects.get(slug=slug).code_format)
        assert pattern.matches(good)
        assert not pattern.matches(bad)

    def test_leaves_what_an_operator_has_changed(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("seed_catalogue")
        Brand.objects.filter(slug="target").update(code_format="AAAA", is_enabled=False)
        Denomination.objects.filter(brand__slug="visa", value_minor=20000).delete()
        capsys.readouterr()
        call_command("seed_catalogue")
        assert capsys.readouterr().out == "Added 0 brands and 1 values.\n"
        target = Brand.objects.get(slug="target")
        assert (target.code_format, target.is_enabled) == ("AAAA", False)

    def test_gives_each_its_addresses_and_what_has_to_be_said(self) -> None:
        call_command("seed_catalogue")
        is_address = URLValidator(schemes=["https"])
        for brand in Brand.objects.all():
            for address in (brand.redemption_url, brand.balance_url, brand.terms_url):
                is_address(address)
            assert brand.name in brand.disclosure
            assert brand.expiration_policy
            assert brand.instructions
            assert brand.is_enabled
            assert brand.denominations.filter(currency="USD", is_enabled=True).count() >= 4
        assert "issued by the bank" in Brand.objects.get(slug="visa").disclosure
        assert "issued by the bank" not in Brand.objects.get(slug="target").disclosure

    @pytest.mark.parametrize(
        ("slug", "code"), [("visa", "4000123412341234"), ("mastercard", "5000123412341234")]
    )
    def test_takes_payment_cards_with_expiry_and_security_code(self, slug: str, code: str) -> None:
        call_command("seed_catalogue")
        value = Denomination.objects.get(brand__slug=slug, value_minor=2500)
        pool = Pool.objects.create(
            name="Cards", brand=value.brand, denomination=value, kind="master"
        )
        report = import_cards(
            pool=pool,
            source=io.BytesIO(f"code,pin,expires_on\n{code},012,12/31\n".encode()),
            file_name="cards.csv",
            mode="all_or_nothing",
            dry_run=False,
            actor="system",
            now=datetime(2026, 3, 2, tzinfo=UTC),
        )
        assert (report.state, report.accepted) == ("imported", 1)
        card = GiftCard.objects.get()
        assert open_field(card.code_encrypted, field="code") == code
        assert open_field(card.pin_encrypted, field="pin") == "012"
        assert card.expires_on == date(2031, 12, 31)
        assert card.security_code_encrypted == ""
