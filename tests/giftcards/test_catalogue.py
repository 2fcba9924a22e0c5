import pytest
from django.core.management import call_command

from giftcards.models import Brand, Denomination
from giftcards.patterns import CodePattern

pytestmark = pytest.mark.django_db


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
