import io
import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from alerts.management.importing import ProgressBar
from giftcards.models import CardBatch, GiftCard, Pool, StagedCard
from giftcards.services.secrets import open_field
from tests.giftcards.files import BAD_FILES, BAD_ROWS, GOOD_FILES
from tests.world import World, build_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cards.csv"
    path.write_text("Kartennummer;pin\nGIFT-0001-AAAA;12\nSHORT;3\n")
    return path


class TestImportCardsCommand:
    def test_imports_into_a_pool_named_by_its_name_or_id(
        self, world: World, file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for number, pool in enumerate((world.pool.name, str(world.pool.pk))):
            file.write_text(f"code\nGIFT-000{number}-AAAA\n")
            call_command("import_cards", pool, file)
        batch = CardBatch.objects.order_by("created_at").last()
        assert batch is not None
        assert (batch.file_name, batch.actor) == ("cards.csv", "command")
        printed = capsys.readouterr().out
        assert "Rows read         1\n" in printed
        assert "Imported          1\n" in printed
        assert "Refused           0\n" in printed
        assert f"Batch             {batch.pk}\n" in printed

    def test_tells_each_bad_row_and_ends_with_one(
        self, world: World, file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(CommandError) as caught:
            call_command("import_cards", world.pool.name, file, "--map", "code=Kartennummer")
        assert caught.value.returncode == 1
        assert "--valid-rows" in str(caught.value)
        assert "line 3, code: A code looks like" in capsys.readouterr().out
        assert not GiftCard.objects.exists()

    def test_takes_the_good_rows_and_ends_well(self, world: World, file: Path) -> None:
        call_command(
            "import_cards", world.pool.name, file, "--map", "code=Kartennummer", "--valid-rows"
        )
        assert GiftCard.objects.count() == 1

    def test_writes_nothing_in_a_dry_run(
        self, world: World, file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command(
            *("import_cards", world.pool.name, file, "--map", "code=Kartennummer"),
            *("--valid-rows", "--dry-run"),
        )
        assert "Would be imported 1\n" in capsys.readouterr().out
        assert not GiftCard.objects.exists()
        assert not CardBatch.objects.exists()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["no-such-pool"], "There is no pool with the id or name 'no-such-pool'."),
            (["Acorn pool", "--map", "code"], "--map code: write it as field=header"),
            (["Acorn pool", "--map", "cod=X"], "mapping: There is no field 'cod'"),
        ],
    )
    def test_says_what_is_wrong_with_the_command(
        self, world: World, file: Path, arguments: list[str], message: str
    ) -> None:
        with pytest.raises(CommandError) as caught:
            call_command("import_cards", arguments[0], file, *arguments[1:])
        assert str(caught.value).startswith(message)

    def test_names_the_ids_where_a_name_is_not_enough(self, world: World, file: Path) -> None:
        twin = Pool.objects.create(
            name=world.pool.name, brand=world.brand, denomination=world.denomination, kind="master"
        )
        with pytest.raises(CommandError) as caught:
            call_command("import_cards", world.pool.name, file)
        assert str(twin.pk) in str(caught.value)
        assert str(world.pool.pk) in str(caught.value)

    def test_says_when_the_file_came_before(self, world: World, file: Path) -> None:
        file.write_text("code\nGIFT-0001-AAAA\n")
        call_command("import_cards", world.pool.name, file)
        with pytest.raises(CommandError) as caught:
            call_command("import_cards", world.pool.name, file)
        assert str(caught.value).startswith("GC-114 A file with exactly this content")
        assert str(CardBatch.objects.get().pk) in str(caught.value)

    def test_says_when_there_is_no_file(self, world: World, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="No such file"):
            call_command("import_cards", world.pool.name, tmp_path / "none.csv")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def write(self, text: str, ending: str = "") -> int:
        return super().write(text + ending)


class TestProgressBar:
    def test_shows_rows_and_rate_on_a_terminal_and_wipes_itself(self) -> None:
        terminal = Terminal()
        with ProgressBar(terminal) as bar:
            bar(1200, 0.5)
            bar(2400, 1.0)
        drawn = terminal.getvalue()
        assert "████████████░░░░░░░░░░░░  50%  1,200 rows, " in drawn
        assert "writing  2,400 rows, " in drawn
        assert drawn.endswith("\r\x1b[K")

    def test_is_silent_elsewhere(self) -> None:
        stream = io.StringIO()
        with ProgressBar(stream) as bar:
            bar(1200, 0.5)
        assert stream.getvalue() == ""


class TestImportCardsCommandWithFilesOfAllKinds:
    @pytest.mark.parametrize("content", GOOD_FILES)
    def test_reads_files_as_people_send_them(
        self, world: World, file: Path, content: bytes
    ) -> None:
        file.write_bytes(content)
        call_command("import_cards", world.pool.name, file)
        card = GiftCard.objects.get()
        assert open_field(card.code_encrypted, field="code") == "00123456"

    @pytest.mark.parametrize(("row", "problems"), BAD_ROWS)
    def test_says_what_is_wrong_with_a_row(
        self,
        world: World,
        file: Path,
        capsys: pytest.CaptureFixture[str],
        row: str,
        problems: list[tuple[str, str]],
    ) -> None:
        file.write_text(f"code,pin,number,expires_on\nGIFT-9999-ZZZZ,,,\n{row}\n")
        with pytest.raises(CommandError):
            call_command("import_cards", world.pool.name, file)
        printed = capsys.readouterr().out
        for field, message in problems:
            assert f"line 3{f', {field}' if field else ''}: {message}" in printed
        assert not GiftCard.objects.exists()
        assert not StagedCard.objects.exists()

    @pytest.mark.parametrize(("content", "message"), BAD_FILES)
    def test_refuses_what_is_no_file_of_cards(
        self, world: World, file: Path, content: bytes, message: str
    ) -> None:
        file.write_bytes(content)
        with pytest.raises(CommandError, match=re.escape(f"file: {message}")):
            call_command("import_cards", world.pool.name, file)
        for model in (GiftCard, StagedCard, CardBatch):
            assert not model.objects.exists()

    def test_refuses_a_pool_that_buys_from_its_provider_alone(
        self, world: World, file: Path
    ) -> None:
        Pool.objects.filter(pk=world.pool.pk).update(purchase_method="api_only")
        with pytest.raises(CommandError, match="buys from its provider alone"):
            call_command("import_cards", world.pool.name, file)
        assert not GiftCard.objects.exists()
