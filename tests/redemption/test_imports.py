"""People from files, good and hostile, into real tables."""

import csv
import io
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from alerts.csvfiles import RowProblem
from alerts.errors import ValidationFailedError
from alerts.services.imports import SPREADSHEET_HINT, FileAlreadyUploadedError, ImportReport
from redemption.codes import has_valid_check_symbol, normalise_code
from redemption.models import Campaign, Recipient, Redemption, StagedRecipient
from redemption.services.imports import import_recipients
from redemption.services.recipients import open_redemption_code
from redemption.services.redeem import Caller, Contact, redeem
from tests.giftcards.test_imports import dump_all_tables
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db

HEADER = (
    "first_name,last_name,phone,email,city,region,postal_code,country,external_crm_id,"
    "redemption_code\n"
)


def upload(world: World, text: str, **changes: object) -> ImportReport:
    arguments: dict[str, object] = {
        "campaign": world.campaign,
        "source": io.BytesIO(text.encode()),
        "mode": "all_or_nothing",
        "dry_run": False,
        "now": NOW,
    }
    return import_recipients(**(arguments | changes))  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    return build_world()


class TestImportRecipients:
    def test_adds_a_person_for_each_row(self, world: World) -> None:
        report = upload(
            world,
            HEADER
            + "Ana,Sample,(202) 555-0143,ana@example.com,Springfield,IL,00123,us,A-1,\n"
            + '"  José\nMaría ",O\'Neil,+442079460958,,,,,GB,A-2,qr4k-0001-OIL9\n',
        )
        assert (report.state, report.rows, report.accepted) == ("imported", 2, 2)
        ana, jose = Recipient.objects.order_by("external_crm_id")
        assert (ana.first_name, ana.last_name, ana.phone) == ("Ana", "Sample", "+12025550143")
        assert (ana.email, ana.city, ana.region) == ("ana@example.com", "Springfield", "IL")
        assert (ana.postal_code, ana.country, ana.external_crm_id) == ("00123", "US", "A-1")
        assert (ana.campaign, ana.client, ana.is_test) == (world.campaign, world.client, False)
        assert (ana.approval, ana.created_at) == ("not_needed", NOW)
        assert has_valid_check_symbol(open_redemption_code(ana))
        assert (jose.first_name, jose.phone) == ("José María", "+442079460958")
        assert open_redemption_code(jose) == "QR4K00010119"
        assert not StagedRecipient.objects.exists()

    def test_adds_people_who_can_redeem(self, world: World) -> None:
        world.stock(1)
        upload(world, "redemption_code\nQR4K-0001-XYZ9-77AB\n")
        result = redeem(
            caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
            contact=Contact(method="none"),
            code="qr4k 0001 xyz9 77ab",
            now=NOW,
        )
        assert result.state == "issued"

    def test_lets_people_wait_for_approval_where_the_campaign_asks_for_it(
        self, world: World
    ) -> None:
        # As it is asked for when they are written, whatever was read before.
        Campaign.objects.filter(pk=world.campaign.pk).update(approval_required=True)
        upload(world, "first_name\nAna\n")
        assert Recipient.objects.get().approval == "pending"

    @pytest.mark.parametrize(
        ("header", "row", "problem"),
        [
            ("phone", "12345", ("phone", "This number doesn't exist. Please check each digit.")),
            ("phone", "call me", ("phone", "Enter the number in digits, such as +1 202 555 0143.")),
            ("phone", "2.02556E+9", ("phone", SPREADSHEET_HINT)),
            ("external_crm_id", "1.5E+12", ("external_crm_id", SPREADSHEET_HINT)),
            ("redemption_code", "1.23E+15", ("redemption_code", SPREADSHEET_HINT)),
            (
                "redemption_code",
                "AB",
                ("redemption_code", "A code has at least 4 letters and digits."),
            ),
            (
                "redemption_code",
                "=CMD()|A1",
                ("redemption_code", "A code has only letters A to Z, digits and dashes."),
            ),
            ("email", "ana@", ("email", "This is no e-mail address.")),
            ("first_name", "A" * 81, ("first_name", "This is longer than 80 characters.")),
            (
                "first_name",
                "Ana\u202e",
                ("first_name", "There are invisible characters in this cell."),
            ),
            (
                "first_name,country",
                "Ana,USA",
                ("country", "Write the country as two letters, such as US."),
            ),
            (
                "first_name,country",
                "Ana,UK",
                ("country", "No country has these two letters (ISO 3166); Britain is GB."),
            ),
            ("first_name,city", ",Springfield", ("", "Nothing in this row says who it is.")),
            ("first_name,city", "Ana", ("", "Cells in this row: 1; columns: 2.")),
        ],
    )
    def test_says_what_is_wrong_with_a_row(
        self, world: World, header: str, row: str, problem: tuple[str, str]
    ) -> None:
        report = upload(world, f"{header}\n{row}\n")
        assert report.problems == (RowProblem(2, *problem),)
        assert (report.state, report.rows, report.rejected) == ("refused", 1, 1)
        assert not Recipient.objects.exists()
        assert not StagedRecipient.objects.exists()

    def test_finds_duplicates_near_and_far(self, world: World) -> None:
        stranger = build_world(name="Birch")
        upload(stranger, "external_crm_id,redemption_code\nB-1,QR4K-0000-0001\n")
        upload(world, "external_crm_id,redemption_code\nA-1,QR4K-0000-0002\n")
        report = upload(
            world,
            "external_crm_id,redemption_code\n"
            "A-2,QR4K-0000-0001\n"
            "A-1,\n"
            "B-1,QR4K-0000-0003\n"
            "A-3,QR4K-0000-OOO3\n"
            "B-1,\n"
            "A-1,QR4K-0000-0002\n",
        )
        assert report.problems == (
            RowProblem(2, "redemption_code", "This code is taken."),
            RowProblem(3, "external_crm_id", "This campaign has a recipient with this id."),
            RowProblem(5, "redemption_code", "The same code is on line 4."),
            RowProblem(6, "external_crm_id", "The same id is on line 4."),
            RowProblem(7, "redemption_code", "This code is taken."),
            RowProblem(7, "external_crm_id", "This campaign has a recipient with this id."),
        )
        assert (report.rows, report.accepted, report.rejected, report.problem_count) == (6, 0, 5, 6)
        assert Recipient.objects.count() == 2

    def test_adds_the_good_rows_where_that_is_asked_for(self, world: World) -> None:
        report = upload(
            world,
            "first_name,phone,external_crm_id\nAna,+12025550143,1\nBo,911,2\nCy,,1\nDi,,\n",
            mode="valid_rows",
        )
        assert (report.state, report.accepted, report.rejected) == ("imported", 2, 2)
        assert set(Recipient.objects.values_list("first_name", flat=True)) == {"Ana", "Di"}

    def test_writes_nothing_in_a_dry_run(self, world: World) -> None:
        out = io.StringIO()
        text = "first_name\nAna\n"
        report = upload(world, text, dry_run=True, codes_out=out)
        assert (report.state, report.accepted) == ("previewed", 1)
        assert not Recipient.objects.exists()
        assert not StagedRecipient.objects.exists()
        assert out.getvalue() == ""
        assert upload(world, text).state == "imported"

    def test_recognises_a_file_that_came_before(self, world: World) -> None:
        upload(world, "first_name\nAna\n")
        with pytest.raises(FileAlreadyUploadedError) as caught:
            upload(world, "first_name\nAna\n")
        assert (caught.value.code.code, caught.value.imported_at) == ("GC-114", NOW)
        assert Recipient.objects.count() == 1
        # Another campaign may invite the same people.
        assert upload(build_world(name="Birch"), "first_name\nAna\n").state == "imported"

    def test_refuses_a_file_without_rows(self, world: World) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            upload(world, HEADER)
        assert caught.value.errors == {"file": ["The file has no rows."]}

    def test_writes_the_codes_out_for_the_mail_house(self, world: World) -> None:
        out = io.StringIO()
        upload(
            world,
            "first_name,phone,external_crm_id,redemption_code\n"
            "Ana,+12025550143,1,\n=1+1,,2,QR4K-0000-0001\nCy,911,3,\n",
            mode="valid_rows",
            codes_out=out,
        )
        rows = list(csv.DictReader(io.StringIO(out.getvalue())))
        assert [row["first_name"] for row in rows] == ["Ana", "'=1+1"]
        assert rows[0]["phone"] == "+12025550143"
        ana = Recipient.objects.get(external_crm_id="1")
        assert normalise_code(rows[0]["redemption_code"]) == open_redemption_code(ana)
        assert rows[0]["redemption_code"][4] == rows[0]["redemption_code"][9] == "-"
        assert rows[1]["redemption_code"] == "QR4K00000001"

    def test_leaves_no_code_in_plain_anywhere_in_the_database(self, world: World) -> None:
        text = "external_crm_id,redemption_code\n1,PLAINREDEEM0001\n2,PLAINREDEEM 0002!\n"
        upload(world, text, mode="valid_rows")
        upload(world, text + "3,PLAINREDEEM0001\n")
        assert Recipient.objects.count() == 1
        everything = dump_all_tables()
        assert "redemption_recipient" in everything
        assert normalise_code("PLAINREDEEM") not in everything
        assert "PLAINREDEEM" not in everything


