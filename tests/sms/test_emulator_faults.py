"""The emulator's script of faults, seen through the official library."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
import requests
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ReadTimeout
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from sms.emulator import Emulator, FaultRuleError
from tests.sms.emulator_fixture import FROM_NUMBER
from tests.sms.webhook_receiver import WebhookReceiver

PHONE = "+12065550101"


def send(client: Client, to: str = PHONE, **parameters: str) -> str:
    sid: str = client.messages.create(to=to, from_=FROM_NUMBER, body="Hello", **parameters).sid
    return sid


def refusal(client: Client, to: str = PHONE) -> tuple[int, int]:
    """Return the HTTP status and the code that a text is refused with."""
    with pytest.raises(TwilioRestException) as refused:
        send(client, to)
    return refused.value.status, refused.value.code


class TestAnswerFaults:
    @pytest.mark.parametrize("accepted", [True, False])
    def test_timeout_outlasts_the_client(
        self, twilio_emulator: Emulator, twilio_client: Client, accepted: bool
    ) -> None:
        twilio_client.http_client.timeout = 0.1
        twilio_emulator.set_faults([{"action": "timeout", "seconds": 30, "accepted": accepted}])
        with pytest.raises(ReadTimeout):
            send(twilio_client)
        assert len(twilio_emulator.messages(to=PHONE)) == (1 if accepted else 0)

    def test_timeout_answers_a_patient_client(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        twilio_emulator.set_faults([{"action": "timeout", "seconds": 0.2}])
        began = time.monotonic()
        sid = send(twilio_client)
        assert time.monotonic() - began >= 0.2
        assert [message.sid for message in twilio_emulator.messages()] == [sid]

    @pytest.mark.parametrize("accepted", [True, False])
    def test_drop_hangs_up(
        self, twilio_emulator: Emulator, twilio_client: Client, accepted: bool
    ) -> None:
        twilio_emulator.set_faults([{"action": "drop", "accepted": accepted}])
        with pytest.raises(RequestsConnectionError):
            send(twilio_client)
        assert twilio_emulator.wait_until_quiet()
        statuses = [message.status for message in twilio_emulator.messages(to=PHONE)]
        assert statuses == (["delivered"] if accepted else [])

    def test_an_accepted_text_is_found_by_recipient_and_date_after_a_drop(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        twilio_emulator.set_faults([{"action": "drop", "accepted": True, "match": {"nth": 1}}])
        with pytest.raises(RequestsConnectionError):
            send(twilio_client)
        (found,) = twilio_client.messages.list(to=PHONE)
        assert found.body == "Hello"

    @pytest.mark.parametrize(
        ("status", "code"), [(500, 20500), (503, 20503), (502, 502), (504, 504)]
    )
    def test_status_answers_5xx(
        self, twilio_emulator: Emulator, twilio_client: Client, status: int, code: int
    ) -> None:
        twilio_emulator.set_faults([{"action": "status", "status": status}])
        # What a gateway writes is no JSON: the library then takes the status for the code.
        assert refusal(twilio_client) == (status, code)
        assert twilio_emulator.messages() == []

    def test_status_can_hide_an_accepted_text(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        twilio_emulator.set_faults([{"action": "status", "accepted": True}])
        assert refusal(twilio_client) == (503, 20503)
        assert len(twilio_emulator.messages(to=PHONE)) == 1

    def test_rate_limited_says_when_to_come_back(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        twilio_emulator.set_faults([{"action": "rate_limited", "retry_after": 7}])
        assert refusal(twilio_client) == (429, 20429)
        assert twilio_client.http_client._test_only_last_response.headers["Retry-After"] == "7"
        assert twilio_emulator.messages() == []

    def test_error_refuses_with_any_code(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        twilio_emulator.set_faults([{"action": "error", "status": 401, "code": 20003}])
        assert refusal(twilio_client) == (401, 20003)
        assert twilio_emulator.messages() == []

    def test_strike_look_ups_when_told_so(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        twilio_emulator.set_faults(
            [
                {"match": {"request": "list"}, "action": "status"},
                {"match": {"request": "fetch", "to": PHONE}, "action": "drop"},
            ]
        )
        sid = send(twilio_client)
        with pytest.raises(TwilioException, match="503"):
            twilio_client.messages.list(to=PHONE)
        with pytest.raises(RequestsConnectionError):
            twilio_client.messages(sid).fetch()


class TestCallbackFaults:
    def statuses_after(
        self,
        emulator: Emulator,
        client: Client,
        webhook: WebhookReceiver,
        *rules: Mapping[str, Any],
    ) -> list[str]:
        emulator.set_faults(rules)
        send(client, status_callback=webhook.url)
        assert emulator.wait_until_quiet()
        return webhook.statuses

    def test_undelivered_and_failed_bring_their_code(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        rule = {"action": "undelivered", "code": 30007}
        statuses = self.statuses_after(twilio_emulator, twilio_client, webhook, rule)
        assert statuses == ["queued", "sent", "undelivered"]
        assert webhook.posts[-1].form["ErrorCode"] == "30007"
        webhook.posts.clear()
        rule = {"action": "failed", "code": 30034}
        statuses = self.statuses_after(twilio_emulator, twilio_client, webhook, rule)
        assert statuses == ["queued", "failed"]
        assert webhook.posts[-1].form["ErrorCode"] == "30034"
        assert twilio_emulator.messages()[0].sent_at is None

    def test_stuck_never_ends(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        rule = {"action": "stuck", "status": "sent"}
        statuses = self.statuses_after(twilio_emulator, twilio_client, webhook, rule)
        assert statuses == ["queued", "sent"]

    def test_duplicates_come_as_often_as_told(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        rule = {"action": "duplicate_callbacks", "copies": 3}
        statuses = self.statuses_after(twilio_emulator, twilio_client, webhook, rule)
        assert statuses == ["queued"] * 3 + ["sent"] * 3 + ["delivered"] * 3

    def test_out_of_order_begins_with_the_end(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        rules = {"action": "callbacks_out_of_order"}, {"action": "undelivered"}
        statuses = self.statuses_after(twilio_emulator, twilio_client, webhook, *rules)
        assert statuses == ["undelivered", "sent", "queued"]
        codes = [post.form.get("ErrorCode") for post in webhook.posts]
        assert codes == ["30003", None, None]

    def test_late_lags_behind_the_status(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        twilio_emulator.set_faults([{"action": "late_callback", "seconds": 0.4}])
        sid = send(twilio_client, status_callback=webhook.url)
        time.sleep(0.2)
        assert twilio_client.messages(sid).fetch().status == "delivered"
        assert webhook.posts == []
        assert twilio_emulator.wait_until_quiet()
        assert webhook.statuses == ["queued", "sent", "delivered"]

    def test_no_callback_leaves_us_to_ask(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        rule = {"action": "no_callback"}
        assert self.statuses_after(twilio_emulator, twilio_client, webhook, rule) == []
        assert twilio_emulator.messages()[0].status == "delivered"

    def test_before_the_response_all_is_told(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        twilio_emulator.set_faults([{"action": "callback_before_response"}])
        sid = send(twilio_client, status_callback=webhook.url)
        assert webhook.statuses == ["queued", "sent", "delivered"]
        assert webhook.posts[0].form["MessageSid"] == sid
        assert twilio_emulator.wait_until_quiet()
        assert len(webhook.posts) == 3


class TestMatch:
    def codes(self, client: Client, *phones: str) -> list[int]:
        """Return for each text the code it was refused with, 0 for none."""
        codes = []
        for phone in phones:
            try:
                send(client, phone)
            except TwilioRestException as refused:
                codes.append(refused.code)
            else:
                codes.append(0)
        return codes

    def test_picks_a_number_or_a_prefix(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        twilio_emulator.set_faults(
            [
                {"match": {"to": PHONE}, "action": "error", "code": 21614},
                {"match": {"to": "+4477*"}, "action": "error", "code": 21612},
            ]
        )
        phones = (PHONE, "+12065550102", "+447700900123")
        assert self.codes(twilio_client, *phones) == [21614, 0, 21612]

    def test_counts_per_rule(self, twilio_emulator: Emulator, twilio_client: Client) -> None:
        twilio_emulator.set_faults(
            [
                {"match": {"nth": 2}, "action": "error", "code": 21611},
                {"match": {"every": 3}, "action": "error", "code": 21612},
            ]
        )
        assert self.codes(twilio_client, *[PHONE] * 6) == [0, 21611, 21612, 0, 0, 21612]
        assert twilio_emulator.fault_counts() == [1, 2]

    def test_lets_the_first_of_two_rules_decide(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        twilio_emulator.set_faults(
            [
                {"action": "error", "code": 21611},
                {"action": "timeout", "seconds": 30},
                {"action": "drop"},
            ]
        )
        assert self.codes(twilio_client, PHONE) == [21611]

    def test_repeats_its_tosses(self, twilio_emulator: Emulator, twilio_client: Client) -> None:
        rule = {"match": {"probability": 0.3}, "action": "error", "code": 21611}
        phones = [f"+1206555{number:04}" for number in range(60)]
        twilio_emulator.set_faults([rule])
        first = self.codes(twilio_client, *phones)
        twilio_emulator.set_faults([rule])
        backwards = self.codes(twilio_client, *reversed(phones))
        assert first == backwards[::-1]
        assert 8 <= first.count(21611) <= 28


class TestControl:
    def test_sets_shows_and_clears_faults(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        url = f"{twilio_emulator.base_url}/_control/faults"
        rule: dict[str, Any] = {"match": {"nth": 1}, "action": "status", "status": 500}
        assert requests.post(url, json=[rule], timeout=1).status_code == 200
        assert refusal(twilio_client) == (500, 20500)
        (shown,) = requests.get(url, timeout=1).json()
        assert shown["action"] == "status"
        assert (shown["seen"], shown["struck"]) == (1, 1)
        requests.post(url, json=[{"action": "drop"}], timeout=1)
        assert requests.delete(url, timeout=1).json() == []
        assert send(twilio_client)

    @pytest.mark.parametrize(
        "rules",
        [
            {"action": "drop"},
            ["drop"],
            [{"action": "explode"}],
            [{"action": "drop", "seconds": 1}],
            [{"action": "drop", "course": 1}],
            [{"action": "drop", "accepted": 1}],
            [{"action": "timeout", "seconds": "1"}],
            [{"action": "error"}],
            [{"action": "status", "status": 404}],
            [{"action": "stuck", "status": "lost"}],
            [{"action": "drop", "match": {"from": PHONE}}],
            [{"action": "drop", "match": {"request": "delete"}}],
            [{"action": "drop", "match": {"nth": "first"}}],
            [{"action": "drop", "match": {"every": 0}}],
            [{"action": "drop", "match": {"probability": 2}}],
        ],
    )
    def test_refuses_a_rule_it_does_not_understand_and_keeps_the_old(
        self, twilio_emulator: Emulator, rules: Any
    ) -> None:
        twilio_emulator.set_faults([{"action": "no_callback"}])
        with pytest.raises(FaultRuleError):
            twilio_emulator.set_faults(rules)
        url = f"{twilio_emulator.base_url}/_control/faults"
        answer = requests.post(url, json=rules, timeout=1)
        assert answer.status_code == 400
        assert answer.json()["error"]
        (kept,) = requests.get(url, timeout=1).json()
        assert kept["action"] == "no_callback"

    def test_lists_messages_and_callbacks(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        sid = send(twilio_client, status_callback=webhook.url)
        send(twilio_client, "+12065550102")
        assert twilio_emulator.wait_until_quiet()
        url = f"{twilio_emulator.base_url}/_control"
        newest, oldest = requests.get(f"{url}/messages", timeout=1).json()
        assert newest["to"] == "+12065550102"
        created_at = oldest.pop("created_at")
        assert created_at.endswith("+00:00")
        assert oldest == {
            "sid": sid,
            "direction": "outbound-api",
            "to": PHONE,
            "from": FROM_NUMBER,
            "body": "Hello",
            "is_redacted": False,
            "status": "delivered",
            "error_code": None,
            "validity_seconds": None,
            "accepted_copies": 1,
        }
        filtered = requests.get(f"{url}/messages", params={"to": PHONE}, timeout=1).json()
        assert [message["sid"] for message in filtered] == [sid]
        assert len(requests.get(f"{url}/messages?limit=1", timeout=1).json()) == 1
        posted = requests.get(f"{url}/callbacks", params={"sid": sid}, timeout=1).json()
        assert [(post["status"], post["answered"]) for post in posted] == [
            ("queued", 204),
            ("sent", 204),
            ("delivered", 204),
        ]

    def test_resets_everything(self, twilio_emulator: Emulator, twilio_client: Client) -> None:
        twilio_emulator.opt_out(PHONE)
        twilio_emulator.set_faults([{"match": {"to": "+1*"}, "action": "late_callback"}])
        send(twilio_client, "+12065550102", status_callback="http://127.0.0.1:9/")
        url = f"{twilio_emulator.base_url}/_control"
        assert requests.post(f"{url}/reset", timeout=5).status_code == 200
        assert twilio_emulator.messages() == []
        assert twilio_emulator.wait_until_quiet(timeout_seconds=5)
        assert requests.get(f"{url}/faults", timeout=1).json() == []
        assert send(twilio_client)

    def test_reports_health(self, twilio_emulator: Emulator, twilio_client: Client) -> None:
        send(twilio_client)
        answer = requests.get(f"{twilio_emulator.base_url}/_control/health", timeout=1)
        assert answer.json() == {"status": "ok", "messages": 1, "requests": {"create": 1}}

    def test_knows_no_other_door(self, twilio_emulator: Emulator) -> None:
        url = f"{twilio_emulator.base_url}/_control/secrets"
        assert requests.get(url, timeout=1).status_code == 404
