"""The bench in the small: every measurement runs and nothing goes wrong; no timing is judged."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection

from config.bench.comparisons import Comparisons
from config.bench.course import Course
from config.bench.data import Codes, Data
from config.bench.measure import Comparison, Sample, Side, sample
from config.bench.profile import Profile, Share, take_profile
from config.bench.report import BEGIN, END, render, write
from credit.models import Account, Entry
from giftcards.models import GiftCard
from loyalty.models import Checkout, LoyaltyTransaction
from redemption.models import Redemption
from sms.models import Message
from tests.world import NOW

COURSE = Course(
    seconds=0.3,
    warm_up_seconds=0.1,
    rounds=1,
    probes=200,
    least_rate=2_000,
    threads=(2,),
    crowd=3,
    agencies=2,
    accounts=4,
    sealed=20,
    small_pool=200,
    large_pool=30_000,
    largest_pool=40_000,
    many_claims=300,
    import_rows=300,
    bulk_rows=200,
)


def make_sample(rate: float = 100.0, *, p99_ms: float = 9.0, errors: int = 0) -> Sample:
    return Sample(
        rate=rate,
        p50_ms=1.0,
        p95_ms=2.0,
        p99_ms=p99_ms,
        errors={"409": errors} if errors else {},
        cpu_us={"PostgreSQL": 500.0},
    )


def compare(
    rates: list[tuple[float, float]], *, p99_ms: float = 9.0, errors: int = 0
) -> Comparison:
    """Compare a side with its anchor; the rates are (side, anchor) of each round."""
    return Comparison(
        name="Service ÷ function",
        clients=8,
        side=Side(
            name="service",
            samples=[make_sample(side, p99_ms=p99_ms, errors=errors) for side, _ in rates],
        ),
        anchor=Side(name="pgbench", samples=[make_sample(anchor) for _, anchor in rates]),
        least_ratio=0.85,
        most_p99_ms=100,
    )


class TestSample:
    def test_counts_what_ended_after_the_warm_up_and_before_the_end(self) -> None:
        events = [(10.9, 0.5), (11.0, 0.001), (12.9, 0.003), (13.0, 0.5)]
        result = sample(
            events, began=10, warm_up_seconds=1, seconds=2, errors={}, cpu_seconds={"Python": 2}
        )
        assert (result.rate, result.p50_ms, result.p99_ms) == (1.0, 1.0, 3.0)
        assert result.cpu_us == {"Python": 500_000}

    def test_of_nothing_is_an_error(self) -> None:
        result = sample(
            [(30.0, 0.5)], began=10, warm_up_seconds=1, seconds=2, errors={}, cpu_seconds={}
        )
        assert result.rate == 0
        assert result.errors == {"nothing in the measured seconds": 1}


class TestComparison:
    def test_takes_the_median_of_the_rounds_ratios(self) -> None:
        # Of the medians it would be 90 ÷ 100; a round's two sides saw the same machine.
        comparison = compare([(90, 100), (50, 50), (160, 200)])
        assert comparison.ratios == [0.9, 1.0, 0.8]
        assert comparison.ratio == 0.9
        assert comparison.is_met is True

    def test_is_not_met_below_the_ratio(self) -> None:
        assert compare([(84, 100)]).is_met is False

    def test_is_not_met_when_it_is_too_slow_for_some(self) -> None:
        assert compare([(100, 100)], p99_ms=100).is_met is False

    def test_is_not_met_with_a_single_error(self) -> None:
        assert compare([(100, 100)], errors=1).is_met is False


class TestReport:
    def test_shows_ratio_target_and_every_error(self) -> None:
        report = render(
            [compare([(90, 100), (50, 50), (160, 200)], errors=2)],
            Profile(
                functions=[Share("redemption_redeem", 1, 300.4, 400.6)],
                python={"The service": [Share("psycopg", 20, 75), Share("Giftline", 9, 25)]},
            ),
            machine={"Kernel": "Linux 6"},
            course=COURSE,
            at=datetime(2026, 3, 2, tzinfo=UTC),
        )
        assert "Measured on 02 March 2026: medians of 1 rounds of 0.3 s" in report
        assert "- Kernel: Linux 6" in report
        assert "| **0.90** (0.80–1.00) | ≥ 0.85, p99 < 100 ms, no error | **missed** |" in report
        assert "6 × 409" in report
        assert "| `redemption_redeem` | 1 | 300 | 401 |" in report
        assert "| psycopg | 20 | 75% |" in report

    def test_is_written_between_its_markers_only(self, tmp_path: Path) -> None:
        document = tmp_path / "performance.md"
        document.write_text(f"# Speed\n{BEGIN}\nold\n{END}\nHow to read it\n")
        write(document, "new")
        assert document.read_text() == f"# Speed\n{BEGIN}\nnew\n{END}\nHow to read it\n"

    def test_is_not_written_where_there_is_no_place_for_it(self, tmp_path: Path) -> None:
        document = tmp_path / "performance.md"
        document.write_text("# Speed\n")
        with pytest.raises(ValueError, match="no place for the figures"):
            write(document, "new")
        assert document.read_text() == "# Speed\n"

    def test_has_its_place_in_the_documentation(self) -> None:
        text = Path("docs/performance.md").read_text()
        assert text.count(BEGIN) == text.count(END) == 1


class TestCrowd:
    def test_needs_nothing_but_python(self) -> None:
        # It runs without our packages, so that it stays light.
        result = subprocess.run(
            [
                sys.executable,
                "-S",
                "-E",
                "-c",
                "import runpy; runpy.run_path('config/bench/load.py')",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
class TestComparisons:
    @pytest.fixture
    def comparisons(self, tmp_path: Path) -> Iterator[Comparisons]:
        data = Data(COURSE)
        with data.world(now=NOW):
            yield Comparisons(COURSE, data, folder=tmp_path)

    def test_service_redeems_as_its_function_does(self, comparisons: Comparisons) -> None:
        (comparison,) = comparisons.service()
        assert_ran(comparison, clients=2)
        assert Redemption.objects.values_list("state").distinct().get() == ("delivered",)
        done = Redemption.objects.count()
        assert Message.objects.count() == done
        assert GiftCard.objects.filter(status="delivered").count() == done
        assert Entry.objects.filter(amount_minor=-2500).count() == done
        assert Redemption.objects.values("client").distinct().count() == COURSE.accounts

    def test_http_has_the_demos_web_server_redeem(self, comparisons: Comparisons) -> None:
        (comparison,) = comparisons.http()
        assert_ran(comparison, clients=3)
        assert set(comparison.side.cpu_us) == {"PostgreSQL", "Python", "client"}
        assert Redemption.objects.filter(user_agent="giftline-bench", door="api").exists()

    def test_hot_lets_one_account_pay_as_one_number_and_in_slots(
        self, comparisons: Comparisons
    ) -> None:
        whole, through_function, through_service = comparisons.hot()
        for comparison in (whole, through_function, through_service):
            assert_ran(comparison, clients=3)
        assert whole.is_met is None
        assert through_function.least_ratio == through_service.least_ratio == 0.85
        paying = Account.objects.filter(level="client", entries__amount_minor=-2500).distinct()
        assert paying.count() == COURSE.accounts + 1
        paid = Entry.objects.filter(account=paying.get(slot_count=64), amount_minor=-2500)
        assert paid.filter(slot=None).exists()
        assert paid.exclude(slot=None).values("slot").distinct().count() > 1

    def test_claims_find_a_card_in_every_pool(self, comparisons: Comparisons) -> None:
        (comparison,) = comparisons.claims()
        assert_ran(comparison, clients=3)
        claimed = GiftCard.objects.filter(holder_kind="bench")
        large = claimed.filter(pool__name="Claims 0").count()
        assert 0 < large < COURSE.large_pool
        assert claimed.count() > large

    def test_imports_bring_in_as_many_either_way(self, comparisons: Comparisons) -> None:
        (comparison,) = comparisons.imports()
        assert comparison.side.errors == comparison.anchor.errors == {}
        assert comparison.least_ratio == 6.0
        assert comparison.side.rate > 0
        by_pool = GiftCard.objects.filter(pool__name__startswith="Imports")
        assert by_pool.filter(pool__name="Imports 1").count() == COURSE.bulk_rows
        assert by_pool.filter(pool__name="Imports 2").count() == COURSE.import_rows
        assert re.fullmatch(r"import_cards, peak \d+ MB", comparison.side.name)

    def test_loyalty_checks_out_as_its_function_does(self, comparisons: Comparisons) -> None:
        in_process, *of_one = comparisons.loyalty()
        assert_ran(in_process, clients=2)
        assert [comparison.least_ratio for comparison in of_one] == [None, None]
        for comparison in of_one:
            assert_ran(comparison, clients=3)
        assert Checkout.objects.values_list("state", "loyalty").distinct().get() == (
            "completed", "applied",
        )  # fmt: skip
        spent = LoyaltyTransaction.objects.filter(type="spent").order_by()
        assert spent.count() == Checkout.objects.count()
        assert spent.values("customer").distinct().count() == COURSE.accounts + 1

    def test_long_claims_go_on_beside_an_open_snapshot(self, comparisons: Comparisons) -> None:
        largest, beside_a_report = comparisons.long_claims()
        assert_ran(largest, clients=3)
        assert_ran(beside_a_report, clients=3)
        assert beside_a_report.side.name == "a snapshot open all the time"

    def test_profile_finds_the_time_in_python(self, comparisons: Comparisons) -> None:
        profile = take_profile(comparisons.data, times=5)
        assert profile.functions == []  # the tests' server is not the bench's own
        for shares in profile.python.values():
            assert {"psycopg", "Giftline"} <= {share.name for share in shares}
        # 5 of each, and one more of each that is not counted.
        assert Redemption.objects.count() == 12

    def test_a_run_out_of_codes_is_an_error(self, comparisons: Comparisons) -> None:
        comparisons.data.renew({Codes.SERVICE_MANY: 1})
        result = comparisons.run_service(Codes.SERVICE_MANY, 2)
        assert list(result.errors) == ["UnknownCodeError GC-011"]
        assert Redemption.objects.count() == 1


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
class TestWorld:
    def test_leaves_nothing_of_its_own_behind(self) -> None:
        with Data(COURSE).world(now=NOW):
            pass
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regnamespace('bench')")
            assert cursor.fetchone() == (None,)


def assert_ran(comparison: Comparison, *, clients: int) -> None:
    assert comparison.clients == clients
    for side in (comparison.anchor, comparison.side):
        assert side.errors == {}
        assert len(side.samples) == 1
        assert side.rate > 0
        assert 0 < side.p50_ms <= side.p95_ms <= side.p99_ms
