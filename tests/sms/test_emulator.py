"""The emulator's REST API, as the official Twilio library finds it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from requests import get
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from sms.emulator import Emulator
from sms.emulator.segments import count_segments
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER

PHONE = "+12065550101"
SERVICE_SID = "MG" + "1" * 32


class TestCreate:
    def test_answers_the_message_as_twilio_does(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        before = datetime.now(UTC).replace(microsecond=0)
        message = twilio_client.messages.create(
            to=PHONE, from_=FROM_NUMBER, body="Hello", validity_period=3600
        )
        assert message.sid[:2] == "SM"
        assert len(message.sid) == 34
        assert message.status == "queued"
        assert message.direction == "outbound-api"
        assert (message.to, message.from_, message.body) == (PHONE, FROM_NUMBER, "Hello")
        assert message.num_segments == "1"
        assert message.price is None
        assert message.price_unit == "USD"
        assert message.error_code is None
        assert message.date_sent is None
        assert before <= message.date_created <= datetime.now(UTC)
        assert message.uri == f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{message.sid}.json"
        (stored,) = twilio_emulator.messages(to=PHONE)
        assert (stored.sid, stored.validity_seconds) == (message.sid, 3600)
        assert twilio_emulator.requests == {"create": 1}

    def test_leaves_the_choice_of_number_to_a_messaging_service(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        message = twilio_client.messages.create(
            to=PHONE, messaging_service_sid=SERVICE_SID, body="Hello"
        )
        assert (message.status, message.from_, message.num_segments) == ("accepted", None, "0")
        assert message.messaging_service_sid == SERVICE_SID
        assert twilio_emulator.wait_until_quiet()
        later = message.fetch()
        assert (later.status, later.from_, later.num_segments) == ("delivered", "+15005550006", "1")

    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"to": ""}, 400, 21604),
            ({"to": "5550101"}, 400, 21211),
            ({"to": "+1500555ABCD"}, 400, 21211),
            ({"to": FROM_NUMBER}, 400, 21266),
            ({"body": ""}, 400, 21602),
            ({"body": "x" * 1601}, 400, 21617),
            ({"from_": ""}, 400, 21603),
            ({"from_": "not a number!"}, 400, 21212),
            ({"from_": "+15005550007"}, 400, 21606),
            ({"from_": "+15005550008"}, 400, 21611),
            ({"from_": "", "messaging_service_sid": "MG1"}, 400, 21701),
            ({"status_callback": "not a url"}, 400, 21609),
            ({"validity_period": 36001}, 400, 90007),
            ({"to": "+15005550001"}, 400, 21211),
            ({"to": "+15005550002"}, 400, 21612),
            ({"to": "+15005550003"}, 400, 21408),
            ({"to": "+15005550004"}, 400, 21610),
            ({"to": "+15005521614"}, 400, 21614),
            ({"to": "+15005520429"}, 429, 20429),
        ],
    )
    def test_refuses_with_twilios_code_and_keeps_nothing(
        self,
        twilio_emulator: Emulator,
        twilio_client: Client,
        changes: dict[str, object],
        status: int,
        code: int,
    ) -> None:
        text = {"to": PHONE, "from_": FROM_NUMBER, "body": "Hello"} | changes
        with pytest.raises(TwilioRestException) as refused:
            twilio_client.messages.create(**text)
        assert (refused.value.status, refused.value.code) == (status, code)
        assert twilio_emulator.messages() == []

    @pytest.mark.parametrize(
        ("account_sid", "auth_token"),
        [(ACCOUNT_SID, "wrong"), ("AC" + "9" * 32, AUTH_TOKEN)],
        ids=["token", "account"],
    )
    def test_refuses_strangers(
        self,
        twilio_emulator: Emulator,
        account_sid: str,
        auth_token: str,
    ) -> None:
        stranger = Client(account_sid, auth_token)
        stranger.api.base_url = twilio_emulator.base_url
        with pytest.raises(TwilioRestException) as refused:
            stranger.messages.create(to=PHONE, from_=FROM_NUMBER, body="Hello")
        stranger.http_client.session.close()
        assert (refused.value.status, refused.value.code) == (401, 20003)
        assert twilio_emulator.messages() == []
        assert twilio_emulator.requests == {}

    def test_refuses_a_number_the_account_does_not_own(self) -> None:
        with Emulator(
            account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, senders=(FROM_NUMBER,)
        ) as emulator:
            client = Client(ACCOUNT_SID, AUTH_TOKEN)
            client.api.base_url = emulator.base_url
            with pytest.raises(TwilioRestException) as refused:
                client.messages.create(to=PHONE, from_="+12025550199", body="Hello")
            client.http_client.session.close()
            assert refused.value.code == 21606
            assert emulator.messages() == []

    def test_prints_errors_as_json_with_a_link(self, twilio_emulator: Emulator) -> None:
        answer = get(
            f"{twilio_emulator.base_url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json",
            timeout=1,
        )
        assert answer.status_code == 401
        assert answer.json() == {
            "code": 20003,
            "message": "Authenticate",
            "more_info": "https://www.twilio.com/docs/errors/20003",
            "status": 401,
        }

    def test_counts_the_copies_it_accepted(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        for body in ("Once", "Twice", "Twice"):
            twilio_client.messages.create(to=PHONE, from_=FROM_NUMBER, body=body)
        newest, _, oldest = twilio_emulator.messages()
        assert twilio_emulator.accepted_copies(newest) == 2
        assert twilio_emulator.accepted_copies(oldest) == 1


class TestFetch:
    def test_shows_what_became_of_a_message(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        sid = twilio_client.messages.create(to=PHONE, from_=FROM_NUMBER, body="x" * 161).sid
        assert twilio_emulator.wait_until_quiet()
        message = twilio_client.messages(sid).fetch()
        assert (message.status, message.error_code) == ("delivered", None)
        assert (message.num_segments, message.price) == ("2", "-0.01580")
        assert message.date_created <= message.date_sent <= message.date_updated

    def test_tells_the_error_of_a_landline(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        sid = twilio_client.messages.create(to="+15005550009", from_=FROM_NUMBER, body="Hello").sid
        assert twilio_emulator.wait_until_quiet()
        message = twilio_client.messages(sid).fetch()
        assert (message.status, message.error_code) == ("undelivered", 30006)
        assert message.error_message == "Landline or unreachable carrier"

    def test_does_not_know_a_foreign_sid(self, twilio_client: Client) -> None:
        with pytest.raises(TwilioRestException) as refused:
            twilio_client.messages("SM" + "0" * 32).fetch()
        assert (refused.value.status, refused.value.code) == (404, 20404)


class TestList:
    def test_finds_by_recipient_sender_and_time(self, twilio_client: Client) -> None:
        started = datetime.now(UTC)
        first = twilio_client.messages.create(to=PHONE, from_=FROM_NUMBER, body="One")
        other = twilio_client.messages.create(to="+12065550102", from_=FROM_NUMBER, body="Two")
        second = twilio_client.messages.create(to=PHONE, from_="+12025550111", body="Three")

        def sids(**filters: object) -> list[str]:
            return [message.sid for message in twilio_client.messages.list(**filters)]

        assert sids() == [second.sid, other.sid, first.sid]
        assert sids(to=PHONE) == [second.sid, first.sid]
        assert sids(to=PHONE, from_=FROM_NUMBER) == [first.sid]
        assert sids(to=PHONE, date_sent_after=started) == [second.sid, first.sid]
        assert sids(to=PHONE, date_sent_after=started + timedelta(minutes=1)) == []
        assert sids(to=PHONE, date_sent_before=started - timedelta(minutes=1)) == []
        assert sids(to=PHONE, date_sent=started.date()) == [second.sid, first.sid]
        assert sids(to=PHONE, date_sent=date(2001, 1, 1)) == []
        assert sids(to="+12065550199") == []

    def test_turns_the_pages(self, twilio_emulator: Emulator, twilio_client: Client) -> None:
        sent = [
            twilio_client.messages.create(to=PHONE, from_=FROM_NUMBER, body=str(number)).sid
            for number in range(5)
        ]
        listed = twilio_client.messages.list(to=PHONE, page_size=2)
        assert [message.sid for message in listed] == sent[::-1]
        assert twilio_emulator.requests["list"] == 3

    def test_shows_no_text_twice_when_another_arrives_between_pages(
        self, twilio_client: Client
    ) -> None:
        for number in range(4):
            twilio_client.messages.create(to=PHONE, from_=FROM_NUMBER, body=str(number))
        pages = twilio_client.messages.page(to=PHONE, page_size=2)
        first = [message.body for message in pages]
        twilio_client.messages.create(to=PHONE, from_=FROM_NUMBER, body="late")
        second = [message.body for message in pages.next_page()]
        assert (first, second) == (["3", "2"], ["1", "0"])


class TestUpdate:
    def test_redacts_the_body_and_leaves_it_on_the_phone(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        message = twilio_client.messages.create(to=PHONE, from_=FROM_NUMBER, body="Code 1234")
        assert twilio_emulator.wait_until_quiet()
        assert twilio_client.messages(message.sid).update(body="").body == ""
        assert twilio_client.messages(message.sid).fetch().body == ""
        (on_phone,) = twilio_emulator.messages(to=PHONE)
        assert (on_phone.body, on_phone.is_redacted) == ("Code 1234", True)
        assert on_phone.status == "delivered"

    def test_does_not_redact_before_the_end(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        twilio_emulator.set_faults([{"action": "stuck", "status": "sent"}])
        message = twilio_client.messages.create(to=PHONE, from_=FROM_NUMBER, body="Code 1234")
        assert twilio_emulator.wait_until_quiet()
        with pytest.raises(TwilioRestException) as refused:
            twilio_client.messages(message.sid).update(body="")
        assert (refused.value.status, refused.value.code) == (409, 20009)
        assert twilio_client.messages(message.sid).fetch().body == "Code 1234"

    def test_does_not_change_the_words(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        message = twilio_client.messages.create(to=PHONE, from_=FROM_NUMBER, body="Hello")
        assert twilio_emulator.wait_until_quiet()
        with pytest.raises(TwilioRestException):
            twilio_client.messages(message.sid).update(body="Goodbye")
        assert twilio_client.messages(message.sid).fetch().body == "Hello"

    def test_cancels_a_queued_message(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        twilio_emulator.set_faults([{"action": "stuck", "status": "queued"}])
        message = twilio_client.messages.create(to=PHONE, from_=FROM_NUMBER, body="Hello")
        assert twilio_client.messages(message.sid).update(status="canceled").status == "canceled"
        assert twilio_emulator.wait_until_quiet()
        assert twilio_client.messages(message.sid).fetch().status == "canceled"

    def test_cannot_cancel_what_was_sent(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        message = twilio_client.messages.create(to=PHONE, from_=FROM_NUMBER, body="Hello")
        assert twilio_emulator.wait_until_quiet()
        with pytest.raises(TwilioRestException) as refused:
            twilio_client.messages(message.sid).update(status="canceled")
        assert (refused.value.status, refused.value.code) == (409, 30409)
        assert twilio_client.messages(message.sid).fetch().status == "delivered"


class TestCountSegments:
    @pytest.mark.parametrize(
        ("body", "segments"),
        [
            ("x" * 160, 1),
            ("x" * 161, 2),
            ("x" * 306, 2),
            ("x" * 307, 3),
            ("€" * 80, 1),
            ("€" * 81, 2),
            # An escape sequence does not fit into the last septet of the first segment.
            ("x" * 152 + "€" + "x" * 151, 2),
            ("x" * 152 + "€" + "x" * 152, 3),
            ("й" * 70, 1),
            ("й" * 71, 2),
            ("x" * 68 + "🎁", 1),
            ("x" * 69 + "🎁", 2),
            ("x" * 66 + "🎁" + "x" * 66, 3),
        ],
    )
    def test_counts_as_the_carrier_bills(self, body: str, segments: int) -> None:
        assert count_segments(body) == segments
