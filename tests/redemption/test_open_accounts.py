"""Opening balances: all of a file or nothing of it, and each of them once."""

from __future__ import annotations

from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from alerts.transactions import transaction
from credit.models import Account, Agency, Client, Entry, Transaction
from credit.services.accounts import open_platform_accounts
from redemption.models import Campaign, Condition
from redemption.services.opening import OpeningReport, open_accounts
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = "level,name,amount\n"


@pytest.fixture
def town() -> Client:
    """An agency with a client and its isolated campaign, none of which has an account."""
    agency = Agency.objects.create(name="North", slug="north")
    client = Client.objects.create(agency=agency, name="Bakery", slug="bakery")
    Campaign.objects.create(client=client, name="Spring", budget_mode="isolated", status="active")
    Campaign.objects.create(client=client, name="Autumn", status="active")
    return client


def run(lines: str | None = None, *, dry_run: bool = False, currency: str = "USD") -> OpeningReport:
    source = None if lines is None else BytesIO((HEADER + lines).encode())
    return open_accounts(source=source, currency=currency, dry_run=dry_run, now=NOW)


def balances() -> dict[str, int | None]:
    """Return what each account below the platform holds, by its name."""
    rows = Account.objects.exclude(level="platform").values_list("name", "balance_minor")
    return dict(rows)


def written() -> tuple[int, int]:
    return Account.objects.count(), Transaction.objects.count()


class TestOpenAccounts:
    def test_opens_what_is_missing_from_the_top_down(self, town: Client) -> None:
        report = run()
        assert [(row.level, row.name, row.is_new) for row in report.accounts] == [
            ("agency", "North", True),
            ("client", "Bakery", True),
            ("campaign", "Spring", True),
        ]
        assert balances() == {"North": 0, "Bakery": 0, "Spring": 0}
        spring = Campaign.objects.get(name="Spring")
        assert spring.account is not None
        assert (spring.account.level, spring.own_account) == ("campaign", spring.account)
        assert spring.account.parent == Account.objects.get(level="client")
        assert Campaign.objects.get(name="Autumn").account is None
        assert not Transaction.objects.exists()

    def test_gives_each_account_what_its_line_says(self, town: Client) -> None:
        report = run("agency,North,1000.00\nclient,Bakery,200.50\ncampaign,Spring,75\n")
        assert report.problems == ()
        assert balances() == {"North": 100_000, "Bakery": 20_050, "Spring": 7500}
        assert [(row.given_minor, row.given_before_minor) for row in report.accounts] == [
            (100_000, 0),
            (20_050, 0),
            (7500, 0),
        ]
        kinds = Transaction.objects.order_by("pk").values_list("kind", flat=True)
        assert sorted(kinds) == ["allocation"] * 3 + ["issue"] * 3
        assert broken_invariants() == {}

    def test_gives_it_once(self, town: Client) -> None:
        lines = "agency,North,1000.00\nclient,Bakery,200.50\n"
        run(lines)
        before = written()
        report = run(lines)
        assert (written(), report.problems) == (before, ())
        assert [
            (row.is_new, row.given_minor, row.given_before_minor) for row in report.accounts
        ] == [
            (False, 0, 100_000),
            (False, 0, 20_050),
            (False, 0, 0),
        ]
        assert balances() == {"North": 100_000, "Bakery": 20_050, "Spring": 0}

    def test_gives_a_later_file_what_an_earlier_one_left_out(self, town: Client) -> None:
        run("agency,North,1.00\n")
        run("agency,North,1.00\ncampaign,Spring,2.00\n")
        assert balances() == {"North": 100, "Bakery": 0, "Spring": 200}

    def test_gives_it_once_also_to_two_at_once(self, town: Client) -> None:
        lines = "agency,North,10.00\nclient,Bakery,20.00\ncampaign,Spring,30.00\n"
        outcomes = run_at_once(2, lambda: run(lines))
        assert [type(outcome) for outcome in outcomes] == [OpeningReport, OpeningReport]
        assert balances() == {"North": 1000, "Bakery": 2000, "Spring": 3000}
        assert Account.objects.filter(level="campaign").count() == 1
        assert broken_invariants() == {}

    def test_writes_nothing_in_a_dry_run(self, town: Client) -> None:
        report = run("agency,North,1000.00\n", dry_run=True)
        assert (report.accounts[0].is_new, report.accounts[0].given_minor) == (True, 100_000)
        assert written() == (0, 0)
        assert Campaign.objects.get(name="Spring").account is None

    def test_lets_a_depleted_campaign_go_on(self) -> None:
        world = build_world(credit_minor=0)
        Campaign.objects.update(status="depleted")
        run(f"client,{world.client.name},25.00\n")
        assert Campaign.objects.get().status == "active"

    def test_reads_an_amount_in_the_accounts_currency(self, town: Client) -> None:
        with transaction():
            open_platform_accounts(currency="JPY")
        run("client,Bakery,500\n", currency="JPY")
        client_account = Account.objects.get(level="client")
        assert (client_account.currency, client_account.balance_minor) == ("JPY", 500)
        # Those below keep the currency they have, whatever is asked for.
        report = run("campaign,Spring,1.00\n", currency="USD")
        assert [problem.message for problem in report.problems] == [
            "An amount in JPY has no decimals."
        ]

    def test_finds_by_id_where_a_name_is_not_enough(self, town: Client) -> None:
        second = Client.objects.create(agency=town.agency, name="Bakery", slug="bakery-2")
        (problem,) = run("client,Bakery,5.00\n").problems
        assert (problem.line, problem.field) == (2, "name")
        assert problem.message.startswith("2 have this name: write the id instead (")
        assert written() == (0, 0)
        run(f"client,{second.pk},5.00\n")
        assert Account.objects.get(client=second).balance_minor == 500

    @pytest.mark.parametrize(
        ("line", "field", "words"),
        [
            ("planet,North,1.00", "level", "Write agency, client or campaign."),
            ("platform,North,1.00", "level", "Write agency, client or campaign."),
            ("client,North,1.00", "name", "There is no client of this name or id."),
            ("agency,,1.00", "name", "This cell is empty."),
            ("agency,North,", "amount", "This cell is empty."),
            ("agency,North,-1", "amount", "The amount can't be negative."),
            ("agency,North,1.005", "amount", "An amount in USD has at most 2 decimals."),
            ("agency,North,1e3", "amount", "Write the amount in digits, such as 1250.50."),
            ("agency,North,NaN", "amount", "Write the amount in digits, such as 1250.50."),
            ("agency,North,=1+1", "amount", "Write the amount in digits, such as 1250.50."),
            ('agency,North,"1,000"', "amount", "such as 1250.50."),
            ("agency,North,99999999999999999999", "amount", "The amount is too large."),
            ("agency,=SUM(A1),1.00", "name", "This looks like a formula."),
            ("agency,@North,1.00", "name", "This looks like a formula."),
            ("campaign,Autumn,1.00", "name", "This campaign is on a shared budget"),
            ("agency,North", "", "Cells in this row: 2; columns: 3."),
        ],
    )
    def test_tells_what_is_wrong_and_writes_nothing(
        self, town: Client, line: str, field: str, words: str
    ) -> None:
        report = run(f"client,Bakery,5.00\n{line}\n")
        (problem,) = report.problems
        assert (problem.line, problem.field) == (3, field)
        assert words in problem.message
        assert written() == (0, 0)

    def test_tells_of_every_bad_line(self, town: Client) -> None:
        report = run("agency,North,x\nagency,North,1.00\nagency,South,1.00\n")
        assert [(problem.line, problem.field) for problem in report.problems] == [
            (2, "amount"),
            (3, "name"),
            (4, "name"),
        ]
        assert report.problems[1].message == "This account is on line 2 already."

    def test_refuses_another_amount_than_the_account_was_opened_with(self, town: Client) -> None:
        run("agency,North,10.00\n")
        before = written()
        (problem,) = run("agency,North,20.00\nclient,Bakery,1.00\n").problems
        assert problem.message == (
            "This account was opened with $10.00 before. Allocate or adjust instead."
        )
        assert (written(), balances()["Bakery"]) == (before, 0)

    def test_refuses_sums_that_no_account_could_hold(self, town: Client) -> None:
        huge = "90000000000000000.00"
        (problem,) = run(f"agency,North,{huge}\nclient,Bakery,{huge}\n").problems
        assert (problem.line, problem.message) == (3, "All amounts together are too large.")
        assert written() == (0, 0)

    def test_refuses_an_account_that_is_paused(self) -> None:
        world: World = build_world(credit_minor=0)
        Account.objects.filter(level="agency").update(status="paused")
        (problem,) = run(f"client,{world.client.name},1.00\n").problems
        assert problem.message == "The agency's account is paused: no credit goes there."
        assert run(f"client,{world.client.name},0\n").problems == ()
        assert not Entry.objects.exists()


