"""Every class of the retry table, for errors told at once and for those reported later.

Each code of the specification goes the whole way: refused by the emulator over HTTP, or taken and
reported undelivered.
"""

from typing import Final

import pytest

from alerts.models import Alert
from alerts.scope import Scope, seeing
from credit.models import Client
from sms.models import ChannelStop, Message, OptIn, PhoneHealth
from sms.selectors.phone_health import BadPhone, find_bad_phone
from sms.services.status import record_status_report
from tests.sms.texting_fixture import PHONE, Texting, attempts_of, reload, sid_of

RETRY: Final = ["30001", "30008", "30022", "21611"]
RETRY_SLOWLY: Final = ["30003", "30036", "14107"]
BAD_NUMBER: Final = ["21211", "21612", "21614", "21635", "30004", "30005", "30006"]
FILTERED: Final = ["30007", "30450"]
STOPPING: Final = ["20003", "21606", "21603", "30002", "30034"]
ONE_DESTINATION: Final = ["21608", "21408"]
WAYS: Final = ["refused", "reported"]
# Just after a wait of so many seconds with its tenth of jitter.
PAST: Final = 1.11


def fail(texting: Texting, code: str, way: str, *, message: Message, after: float = 0) -> None:
    """Let the next attempt at a message fail with a code, told at once or by a report."""
    if way == "refused":
        texting.emulator.set_faults([{"action": "error", "code": int(code)}])
        texting.send(after=after)
        texting.emulator.set_faults([])
        return
    texting.send(after=after)
    report(texting, message, "undelivered", code, after=after)


def report(
    texting: Texting, message: Message, status: str, code: str = "", *, after: float = 0
) -> None:
    record_status_report(
        message_id=message.pk,
        provider_id=sid_of(message),
        status=status,
        error_code=code,
        now=texting.later(after),
    )


def wait_of(texting: Texting, message: Message, *, after: float = 0) -> float:
    due_at = reload(message).next_attempt_at
    assert due_at is not None
    return (due_at - texting.later(after)).total_seconds()


