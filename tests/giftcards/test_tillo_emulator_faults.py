"""The emulator's script of faults, and the doors that set it."""

import time
from typing import Any

import pytest
import requests

from giftcards.emulator import Emulator, FaultRuleError
from tests.giftcards.tillo_door import ask, order, refusal


def issue(
    emulator: Emulator, body: dict[str, Any] | None = None, *, timeout: float = 2.0
) -> requests.Response:
    body = body or order()
    return ask(emulator.base_url, "POST", "digital/issue", body=body, timeout=timeout)


class TestAnswerFaults:
    @pytest.mark.parametrize("sold", [True, False])
    def test_timeout_outlasts_the_client(self, tillo_emulator: Emulator, sold: bool) -> None:
        tillo_emulator.set_faults([{"action": "timeout", "seconds": 30, "sold": sold}])
        with pytest.raises(requests.ReadTimeout):
            issue(tillo_emulator, timeout=0.1)
        assert len(tillo_emulator.journal("sold")) == sold

    def test_slow_sells_late(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_faults([{"action": "slow", "seconds": 0.3}])
        with pytest.raises(requests.ReadTimeout):
            issue(tillo_emulator, timeout=0.1)
        assert tillo_emulator.sales() == []
        assert tillo_emulator.wait_until_quiet()
        assert len(tillo_emulator.journal("sold")) == 1

    @pytest.mark.parametrize("sold", [True, False])
    def test_drop_hangs_up(self, tillo_emulator: Emulator, sold: bool) -> None:
        tillo_emulator.set_faults([{"action": "drop", "sold": sold}])
        with pytest.raises(requests.ConnectionError):
            issue(tillo_emulator)
        assert len(tillo_emulator.journal("sold")) == sold

    @pytest.mark.parametrize("sold", [True, False])
    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_status_answers_without_a_body(
        self, tillo_emulator: Emulator, status: int, sold: bool
    ) -> None:
        tillo_emulator.set_faults([{"action": "status", "status": status, "sold": sold}])
        answer = issue(tillo_emulator)
        assert (answer.status_code, answer.content) == (status, b"")
        assert len(tillo_emulator.journal("sold")) == sold

    def test_status_answers_with_the_page_of_a_gateway(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_faults([{"action": "status", "status": 502, "page": True}])
        answer = issue(tillo_emulator)
        assert answer.headers["Content-Type"] == "text/html"
        assert b"<h1>502</h1>" in answer.content

    @pytest.mark.parametrize(
        ("rule", "expected"),
        [
            ({"code": "725"}, (500, "725")),
            ({"code": "729"}, (400, "729")),
            ({"code": "726"}, (503, "726")),
            ({"code": "999", "status": 500}, (500, "999")),
            ({"code": "abc", "status": 418}, (418, "abc")),
            ({"code": "abc"}, (400, "abc")),
        ],
    )
    def test_error_answers_any_code(
        self, tillo_emulator: Emulator, rule: dict[str, Any], expected: tuple[int, str]
    ) -> None:
        tillo_emulator.set_faults([{"action": "error", **rule}])
        assert refusal(issue(tillo_emulator)) == expected
        assert tillo_emulator.sales() == []

    def test_error_can_hide_a_sale(self, tillo_emulator: Emulator) -> None:
        rule = {"action": "error", "code": "603", "sold": True, "message": "Sorry"}
        tillo_emulator.set_faults([rule])
        answer = issue(tillo_emulator)
        assert (refusal(answer), answer.json()["message"]) == ((500, "603"), "Sorry")
        assert len(tillo_emulator.journal("sold")) == 1

    def test_rate_limited_says_when_to_come_back(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_faults([{"action": "rate_limited", "retry_after": 7}])
        answer = issue(tillo_emulator)
        assert refusal(answer) == (429, "211")
        assert answer.headers["Retry-After"] == "7"
        assert answer.headers["X-RateLimit-Remaining"] == "0"
        assert tillo_emulator.sales() == []

    @pytest.mark.parametrize("sold", [True, False])
    def test_malformed_is_half_of_an_answer(self, tillo_emulator: Emulator, sold: bool) -> None:
        tillo_emulator.set_faults([{"action": "malformed", "sold": sold}])
        answer = issue(tillo_emulator)
        assert answer.status_code == 200
        assert answer.content.startswith(b'{"code')
        with pytest.raises(requests.JSONDecodeError):
            answer.json()
        assert len(tillo_emulator.journal("sold")) == sold

    def test_order_ends_as_told(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_faults(
            [
                {"match": {"nth": 1}, "action": "order_ends"},
                {"match": {"nth": 2}, "action": "order_ends", "status": "PENDING"},
            ]
        )
        for _ in range(3):
            body = order(brand="best-buy-us")
            ask(tillo_emulator.base_url, "POST", "digital/order-card", body=body)
        tillo_emulator.forward(3600)
        statuses = [sale.status for sale in tillo_emulator.sales()]
        assert statuses == ["ERROR", "PENDING", "SUCCESS"]
        assert len(tillo_emulator.journal("failed")) == 1
        # The failed one was paid back, the stuck one was not.
        assert tillo_emulator.floats_now["USD"] == 10_000 - 2 * 23.5


class TestMatch:
    def codes(self, emulator: Emulator, *bodies: dict[str, Any]) -> list[str]:
        return [issue(emulator, body).json()["code"] for body in bodies]

    def test_picks_a_brand_an_id_or_a_prefix(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_faults(
            [
                {"match": {"brand": "target-us"}, "action": "error", "code": "600"},
                {"match": {"request_id": "vip-*"}, "action": "error", "code": "602"},
                {"match": {"request_id": "one-1"}, "action": "error", "code": "603"},
            ]
        )
        bodies = [
            order(),
            order(brand="target-us"),
            order(client_request_id="vip-1"),
            order(client_request_id="one-1"),
            order(client_request_id="one-12"),
        ]
        assert self.codes(tillo_emulator, *bodies) == ["000", "600", "602", "603", "000"]

    def test_counts_per_rule(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_faults(
            [
                {"match": {"nth": 2}, "action": "error", "code": "600"},
                {"match": {"every": 3}, "action": "error", "code": "602"},
            ]
        )
        codes = self.codes(tillo_emulator, *[order() for _ in range(6)])
        assert codes == ["000", "600", "602", "000", "000", "602"]
        assert tillo_emulator.fault_counts() == [1, 2]

    def test_means_purchases_unless_told_otherwise(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_faults([{"action": "error", "code": "600"}])
        url = tillo_emulator.base_url
        assert ask(url, "GET", "brands").json()["code"] == "000"
        ordered = ask(url, "POST", "digital/order-card", body=order())
        assert refusal(ordered) == (500, "600")
        tillo_emulator.set_faults(
            [{"match": {"request": "brands"}, "action": "error", "code": "600"}]
        )
        assert refusal(ask(url, "GET", "brands")) == (500, "600")
        assert issue(tillo_emulator).status_code == 200

    def test_lets_the_first_of_two_rules_decide(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_faults(
            [
                {"action": "error", "code": "600"},
                {"action": "timeout", "seconds": 30},
                {"action": "drop"},
            ]
        )
        assert self.codes(tillo_emulator, order()) == ["600"]
        assert tillo_emulator.sales() == []

    def test_repeats_its_tosses(self, tillo_emulator: Emulator) -> None:
        rule = {"match": {"probability": 0.3}, "action": "error", "code": "600"}
        bodies = [order(client_request_id=f"toss-{number}") for number in range(60)]
        tillo_emulator.set_faults([rule])
        first = self.codes(tillo_emulator, *bodies)
        tillo_emulator.set_faults([rule])
        backwards = self.codes(tillo_emulator, *reversed(bodies))
        assert first == backwards[::-1]
        assert 8 <= first.count("600") <= 28


class TestControl:
    def test_sets_shows_and_clears_faults(self, tillo_emulator: Emulator) -> None:
        url = f"{tillo_emulator.address}/_control/faults"
        rule: dict[str, Any] = {"match": {"nth": 1}, "action": "error", "code": "600"}
        assert requests.post(url, json=[rule], timeout=1).status_code == 200
        assert refusal(issue(tillo_emulator)) == (500, "600")
        (shown,) = requests.get(url, timeout=1).json()
        assert (shown["action"], shown["seen"], shown["struck"]) == ("error", 1, 1)
        assert requests.delete(url, timeout=1).json() == []
        assert issue(tillo_emulator).status_code == 200

    @pytest.mark.parametrize(
        "rules",
        [
            {"action": "drop"},
            ["drop"],
            [{"action": "explode"}],
            [{"action": "drop", "seconds": 1}],
            [{"action": "drop", "sold": 1}],
            [{"action": "timeout", "seconds": "1"}],
            [{"action": "error"}],
            [{"action": "error", "code": 600}],
            [{"action": "status", "status": 200}],
            [{"action": "order_ends", "status": "LOST"}],
            [{"action": "drop", "match": {"to": "amazon-us"}}],
            [{"action": "drop", "match": {"request": "refund"}}],
            [{"action": "drop", "match": {"nth": 0}}],
            [{"action": "drop", "match": {"probability": 2}}],
        ],
    )
    def test_refuses_a_rule_it_does_not_understand_and_keeps_the_old(
        self, tillo_emulator: Emulator, rules: Any
    ) -> None:
        tillo_emulator.set_faults([{"action": "malformed"}])
        with pytest.raises(FaultRuleError):
            tillo_emulator.set_faults(rules)
        url = f"{tillo_emulator.address}/_control/faults"
        answer = requests.post(url, json=rules, timeout=1)
        assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
        (kept,) = requests.get(url, timeout=1).json()
        assert kept["action"] == "malformed"

    def test_sets_the_scene(self, tillo_emulator: Emulator) -> None:
        control = f"{tillo_emulator.address}/_control"
        scene: tuple[tuple[str, Any], ...] = (
            ("brands", {"slug": "visa-us", "status": "PAUSED"}),
            ("floats", {"USD": "24.00"}),
            ("stock", {"brand": "starbucks-us", "amount": "25.00", "count": 0}),
            ("clock", {"forward_seconds": 3600}),
        )
        for door, asked in scene:
            assert requests.post(f"{control}/{door}", json=asked, timeout=1).status_code == 200
        assert refusal(issue(tillo_emulator, order(brand="visa-us"))) == (503, "726")
        assert refusal(issue(tillo_emulator, order(brand="starbucks-us"))) == (500, "725")
        assert issue(tillo_emulator).status_code == 200
        assert refusal(issue(tillo_emulator)) == (422, "610")
        assert tillo_emulator.sales()[0].sold_at.timestamp() > time.time() + 3500

    @pytest.mark.parametrize(
        ("door", "asked"),
        [
            ("brands", {"slug": "nobody", "status": "PAUSED"}),
            ("brands", {"slug": "visa-us", "status": "GONE"}),
            ("brands", []),
            ("floats", {"USD": "much"}),
            ("floats", {"USD": "-1"}),
            ("stock", {"brand": "amazon-us", "amount": "25.00", "count": 1}),
            ("stock", {"brand": "starbucks-us", "amount": "25.00"}),
            ("clock", {}),
        ],
    )
    def test_refuses_a_scene_it_does_not_understand(
        self, tillo_emulator: Emulator, door: str, asked: Any
    ) -> None:
        url = f"{tillo_emulator.address}/_control/{door}"
        assert requests.post(url, json=asked, timeout=1).status_code == 400

    def test_lists_sales_and_what_moved_money(self, tillo_emulator: Emulator) -> None:
        control = f"{tillo_emulator.address}/_control"
        code = issue(tillo_emulator, body := order()).json()["data"]["code"]
        (sale,) = requests.get(f"{control}/sales", timeout=1).json()
        assert (sale["request_id"], sale["status"]) == (body["client_request_id"], "SUCCESS")
        assert (sale["amount"], sale["cost"], sale["last4"]) == ("25.00", "24.00", code[-4:])
        assert code not in str(sale)
        (entry,) = requests.get(f"{control}/journal", timeout=1).json()
        assert (entry["event"], entry["cost"], entry["undone_by"]) == ("sold", "24.00", "")
        health = requests.get(f"{control}/health", timeout=1).json()
        assert (health["sales"], health["requests"]) == (1, {"issue": 1})
        elsewhere = {"brand": "visa-us"}
        assert requests.get(f"{control}/sales", params=elsewhere, timeout=1).json() == []

    def test_resets_everything(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_brand_state("visa-us", "PAUSED")
        tillo_emulator.set_faults([{"match": {"nth": 9}, "action": "drop"}])
        tillo_emulator.forward(3600)
        issue(tillo_emulator, body := order())
        url = f"{tillo_emulator.address}/_control/reset"
        assert requests.post(url, timeout=5).status_code == 200
        assert (tillo_emulator.sales(), tillo_emulator.journal()) == ([], [])
        assert tillo_emulator.fault_counts() == []
        assert tillo_emulator.floats_now["USD"] == 10_000
        assert tillo_emulator.now().timestamp() < time.time() + 1
        assert issue(tillo_emulator, order(brand="visa-us")).status_code == 200
        assert issue(tillo_emulator, body).headers["X-RateLimit-Remaining"] == "2998"

    def test_knows_no_other_door(self, tillo_emulator: Emulator) -> None:
        assert (
            requests.get(f"{tillo_emulator.address}/_control/cards", timeout=1).status_code == 404
        )
