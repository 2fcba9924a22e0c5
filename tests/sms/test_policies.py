"""The retry table: the specification's, as data."""

from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import IntegrityError

from sms.models import ErrorPolicy
from sms.policies import (
    POLICIES,
    SLOW_WAITS_SECONDS,
    Policy,
    Reaction,
    add_jitter,
    wait_seconds,
)
from sms.providers import ProviderText
from sms.selectors.policies import load_policies
from sms.services.calls import match_texts
from tests.sms.texting_fixture import Texting, reload

TABLE = {
    Reaction.RETRY: "20429 30001 30008 30022 21611",
    Reaction.RETRY_SLOWLY: "30003 30036 14107",
    Reaction.BAD_NUMBER: "21211 21612 21614 21635 30004 30005 30006",
    Reaction.OPTED_OUT: "21610",
    Reaction.FILTERED: "30007 30450",
    Reaction.SET_UP: "20003 21606 21603 21608 30002 30034 21408",
}
SCHEDULE = (0.0, 30.0, 300.0)
QUICK = Policy(Reaction.RETRY)


class TestPolicies:
    @pytest.mark.parametrize(
        ("code", "reaction"),
        [(code, reaction) for reaction, codes in TABLE.items() for code in codes.split()],
    )
    def test_follow_the_specification(self, code: str, reaction: Reaction) -> None:
        assert POLICIES[code].reaction is reaction
        uses_attempt = reaction is not Reaction.SET_UP and code != "20429"
        assert POLICIES[code].uses_attempt is uses_attempt

    def test_stop_the_channel_unless_the_destination_is_to_blame(self) -> None:
        stopping = {code for code, policy in POLICIES.items() if policy.stops_channel}
        texts = {code for code in stopping if not code.startswith("smtp-")}
        assert texts == {"20003", "21603", "21606", "30002", "30034", "GC-014"}
        assert stopping - texts == {
            f"smtp-{code}" for code in ("530", "534", "535", "538", "connect", "sender", "tls")
        }


class TestWaitSeconds:
    def wait(self, policy: Policy, attempts_used: int, asked: float | None = None) -> float | None:
        return wait_seconds(
            policy, attempts_used=attempts_used, schedule=SCHEDULE, asked_seconds=asked
        )

    def test_follows_the_schedule_and_ends_with_it(self) -> None:
        assert [self.wait(QUICK, used) for used in (1, 2, 3)] == [30.0, 300.0, None]

    def test_is_30_minutes_2_hours_and_6_hours_for_a_phone_that_is_off(self) -> None:
        slow = Policy(Reaction.RETRY_SLOWLY)
        assert [self.wait(slow, used) for used in (1, 2, 3, 4)] == [1800.0, 7200.0, 21600.0, None]
        assert len(SLOW_WAITS_SECONDS) == 3

    @pytest.mark.parametrize(
        "reaction", [Reaction.BAD_NUMBER, Reaction.OPTED_OUT, Reaction.FILTERED]
    )
    def test_is_none_for_what_will_not_change(self, reaction: Reaction) -> None:
        assert self.wait(Policy(reaction), 1) is None

    def test_is_what_the_provider_asked_for_when_nothing_counts(self) -> None:
        busy = replace(QUICK, uses_attempt=False)
        assert self.wait(busy, 0, asked=7.0) == 7.0
        assert self.wait(busy, 9) == 30.0
        assert self.wait(busy, 0, asked=86_400.0) == 900.0

    def test_never_ends_for_our_own_set_up(self) -> None:
        broken = Policy(Reaction.SET_UP, uses_attempt=False, stops_channel=True)
        assert [self.wait(broken, used) for used in (0, 99)] == [60.0, 60.0]
        assert self.wait(replace(broken, stops_channel=False), 0) == 900.0


class TestAddJitter:
    def test_lengthens_by_up_to_a_tenth(self) -> None:
        waits = {add_jitter(30.0) for _ in range(200)}
        assert all(30.0 <= wait <= 33.0 for wait in waits)
        assert len(waits) > 100
        assert add_jitter(0.0) == 0.0