class TestImportRecipientsCommand:
    def test_reports_bad_rows_by_line_and_ends_with_one(
        self, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "people.csv"
        file.write_text("Vorname,phone\nAna,911\nBo,+12025550143\n")
        codes = tmp_path / "codes.csv"
        with pytest.raises(CommandError) as caught:
            call_command(
                "import_recipients",
                world.campaign.name,
                file,
                "--map",
                "first_name=Vorname",
                "--codes-out",
                codes,
            )
        assert str(caught.value).startswith("Nothing was imported.")
        assert caught.value.returncode == 1
        printed = capsys.readouterr().out
        assert "line 2, phone: This number doesn't exist." in printed
        assert not Recipient.objects.exists()
        assert list(tmp_path.iterdir()) == [file]

    def test_writes_the_codes_into_a_file_that_is_nobody_elses(
        self, world: World, tmp_path: Path
    ) -> None:
        file = tmp_path / "people.csv"
        file.write_text("first_name\nAna\n")
        codes = tmp_path / "codes.csv"
        call_command("import_recipients", str(world.campaign.pk), file, "--codes-out", codes)
        assert codes.stat().st_mode & 0o777 == 0o600
        [row] = csv.DictReader(io.StringIO(codes.read_text()))
        assert normalise_code(row["redemption_code"]) == open_redemption_code(
            Recipient.objects.get()
        )
        with pytest.raises(CommandError, match="is there already"):
            call_command("import_recipients", str(world.campaign.pk), file, "--codes-out", codes)


class TestMakeCodesCommand:
    def test_prints_codes_that_can_be_redeemed(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("make_codes", world.campaign.name, "--count", "3")
        printed = capsys.readouterr().out.split()
        assert {normalise_code(code) for code in printed} == {
            open_redemption_code(recipient) for recipient in Recipient.objects.all()
        }
        assert len(printed) == Recipient.objects.filter(is_test=False).count() == 3

    def test_writes_a_file_and_marks_test_codes(self, world: World, tmp_path: Path) -> None:
        file = tmp_path / "codes.csv"
        call_command("make_codes", world.campaign.name, "--csv", file, "--test")
        rows = file.read_text().split()
        assert rows[0] == "redemption_code"
        recipient = Recipient.objects.get()
        assert recipient.is_test
        assert normalise_code(rows[1]) == open_redemption_code(recipient)

    @pytest.mark.parametrize("count", ["0", "-1", "10001"])
    def test_refuses_a_count_out_of_range(self, world: World, count: str) -> None:
        with pytest.raises(CommandError):
            call_command("make_codes", world.campaign.name, f"--count={count}")
        assert not Recipient.objects.exists()
