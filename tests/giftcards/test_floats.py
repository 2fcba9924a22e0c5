"""Our money at Tillo, read over real HTTP, and told about before it runs out."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from alerts.models import Alert
from credit.money import Money
from giftcards.emulator import Emulator
from giftcards.models import ProviderCircuit, ProviderFloat
from giftcards.providers import NoAnswerError
from giftcards.selectors.providers import FloatLevel, list_floats
from giftcards.services.circuit import is_open, shut, switch_off
from giftcards.services.floats import check_floats, note_float_balance
from tests.world import NOW

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tillo_settings")]


@pytest.fixture(autouse=True)
def warning(settings: Settings) -> None:
    settings.PROVIDER_FLOAT_WARNING = {"USD": 1000, "GBP": 500}


def check(*, minutes: float = 0) -> dict[str, int]:
    levels = check_floats(provider="tillo", now=NOW + timedelta(minutes=minutes))
    return {level.currency: level.available_minor for level in levels}


def note(amount_minor: int, *, minutes: float = 1, currency: str = "USD") -> None:
    note_float_balance(
        provider="tillo",
        balance=Money(amount_minor, currency),
        now=NOW + timedelta(minutes=minutes),
    )


def alerts() -> list[tuple[str, str, str]]:
    rows = Alert.objects.order_by("first_seen_at", "pk")
    return [(alert.severity, alert.state, alert.subject) for alert in rows]


class TestCheckFloats:
    def test_keeps_what_the_provider_tells(self) -> None:
        assert check() == {"GBP": 100_000, "USD": 1_000_000}
        assert check(minutes=15) == {"GBP": 100_000, "USD": 1_000_000}
        rows = ProviderFloat.objects.order_by("currency")
        assert [(row.name, row.read_at) for row in rows] == [
            ("universal-float", NOW + timedelta(minutes=15))
        ] * 2
        assert alerts() == []

    def test_warns_below_the_sum_that_is_set_and_stops_above(
        self, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_float("USD", "1000.00")
        check()
        assert alerts() == []
        tillo_emulator.set_float("USD", "999.99")
        check(minutes=15)
        words = "Tillo: $999.99 is left to buy cards with"
        assert alerts() == [("warning", "open", words)]
        tillo_emulator.set_float("USD", "5000.00")
        check(minutes=30)
        assert alerts() == [("warning", "resolved", words)]

    def test_is_alarmed_below_a_fifth_of_it(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_float("USD", "199.99")
        check()
        assert alerts() == [("critical", "open", "Tillo: $199.99 is left to buy cards with")]

    def test_warns_of_no_currency_that_is_not_named(
        self, tillo_emulator: Emulator, settings: Settings
    ) -> None:
        settings.PROVIDER_FLOAT_WARNING = {"GBP": 500}
        tillo_emulator.set_float("USD", "0.00")
        check()
        assert alerts() == []

    def test_says_that_it_was_not_answered_and_keeps_what_it_knew(
        self, tillo_emulator: Emulator
    ) -> None:
        check()
        tillo_emulator.set_faults([{"match": {"request": "floats"}, "action": "drop"}])
        with pytest.raises(NoAnswerError):
            check(minutes=15)
        words = "Tillo did not say how much money of ours it has"
        assert alerts() == [("warning", "open", words)]
        assert {level.read_at for level in list_floats(provider="tillo")} == {NOW}
        tillo_emulator.set_faults([])
        check(minutes=30)
        assert alerts() == [("warning", "resolved", words)]


class TestResuming:
    @pytest.fixture(autouse=True)
    def used_up(self, tillo_settings: Settings, tillo_emulator: Emulator) -> None:
        """Our money is used up, as an order has found out, and as was read before."""
        tillo_emulator.set_float("USD", "10.00")
        check()
        shut(
            provider="tillo",
            reason=ProviderCircuit.Reason.NO_MONEY,
            code="610",
            now=NOW,
            open_until=None,
        )

    def test_waits_until_there_is_more_money(self, tillo_emulator: Emulator) -> None:
        check(minutes=15)
        assert is_open(provider="tillo", now=NOW)
        tillo_emulator.set_float("USD", "9.00")
        check(minutes=30)
        assert is_open(provider="tillo", now=NOW)
        tillo_emulator.set_float("USD", "300.00")
        check(minutes=45)
        assert not is_open(provider="tillo", now=NOW)
        assert ("critical", "resolved", "Our money at Tillo is used up") in [
            (severity, state, subject.replace("tillo", "Tillo"))
            for severity, state, subject in alerts()
        ]

    def test_goes_on_with_enough_though_less_than_was_last_known(
        self, tillo_emulator: Emulator
    ) -> None:
        ProviderFloat.objects.filter(currency="USD").update(available_minor=500_000)
        tillo_emulator.set_float("USD", "1000.00")
        check(minutes=15)
        assert not is_open(provider="tillo", now=NOW)

    def test_leaves_alone_what_was_stopped_for_another_reason(
        self, tillo_emulator: Emulator
    ) -> None:
        switch_off(provider="tillo", actor="user:1", reason="Talks", now=NOW)
        tillo_emulator.set_float("USD", "5000.00")
        check(minutes=15)
        assert is_open(provider="tillo", now=NOW)


class TestNoteFloatBalance:
    def test_keeps_what_a_sale_has_told(self) -> None:
        check()
        note(990_000)
        note(995_000, minutes=0.5)  # an earlier sale, whose answer came later
        assert {
            level.currency: level.available_minor for level in list_floats(provider="tillo")
        } == {
            "GBP": 100_000,
            "USD": 990_000,
        }
        assert alerts() == []

    def test_warns_once_when_it_falls_below_the_sum_that_is_set(self) -> None:
        check()
        note(99_999)
        note(97_599, minutes=2)
        (alert,) = Alert.objects.all()
        assert (alert.subject, alert.count) == ("Tillo: $999.99 is left to buy cards with", 1)
        assert "$1,000.00" in alert.message

    def test_says_nothing_where_it_can_not_tell_which_float_it_was(self) -> None:
        note(5)
        assert not ProviderFloat.objects.exists()
        check()
        ProviderFloat.objects.create(
            provider="tillo", name="one-brand", currency="USD", available_minor=7, read_at=NOW
        )
        note(5)
        assert sorted(
            level.available_minor
            for level in list_floats(provider="tillo")
            if level.currency == "USD"
        ) == [7, 1_000_000]
        assert alerts() == []


class TestFloatLevel:
    @pytest.mark.parametrize(
        ("available", "warning_minor", "percent", "colour"),
        [
            (0, None, 0, "red"),
            (1, None, 100, "green"),
            (-5, 1000, 0, "red"),
            (999, 1000, 19, "red"),
            (1000, 1000, 20, "amber"),
            (2000, 1000, 40, "green"),
            (90_000, 1000, 100, "green"),
        ],
    )
    def test_is_a_bar_with_a_colour(
        self, available: int, warning_minor: int | None, percent: int, colour: str
    ) -> None:
        level = FloatLevel(
            name="universal-float",
            currency="USD",
            available_minor=available,
            pending_minor=None,
            warning_minor=warning_minor,
            read_at=NOW,
        )
        assert (level.percent, level.colour) == (percent, colour)