@pytest.mark.parametrize("way", WAYS)
class TestEveryCode:
    @pytest.mark.parametrize("code", RETRY)
    def test_that_may_pass_is_tried_three_times(
        self, texting: Texting, code: str, way: str
    ) -> None:
        message = texting.queue()
        after = 0.0
        for used, wait in ((1, 30), (2, 300)):
            fail(texting, code, way, message=message, after=after)
            assert (reload(message).state, reload(message).attempts_used) == ("queued", used)
            assert wait <= wait_of(texting, message, after=after) <= wait * 1.1
            assert texting.send(after=after + wait - 1) == 0
            after += wait * PAST
        fail(texting, code, way, message=message, after=after)
        message = reload(message)
        assert message.state == ("failed" if way == "refused" else "undelivered")
        assert (message.attempts_used, message.next_attempt_at) == (3, None)
        assert message.error_code == code
        assert texting.outcomes(message)[-1] == "given_up"
        assert texting.send(after=1_000_000) == 0
        assert not PhoneHealth.objects.exists()

    @pytest.mark.parametrize("code", RETRY_SLOWLY)
    def test_of_a_phone_that_is_away_is_tried_over_the_day(
        self, texting: Texting, code: str, way: str
    ) -> None:
        message = texting.queue()
        after = 0.0
        for wait in (1800, 7200, 21600):
            fail(texting, code, way, message=message, after=after)
            assert wait <= wait_of(texting, message, after=after) <= wait * 1.1
            after += wait * PAST
        texting.send(after=after)
        assert reload(message).state == "accepted"
        assert len(attempts_of(message)) == 4

    @pytest.mark.parametrize("code", BAD_NUMBER)
    def test_of_a_bad_number_is_the_end_and_marks_it(
        self, texting: Texting, code: str, way: str
    ) -> None:
        message = texting.queue()
        fail(texting, code, way, message=message)
        message = reload(message)
        assert message.state == ("failed" if way == "refused" else "undelivered")
        assert (message.error_code, message.next_attempt_at) == (code, None)
        assert texting.outcomes(message)[-1] == "given_up"
        assert texting.send(after=1_000_000) == 0
        assert find_bad_phone(phone=PHONE) == BadPhone(
            error_code=code, failed_at=PhoneHealth.objects.get().failed_at
        )
        assert not Alert.objects.exists()

    def test_of_an_opt_out_is_the_end_and_is_kept(self, texting: Texting, way: str) -> None:
        message = texting.queue()
        fail(texting, "21610", way, message=message)
        assert (reload(message).state, reload(message).next_attempt_at) == ("suppressed", None)
        assert texting.outcomes(message)[-1] == "given_up"
        opt_in = OptIn.objects.get()
        assert (opt_in.state, opt_in.phone, opt_in.actor) == ("revoked", PHONE, "system")
        # And the next one does not even leave.
        requests = texting.emulator.requests["create"]
        following = texting.queue("again")
        texting.send(after=1)
        assert reload(following).state == "suppressed"
        assert texting.emulator.requests["create"] == requests

    @pytest.mark.parametrize("code", FILTERED)
    def test_of_a_filter_is_not_tried_again_with_the_same_words(
        self, texting: Texting, code: str, way: str
    ) -> None:
        message = texting.queue()
        fail(texting, code, way, message=message)
        assert reload(message).next_attempt_at is None
        assert texting.outcomes(message)[-1] == "given_up"
        assert texting.send(after=1_000_000) == 0
        assert not PhoneHealth.objects.exists()

    @pytest.mark.parametrize("code", STOPPING)
    def test_of_our_set_up_stops_the_channel_and_costs_no_attempt(
        self, texting: Texting, code: str, way: str
    ) -> None:
        message = texting.queue()
        fail(texting, code, way, message=message)
        assert (reload(message).state, reload(message).attempts_used) == ("queued", 0)
        assert ChannelStop.objects.get().error_code == code
        alert = Alert.objects.get(kind="channel_stopped")
        assert alert.severity == "critical"
        behind = texting.queue("behind it")
        assert texting.send(after=10) == 0
        # Mended: a probe finds out, and everything goes.
        texting.send(after=140)
        texting.send(after=280)
        assert {reload(one).state for one in (message, behind)} == {"accepted"}
        assert not ChannelStop.objects.exists()
        alert.refresh_from_db()
        assert alert.state == "resolved"
        assert reload(message).attempts_used == 1

    @pytest.mark.parametrize("code", ONE_DESTINATION)
    def test_of_our_set_up_for_one_destination_stops_nobody_else(
        self, texting: Texting, code: str, way: str
    ) -> None:
        message = texting.queue()
        fail(texting, code, way, message=message)
        assert (reload(message).state, reload(message).attempts_used) == ("queued", 0)
        assert not ChannelStop.objects.exists()
        assert Alert.objects.get().severity == "critical"
        other = texting.queue("elsewhere", to="+12065550199")
        texting.send(after=1)
        assert reload(other).state == "accepted"
        texting.send(after=1000)
        assert reload(message).state == "accepted"


class TestTooManyRequests:
    def test_never_use_up_the_attempts(self, texting: Texting) -> None:
        message = texting.queue()
        texting.emulator.set_faults([{"action": "rate_limited", "retry_after": 2}])
        for number in range(10):
            texting.send(after=number * 5)
        assert (reload(message).state, reload(message).attempts_used) == ("queued", 0)
        texting.emulator.set_faults([])
        texting.send(after=60)
        assert (reload(message).state, reload(message).attempts_used) == ("accepted", 1)


class TestPhoneHealth:
    def test_ends_when_a_text_arrives(self, texting: Texting) -> None:
        message = texting.queue()
        fail(texting, "30005", "refused", message=message)
        following = texting.queue("again")
        texting.send(after=1)
        assert find_bad_phone(phone=PHONE) is not None  # taken is not arrived
        report(texting, following, "delivered", after=2)
        assert find_bad_phone(phone=PHONE) is None

    def test_keeps_the_last_word(self, texting: Texting) -> None:
        for second, code in enumerate(("30005", "21614")):
            message = texting.queue(code, due_in=second)
            fail(texting, code, "refused", message=message, after=second)
        row = PhoneHealth.objects.get()
        assert (row.error_code, row.phone) == ("21614", PHONE)

    @pytest.mark.two_roles
    def test_is_shown_to_who_has_texted_the_number(self, texting: Texting) -> None:
        fail(texting, "30005", "refused", message=texting.queue())
        stranger = Client.objects.create(agency=texting.client.agency, name="B", slug="b")
        for client, seen in ((texting.client, True), (stranger, False)):
            with seeing(Scope(organisation_ids=frozenset({client.pk}))):
                assert (find_bad_phone(phone=PHONE) is not None) is seen
