"""What the settings promise is checked at start."""

from typing import Any

import pytest

from config.checks import (
    check_address_holders,
    check_alert_webhook,
    check_client_names,
    check_credit_events,
    check_incident_source,
    check_message_parties,
    check_monitors,
    check_order_parties,
    check_retention_rules,
)


class TestCheckMessageParties:
    def test_finds_everybody(self) -> None:
        assert check_message_parties() == []

    def test_names_who_is_missing(self, settings: Any) -> None:
        settings.MESSAGE_PARTIES = {"note": {"render": "sms.services.parties.nobody"}}
        (problem,) = check_message_parties()
        assert problem.id == "giftline.E001"
        assert "sms.services.parties.nobody" in problem.msg


class TestCheckOrderParties:
    def test_finds_everybody(self) -> None:
        assert check_order_parties() == []

    @pytest.mark.parametrize(
        ("party", "named"),
        [
            (
                {"lock": "credit.money.parse_amount", "settle": "credit.money.nobody"},
                "credit.money.nobody",
            ),
            ({"lock": "credit.money.parse_amount"}, "needs lock and settle, and has lock"),
            ({}, "and has nothing"),
        ],
    )
    def test_names_what_is_wrong(self, settings: Any, party: dict[str, str], named: str) -> None:
        settings.ORDER_PARTIES = {"note": party}
        (problem,) = check_order_parties()
        assert problem.id == "giftline.E003"
        assert named in problem.msg


class TestCheckIncidentSource:
    def test_finds_everybody(self) -> None:
        assert check_incident_source() == []

    @pytest.mark.parametrize(
        ("source", "named"),
        [
            ({"count": "credit.money.nobody", "events": "credit.money.parse_amount"}, "nobody"),
            ({"count": "credit.money.parse_amount"}, "needs count and events"),
        ],
    )
    def test_names_what_is_wrong(self, settings: Any, source: dict[str, str], named: str) -> None:
        settings.INCIDENT_SOURCE = source
        (problem,) = check_incident_source()
        assert problem.id == "giftline.E012"
        assert named in problem.msg


class TestCheckCreditEvents:
    def test_finds_everybody(self) -> None:
        assert check_credit_events() == []

    @pytest.mark.parametrize(
        ("events", "named"),
        [
            ({"account_changed": "redemption.services.budgets.nobody"}, "nobody"),
            ({"account_changed": "nowhere.at_all"}, "nowhere.at_all"),
            ({"account_moved": "redemption.services.budgets.review_account"}, "account_moved"),
        ],
    )
    def test_names_what_is_wrong(self, settings: Any, events: dict[str, str], named: str) -> None:
        settings.CREDIT_EVENTS = events
        (problem,) = check_credit_events()
        assert problem.id == "giftline.E002"
        assert named in problem.msg


class TestCheckMonitors:
    def test_finds_everybody(self) -> None:
        assert check_monitors() == []

    @pytest.mark.parametrize(
        ("paths", "named"),
        [
            (("alerts.services.nowhere.watch",), "alerts.services.nowhere"),
            (("credit.money.parse_amount",), "credit.money.parse_amount is no monitor"),
            (
                ("tests.alerts.watching.watch_weather", "tests.alerts.watching.watch_sky"),
                "watch_sky is the second monitor named weather",
            ),
        ],
    )
    def test_names_what_is_wrong(self, settings: Any, paths: tuple[str, ...], named: str) -> None:
        settings.MONITORS = paths
        (problem,) = check_monitors()
        assert problem.id == "giftline.E004"
        assert named in problem.msg


class TestCheckAlertWebhook:
    def test_has_nothing_to_say_of_none(self) -> None:
        assert check_alert_webhook() == []

    def test_says_that_nothing_is_sent_unsigned(self, settings: Any) -> None:
        settings.ALERT_WEBHOOK_URL = "https://machine.example/"
        (problem,) = check_alert_webhook()
        assert problem.id == "giftline.W001"
        assert "machine.example" not in problem.msg


class TestCheckClientNames:
    def test_finds_it(self) -> None:
        assert check_client_names() == []

    def test_names_what_is_missing(self, settings: Any) -> None:
        settings.CLIENT_NAMES = "credit.selectors.nobody"
        (problem,) = check_client_names()
        assert problem.id == "giftline.E013"


class TestCheckRetentionRules:
    def test_finds_them_all(self) -> None:
        assert check_retention_rules() == []

    @pytest.mark.parametrize(
        ("paths", "named"),
        [
            (("credit.money.NOTHING",), "NOTHING"),
            (("sms.services.retention.RULES",) * 2, "second rule named messages"),
        ],
    )
    def test_names_what_is_wrong(self, settings: Any, paths: tuple[str, ...], named: str) -> None:
        settings.RETENTION_RULES = paths
        (problem,) = check_retention_rules()
        assert problem.id == "giftline.E014"
        assert named in problem.msg


class TestCheckAddressHolders:
    def test_finds_everybody(self) -> None:
        assert check_address_holders() == []

    def test_names_who_is_missing(self, settings: Any) -> None:
        settings.ADDRESS_HOLDERS = {"stranger": "credit.money.nobody"}
        (problem,) = check_address_holders()
        assert problem.id == "giftline.E015"
        assert "credit.money.nobody" in problem.msg
