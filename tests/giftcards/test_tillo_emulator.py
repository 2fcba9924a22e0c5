"""The emulator's contract, as somebody else's client would see it."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from giftcards.emulator import Emulator
from giftcards.emulator.refusals import RefusalError
from giftcards.emulator.store import Store
from tests.giftcards.tillo_door import ask, order, refusal, undoing


def issue(emulator: Emulator, body: dict[str, Any] | None = None, **more: Any) -> requests.Response:
    return ask(emulator.base_url, "POST", "digital/issue", body=body or order(), **more)


def signed(answer: requests.Response) -> dict[str, str]:
    """Return the headers that a request was let in by."""
    return {name: str(answer.request.headers[name]) for name in ("Signature", "Timestamp")}


class TestSignature:
    def test_lets_the_right_one_in(self, tillo_emulator: Emulator) -> None:
        assert issue(tillo_emulator).status_code == 200
        assert tillo_emulator.requests == {"issue": 1}

    @pytest.mark.parametrize(
        "headers",
        [
            {"Signature": "0" * 64},
            {"Signature": ""},
            {"API-Key": "another"},
            {"API-Key": ""},
            {"Timestamp": "1533025425488"},
            {"Timestamp": str(int(time.time()))},
            {"Timestamp": "soon"},
        ],
    )
    def test_turns_a_wrong_one_away(
        self, tillo_emulator: Emulator, headers: dict[str, str]
    ) -> None:
        assert refusal(issue(tillo_emulator, headers=headers)) == (401, "434")
        assert tillo_emulator.requests == {}
        assert tillo_emulator.sales() == []

    def test_holds_for_one_method_path_id_and_brand(self, tillo_emulator: Emulator) -> None:
        right = issue(tillo_emulator, body := order())
        headers = signed(right)
        url = tillo_emulator.base_url
        again = ask(url, "POST", "digital/issue", body=body, headers=headers)
        assert again.status_code == 200
        for method, endpoint, changed in (
            ("DELETE", "digital/issue", body),
            ("POST", "digital/order-card", body),
            ("POST", "digital/issue", body | {"brand": "target-us"}),
            ("POST", "digital/issue", body | {"client_request_id": "door-other"}),
        ):
            answer = ask(url, method, endpoint, body=changed, headers=headers)
            assert refusal(answer) == (401, "434")

    def test_counts_the_brand_of_a_question(self, tillo_emulator: Emulator) -> None:
        url = tillo_emulator.base_url
        assert ask(url, "GET", "check-stock").status_code == 200
        query = {"brand": "starbucks-us"}
        right = ask(url, "GET", "check-stock", query=query)
        headers = signed(right)
        assert right.status_code == 200
        assert refusal(ask(url, "GET", "check-stock", headers=headers)) == (401, "434")

    def test_is_not_even_looked_at_on_an_unknown_path(self, tillo_emulator: Emulator) -> None:
        for path in ("digital/top-up", "", "digital/issue/1"):
            assert ask(tillo_emulator.base_url, "POST", path, body=order()).status_code == 404


class TestIssue:
    def test_answers_as_the_reference_has_it(self, tillo_emulator: Emulator) -> None:
        answer = issue(tillo_emulator, body := order(brand="target-us"))
        (sale,) = tillo_emulator.sales()
        assert answer.json() == {
            "code": "000",
            "status": "success",
            "message": "Card created successfully",
            "data": {
                "brand": "target-us",
                "code": sale.code,
                "pin": sale.pin,
                "face_value": {"amount": 25.0, "currency": "USD"},
                "cost_value": {"amount": 24.38, "currency": "USD"},
                "discount": 2.5,
                "expiration_date": sale.expires_at.isoformat(),
                "reference": sale.reference,
                "float_balance": {"amount": 9975.62, "currency": "USD"},
            },
        }
        assert sale.request_id == body["client_request_id"]
        assert answer.headers["X-RateLimit-Limit"] == "3000"
        assert answer.headers["X-RateLimit-Remaining"] == "2999"

    @pytest.mark.parametrize("amount", [25, 25.0, 25.5, "25", "25.5", "25.50"])
    def test_takes_an_amount_as_number_or_text(
        self, tillo_emulator: Emulator, amount: object
    ) -> None:
        body = order(face_value={"amount": amount, "currency": "USD"})
        assert issue(tillo_emulator, body).status_code == 200

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"client_request_id": "ab c-1"}, (400, "070")),
            ({"client_request_id": ""}, (400, "070")),
            ({"sector": None}, (400, "070")),
            ({"sector": "sales"}, (400, "704")),
            ({"fulfilment_by": "rewardcloud"}, (400, "070")),
            ({"brand": "nobody"}, (400, "072")),
            ({"brand": "example-paused"}, (503, "726")),
            ({"brand": "example-disabled"}, (401, "706")),
            ({"brand": "home-depot-us"}, (422, "720")),
            ({"delivery_method": ""}, (400, "714")),
            ({"delivery_method": "pigeon"}, (404, "712")),
            ({"delivery_method": "email"}, (400, "713")),
            ({"tags": ["a_b"]}, (422, "433")),
            ({"face_value": {"amount": "25.00", "currency": "dollars"}}, (422, "721")),
            ({"face_value": {"amount": "25.00", "currency": "GBP"}}, (422, "723")),
            ({"face_value": {"amount": "much", "currency": "USD"}}, (400, "704")),
            ({"face_value": {"amount": "25.001", "currency": "USD"}}, (400, "704")),
            ({"face_value": {"amount": "4.99", "currency": "USD"}}, (400, "704")),
            ({"face_value": {"amount": "500.01", "currency": "USD"}}, (400, "704")),
            ({"face_value": {"amount": "-25", "currency": "USD"}}, (400, "704")),
            (
                {"brand": "starbucks-us", "face_value": {"amount": 6, "currency": "USD"}},
                (500, "704"),
            ),
        ],
    )
    def test_refuses(
        self, tillo_emulator: Emulator, changes: dict[str, Any], expected: tuple[int, str]
    ) -> None:
        assert refusal(issue(tillo_emulator, order(**changes))) == expected
        assert tillo_emulator.journal() == []
        assert tillo_emulator.floats_now["USD"] == 10_000

    def test_sells_until_the_money_is_gone(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_float("USD", "48.00")
        assert [issue(tillo_emulator).status_code for _ in range(2)] == [200, 200]
        assert refusal(issue(tillo_emulator)) == (422, "610")
        assert tillo_emulator.floats_now["USD"] == 0

    def test_sells_until_the_stock_is_gone(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_stock("starbucks-us", "25", 1)
        assert issue(tillo_emulator, order(brand="starbucks-us")).status_code == 200
        assert refusal(issue(tillo_emulator, order(brand="starbucks-us"))) == (500, "725")
        query = {"brand": "starbucks-us"}
        stock = ask(tillo_emulator.base_url, "GET", "check-stock", query=query).json()["data"]
        assert stock["starbucks-us"]["25.00"] == "OUT"
        assert stock["starbucks-us"]["10.00"] == "100"

    def test_sells_the_last_card_once_to_a_crowd(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_stock("starbucks-us", "25", 3)
        with ThreadPoolExecutor(8) as threads:
            bodies = [order(brand="starbucks-us") for _ in range(16)]
            answers = list(threads.map(lambda body: issue(tillo_emulator, body), bodies))
        assert sorted(answer.status_code for answer in answers) == [200] * 3 + [500] * 13
        assert len({sale.code for sale in tillo_emulator.sales()}) == 3


class TestIdempotency:
    def test_repeats_the_first_answer(self, tillo_emulator: Emulator) -> None:
        body = order()
        first, second = issue(tillo_emulator, body), issue(tillo_emulator, body)
        assert first.json() == second.json()
        assert len(tillo_emulator.journal("sold")) == 1

    @pytest.mark.parametrize(
        "changes",
        [
            {"face_value": {"amount": "50.00", "currency": "USD"}},
            {"brand": "target-us"},
            {"delivery_method": "url"},
            {"tags": ["again"]},
        ],
    )
    def test_refuses_the_same_id_for_something_else(
        self, tillo_emulator: Emulator, changes: dict[str, Any]
    ) -> None:
        issue(tillo_emulator, body := order())
        assert refusal(issue(tillo_emulator, body | changes)) == (422, "708")
        assert len(tillo_emulator.sales()) == 1

    def test_holds_for_all_doors_together(self, tillo_emulator: Emulator) -> None:
        issue(tillo_emulator, body := order())
        url = tillo_emulator.base_url
        assert refusal(ask(url, "POST", "digital/order-card", body=body)) == (422, "708")
        same_id = undoing(body, client_request_id=body["client_request_id"])
        assert refusal(ask(url, "POST", "digital/reverse", body=same_id)) == (422, "708")

    def test_answers_729_while_the_first_is_at_work(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_faults([{"match": {"nth": 1}, "action": "slow", "seconds": 0.5}])
        body = order()
        with ThreadPoolExecutor(1) as threads:
            first = threads.submit(issue, tillo_emulator, body)
            while not tillo_emulator.fault_counts()[0]:
                time.sleep(0.005)
            assert refusal(issue(tillo_emulator, body)) == (400, "729")
            assert first.result().status_code == 200
        assert issue(tillo_emulator, body).json() == first.result().json()

    def test_sells_once_to_a_crowd_with_one_id(self, tillo_emulator: Emulator) -> None:
        body = order()
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: issue(tillo_emulator, body), range(24)))
        assert {answer.status_code for answer in answers} <= {200, 400}
        assert len({answer.text for answer in answers if answer.status_code == 200}) == 1
        assert len(tillo_emulator.journal("sold")) == 1

    def test_lets_a_refused_request_be_tried_anew(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_float("USD", "0")
        body = order()
        assert refusal(issue(tillo_emulator, body)) == (422, "610")
        tillo_emulator.set_float("USD", "100")
        assert issue(tillo_emulator, body).status_code == 200


class TestOrderCard:
    def test_takes_the_money_and_sells_later(self, tillo_emulator: Emulator) -> None:
        url, body = tillo_emulator.base_url, order(brand="home-depot-us")
        ordered = ask(url, "POST", "digital/order-card", body=body).json()
        assert ordered["message"] == "Card ordered successfully"
        assert set(ordered["data"]) == {
            "brand",
            "face_value",
            "cost_value",
            "reference",
            "float_balance",
        }
        query = {"reference": ordered["data"]["reference"]}
        waiting = ask(url, "GET", "digital/order-status", query=query).json()["data"]
        assert waiting == {"reference": query["reference"], "status": "REQUESTED"}
        tillo_emulator.forward(30)
        done = ask(url, "GET", "digital/order-status", query=query).json()["data"]
        (sale,) = tillo_emulator.sales()
        assert (done["status"], done["code"]) == ("SUCCESS", sale.code)

    @pytest.mark.parametrize(
        "query",
        [{}, {"reference": "x"}, {"original_client_request_id": "door-x"}, {"reference": ""}],
    )
    def test_is_not_found_by_nothing(self, tillo_emulator: Emulator, query: dict[str, str]) -> None:
        answer = ask(tillo_emulator.base_url, "GET", "digital/order-status", query=query)
        assert refusal(answer) == (422, "433")

    def test_is_not_asked_for_in_two_ways(self, tillo_emulator: Emulator) -> None:
        query = {"reference": "x", "original_client_request_id": "door-x"}
        answer = ask(tillo_emulator.base_url, "GET", "digital/order-status", query=query)
        assert refusal(answer) == (422, "433")


class TestUndo:
    def test_cannot_be_before_the_card_is_there(self, tillo_emulator: Emulator) -> None:
        url, body = tillo_emulator.base_url, order(brand="home-depot-us")
        ask(url, "POST", "digital/order-card", body=body)
        answer = ask(url, "POST", "digital/reverse", body=undoing(body))
        assert refusal(answer) == (422, "100")

    def test_needs_the_right_card_to_cancel(self, tillo_emulator: Emulator) -> None:
        url, body = tillo_emulator.base_url, order(brand="target-us")
        data = issue(tillo_emulator, body).json()["data"]
        for wrong, code in (
            ({}, "433"),
            ({"code": data["code"], "url": "https://cards.example.com/"}, "433"),
            ({"code": "9999"}, "100"),
            ({"code": data["code"], "pin": "0"}, "100"),
            ({"code": data["code"], "brand": "amazon-us"}, "433"),
            ({"code": data["code"], "original_client_request_id": "door-x"}, "433"),
        ):
            answer = ask(url, "DELETE", "digital/issue", body=undoing(body, **wrong))
            assert refusal(answer) == (422, code)
        right = undoing(body, code=data["code"], pin=data["pin"])
        done = ask(url, "DELETE", "digital/issue", body=right).json()
        assert done["message"] == "Card cancelled successfully"
        assert done["data"]["float_balance"] == {"amount": 10_000.0, "currency": "USD"}
        assert ask(url, "DELETE", "digital/issue", body=right).json() == done

    def test_gives_the_money_back_once_to_a_crowd(self, tillo_emulator: Emulator) -> None:
        issue(tillo_emulator, body := order())
        url = tillo_emulator.base_url
        bodies = [undoing(body) for _ in range(8)]
        with ThreadPoolExecutor(8) as threads:
            answers = threads.map(lambda one: ask(url, "POST", "digital/reverse", body=one), bodies)
            assert sorted(answer.status_code for answer in answers) == [200] + [422] * 7
        assert tillo_emulator.floats_now["USD"] == 10_000

    def test_is_checked_again_where_the_money_moves(self, tillo_emulator: Emulator) -> None:
        issue(tillo_emulator)
        (sale,) = tillo_emulator.sales()
        brands = {brand.slug: brand for brand in tillo_emulator.brands}
        store = Store(brands=brands, floats={"USD": Decimal(24)}, step_delay=timedelta())
        assert store.sell(sale) == 0
        now = tillo_emulator.now()
        assert store.undo(sale, event="reversed", undone_by="undo-1", now=now) == 24
        with pytest.raises(RefusalError):
            store.undo(sale, event="reversed", undone_by="undo-2", now=now)
        assert store.floats == {"USD": Decimal(24)}


class TestQuestions:
    def test_shows_the_float_of_one_currency(self, tillo_emulator: Emulator) -> None:
        url = tillo_emulator.base_url
        shown = ask(url, "GET", "check-floats", query={"currency": "GBP"}).json()["data"]
        assert list(shown["floats"]) == ["GBP"]
        answer = ask(url, "GET", "check-floats", query={"currency": "XXX"})
        assert refusal(answer) == (422, "721")

    def test_lists_its_brands_by_slug(self, tillo_emulator: Emulator) -> None:
        shown = ask(tillo_emulator.base_url, "GET", "brands").json()["data"]["brands"]
        assert shown["example-paused"]["status"]["code"] == "PAUSED"
        assert shown["lowes-us"]["denominations"] == ["25.00", "50.00", "100.00", "200.00"]
        assert shown["amazon-us"]["digital_face_value_limits"]["upper"] == 500.0
        assert shown["best-buy-us"]["async_only"] is True

    def test_knows_no_balance_of_what_was_never_sold(self, tillo_emulator: Emulator) -> None:
        url = tillo_emulator.base_url
        asked = undoing(order(), face_value={"currency": "USD"})
        answer = ask(url, "POST", "digital/check-balance", body=asked)
        assert refusal(answer) == (500, "724")
        asked = undoing(order(brand="apple-us"), face_value={"currency": "USD"})
        answer = ask(url, "POST", "digital/check-balance", body=asked)
        assert refusal(answer) == (422, "720")
