"""The sample files of the documentation do what it says of them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from giftcards.models import GiftCard
from redemption.models import Recipient
from tests.world import World, build_world

pytestmark = pytest.mark.django_db

EXAMPLES = Path(settings.BASE_DIR) / "docs" / "examples"


@pytest.fixture
def world() -> World:
    return build_world()


def problems(printed: str) -> dict[str, str]:
    """Return what was said of each line, by ``line 3, code``."""
    lines = [line.strip() for line in printed.splitlines() if line.startswith("  line ")]
    return dict(line.split(": ", 1) for line in lines)


class TestCardExamples:
    def test_imports_the_good_ones(self, world: World) -> None:
        assert datetime.now(UTC).year < 2031  # or the samples need new dates
        call_command("import_cards", world.pool.name, EXAMPLES / "cards.csv")
        call_command(
            *("import_cards", world.pool.name, EXAMPLES / "cards-other-headers.csv"),
            *("--map", "code=Kartennummer", "--map", "pin=Geheimzahl"),
            *("--map", "expires_on=Gültig bis"),
        )
        assert GiftCard.objects.count() == 7
        assert not GiftCard.objects.filter(pin_encrypted="").exclude(last4="WT04").exists()

    def test_tells_all_that_is_wrong_with_the_bad_one(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(CommandError):
            call_command("import_cards", world.pool.name, EXAMPLES / "cards-bad.csv")
        assert list(problems(capsys.readouterr().out)) == [
            "line 3, code",
            "line 4, code",
            "line 5, code",
            "line 6, code",
            "line 7, code",
            "line 8, expires_on",
            "line 9, expires_on",
            "line 10, expires_on",
            "line 11, pin",
            "line 12, number",
            "line 13",
        ]
        assert not GiftCard.objects.exists()

    def test_brings_in_the_good_rows_of_the_bad_one(self, world: World) -> None:
        call_command("import_cards", world.pool.name, EXAMPLES / "cards-bad.csv", "--valid-rows")
        assert set(GiftCard.objects.values_list("last4", flat=True)) == {"WS01", "WS13"}


class TestRecipientExamples:
    def test_imports_the_good_one(self, world: World) -> None:
        call_command("import_recipients", world.campaign.name, EXAMPLES / "recipients.csv")
        assert Recipient.objects.count() == 4

    def test_tells_all_that_is_wrong_with_the_bad_one(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(CommandError):
            call_command("import_recipients", world.campaign.name, EXAMPLES / "recipients-bad.csv")
        assert list(problems(capsys.readouterr().out)) == [
            "line 3, phone",
            "line 4, phone",
            "line 5, email",
            "line 6, country",
            "line 7, external_crm_id",
            "line 8, redemption_code",
            "line 9",
        ]
        assert not Recipient.objects.exists()