@pytest.mark.django_db
class TestLoadPolicies:
    def test_finds_in_the_table_what_we_ship(self) -> None:
        assert ErrorPolicy.objects.count() == len(POLICIES)
        assert load_policies() == POLICIES

    def test_lets_an_operators_row_go_first(self) -> None:
        ErrorPolicy.objects.filter(code="30008").update(reaction="filtered")
        ErrorPolicy.objects.create(code="63001", reaction="bad_number")
        policies = load_policies()
        assert policies["30008"].reaction is Reaction.FILTERED
        assert policies["63001"].reaction is Reaction.BAD_NUMBER

    def test_falls_back_on_ours_when_a_row_is_removed(self) -> None:
        ErrorPolicy.objects.all().delete()
        assert load_policies() == POLICIES

    @pytest.mark.parametrize(
        "row",
        [
            {"reaction": "retry", "stops_channel": True},
            {"reaction": "set_up", "uses_attempt": True},
        ],
    )
    def test_can_not_hold_what_makes_no_sense(self, row: dict[str, object]) -> None:
        with pytest.raises(IntegrityError, match="only_our_set_up_stops_the_channel"):
            ErrorPolicy.objects.create(code="63002", **row)


class TestEveryClass:
    """Each class end to end, by a code that arrives in a refusal."""

    @pytest.mark.parametrize(
        ("code", "state", "waits"),
        [
            ("21211", "failed", False),
            ("21612", "failed", False),
            ("21610", "suppressed", False),
            ("30007", "failed", False),
            ("14107", "queued", True),
            ("21611", "queued", True),
            ("21608", "queued", True),
            ("99999", "queued", True),
        ],
    )
    def test_leads_where_the_table_says(
        self, texting: Texting, code: str, state: str, *, waits: bool
    ) -> None:
        texting.emulator.set_faults([{"action": "error", "code": int(code)}])
        message = texting.queue()
        texting.send()
        message = reload(message)
        assert (message.state, message.error_code) == (state, code)
        assert (message.next_attempt_at is not None) is waits


class TestMatchTexts:
    """Which of the listed texts is ours."""

    def listed(self, *bodies: str) -> list[ProviderText]:
        return [
            ProviderText(provider_id=f"SM{number}", status="sent", body=body)
            for number, body in enumerate(bodies)
        ]

    def test_goes_by_the_words(self) -> None:
        key = uuid4()
        found = match_texts(
            listed={key: self.listed("for another", "for me")}, bodies={key: "for me"}, owners={}
        )
        assert found[key].provider_id == "SM1"

    def test_forgives_what_a_provider_changes_on_the_way(self) -> None:
        key = uuid4()
        sent = 'Sent from your trial account - Anas card: "here" http://x/r/abc/'
        found = match_texts(
            listed={key: self.listed(sent)},
            bodies={key: "Ana’s card: “here” http://x/r/abc/"},
            owners={},
        )
        assert found[key].provider_id == "SM0"

    def test_finds_nothing_among_others(self) -> None:
        key = uuid4()
        assert match_texts(listed={key: self.listed("a", "b")}, bodies={key: "c"}, owners={}) == {}

    def test_takes_no_text_of_another_message(self) -> None:
        key = uuid4()
        found = match_texts(
            listed={key: self.listed("same")}, bodies={key: "same"}, owners={"SM0": uuid4()}
        )
        assert found == {}

    def test_gives_a_text_to_one_message_only(self) -> None:
        one, two = uuid4(), uuid4()
        texts = self.listed("same", "same")
        found = match_texts(
            listed={one: texts, two: texts}, bodies={one: "same", two: "same"}, owners={}
        )
        assert {text.provider_id for text in found.values()} == {"SM0", "SM1"}

    def test_takes_what_was_redacted_by_number_and_time(self) -> None:
        key = uuid4()
        found = match_texts(listed={key: self.listed("")}, bodies={key: "secret"}, owners={})
        assert found[key].provider_id == "SM0"