class TestCommand:
    @staticmethod
    def call(*arguments: str) -> str:
        out = StringIO()
        call_command("open_accounts", *arguments, stdout=out, no_color=True)
        return out.getvalue()

    @staticmethod
    def file(folder: Path, lines: str) -> str:
        path = folder / "balances.csv"
        path.write_text(HEADER + lines)
        return str(path)

    def test_prints_what_became_of_each_account(self, town: Client, tmp_path: Path) -> None:
        file = self.file(tmp_path, "client,Bakery,200.50\n")
        dry = self.call("--csv", file, "--dry-run")
        assert "would be opened $200.50 would be given" in dry
        assert written() == (0, 0)
        said = self.call("--csv", file)
        assert "client    Bakery  opened          $200.50 given" in said
        assert "3 of 3 accounts opened." in said
        assert "$200.50 issued." in said
        again = self.call("--csv", file)
        assert "client    Bakery  is there        $200.50 given before" in again
        assert "0 of 3 accounts opened." in again

    def test_ends_badly_when_a_line_is_bad(self, town: Client, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="Nothing was written"):
            self.call("--csv", self.file(tmp_path, "client,Nobody,1.00\n"))
        assert written() == (0, 0)

    @pytest.mark.parametrize("arguments", [["--csv", "nowhere.csv"], ["--currency", "dollars"]])
    def test_explains_what_it_can_not_use(self, arguments: list[str]) -> None:
        with pytest.raises(CommandError):
            self.call(*arguments)

    def test_refuses_a_file_without_the_columns(self, tmp_path: Path) -> None:
        path = tmp_path / "balances.csv"
        path.write_text("level,amount\nagency,1\n")
        with pytest.raises(CommandError, match='The column "name" is missing'):
            self.call("--csv", str(path))

    def test_reads_the_sample_of_the_documents(self, town: Client) -> None:
        north = town.agency
        for number, name in enumerate(("Solmara Energy", "Tidewell Health")):
            Client.objects.create(agency=north, name=name, slug=f"sample-{number}")
        Agency.objects.filter(pk=north.pk).update(name="Lantern Agency")
        said = self.call("--csv", str(settings.BASE_DIR / "docs/examples/opening-balances.csv"))
        assert "$31,200.50 issued." in said

    def test_makes_nothing_but_accounts(self, town: Client) -> None:
        self.call()
        assert Condition.objects.count() == 0
        assert not Transaction.objects.exists()
