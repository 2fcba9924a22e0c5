"""What an answer means, for every answer there is: no end without a card while it is uncertain."""

from __future__ import annotations

import itertools
from datetime import timedelta
from uuid import uuid4

import pytest
from pytest_django import Settings

from credit.money import Money
from giftcards.models import ProviderOrderEvent
from giftcards.providers.outcomes import (
    CannotUndo,
    NoMoney,
    NotFound,
    NotSold,
    Pending,
    RouteClosed,
    SetUpWrong,
    Sold,
    SoldCard,
    TryAgain,
    Undone,
    Unknown,
)
from giftcards.services.order_answers import print_outcome, word_of
from giftcards.services.order_calls import Heard, OrderAnswer, Outcome
from giftcards.services.order_claims import OrderClaim
from giftcards.services.order_schedule import LONGEST_WAIT, next_attempt_at
from giftcards.services.order_verdicts import Ending, judge_answer, judge_by_person
from tests.world import NOW

Asked = ProviderOrderEvent.Asked
SOLD = Sold(SoldCard(reference="r", face_value=Money(2500, "USD"), code="SECRET-CODE", pin="9876"))
REFUSALS: list[Outcome] = [RouteClosed("725"), NoMoney("610"), SetUpWrong("434")]
UNCLEAR: list[Outcome] = [
    Unknown("timeout"),
    TryAgain("600"),
    TryAgain("729"),
    TryAgain("211", 30.0, may_be_done=False),
    TryAgain("unreachable", may_be_done=False),
    Pending("r"),
]
STATUSES: list[Outcome] = [
    SOLD,
    Pending("r"),
    NotSold("ERROR"),
    NotFound("433"),
    *REFUSALS,
    *UNCLEAR,
]
MINUTE = timedelta(minutes=1)


def make_claim(**changes: object) -> OrderClaim:
    facts: dict[str, object] = {
        "order_id": uuid4(),
        "provider": "tillo",
        "request_id": "gl-1",
        "provider_slug": "amazon-us",
        "value_minor": 2500,
        "currency": "USD",
        "delivery_method": "code",
        "is_asynchronous": False,
        "is_accepted": False,
        "is_undone": False,
        "holder_kind": "parcel",
        "attempt": 1,
        "tries": 1,
        "trace_id": "",
        "in_doubt_until": None,
        "leased_until": NOW + MINUTE,
    }
    return OrderClaim(**{**facts, **changes})  # type: ignore[arg-type]


def answer(claim: OrderClaim, *outcomes: Outcome) -> OrderAnswer:
    asked = [Asked.STATUS if claim.is_accepted else Asked.ISSUE, Asked.STATUS]
    heard = [
        Heard(asked=question, outcome=outcome, milliseconds=1)
        for question, outcome in zip(asked, outcomes, strict=False)
    ]
    return OrderAnswer(claim=claim, heard=tuple(heard))


def is_proven(claim: OrderClaim, outcomes: tuple[Outcome, ...]) -> bool:
    """Tell, by the rule alone, whether nothing can have been sold."""
    first, *more = outcomes
    if isinstance(first, NotSold):
        return True
    if claim.in_doubt_until is None:
        return not getattr(first, "may_be_done", not isinstance(first, tuple(map(type, REFUSALS))))
    if not more or not isinstance(first, tuple(map(type, REFUSALS))):
        return False
    is_over = claim.in_doubt_until <= NOW
    return isinstance(more[0], NotSold) or (isinstance(more[0], NotFound) and is_over)


class TestJudge:
    @pytest.mark.parametrize("tries", [1, 7, 8, 20])
    @pytest.mark.parametrize("doubt", [None, NOW - MINUTE, NOW, NOW + MINUTE])
    def test_ends_without_a_card_only_when_that_is_proven(self, tries: int, doubt: object) -> None:
        cases = 0
        for is_accepted, first, second in itertools.product(
            [False, True], STATUSES, [None, *STATUSES]
        ):
            if isinstance(first, NotFound | NotSold) and not is_accepted:
                continue  # only a status says so
            claim = make_claim(
                tries=tries,
                in_doubt_until=doubt or (NOW + MINUTE if is_accepted else None),
                is_accepted=is_accepted,
            )
            outcomes = (first,) if second is None else (first, second)
            verdict = judge_answer(answer=answer(claim, *outcomes), now=NOW)
            cases += 1
            if verdict.ending is Ending.NOT_BOUGHT:
                assert is_proven(claim, outcomes), (claim, outcomes)
                assert verdict.in_doubt_until is None
            elif verdict.ending is Ending.BOUGHT:
                assert SOLD in outcomes
            elif verdict.ending is Ending.UNKNOWN:
                assert tries >= 8
                assert verdict.in_doubt_until is not None
                assert not isinstance(first, Sold | NotSold)
            else:
                assert tries < 8 or verdict.ending is Ending.AGAIN
                assert verdict.next_attempt_at is not None
                assert verdict.next_attempt_at > NOW
            if isinstance(first, Sold):
                assert verdict.ending is Ending.BOUGHT
        assert cases > 200

    def test_remembers_a_doubt_until_it_is_resolved(self) -> None:
        claim = make_claim(in_doubt_until=NOW + MINUTE)
        turned_away = TryAgain("211", None, may_be_done=False)
        verdict = judge_answer(answer=answer(claim, turned_away), now=NOW)
        assert (verdict.ending, verdict.in_doubt_until) == (Ending.AGAIN, NOW + MINUTE)

    @pytest.mark.parametrize("doubt", [None, NOW + MINUTE])
    def test_gives_an_id_that_was_used_for_something_else_to_a_person(self, doubt: object) -> None:
        verdict = judge_answer(
            answer=answer(make_claim(in_doubt_until=doubt), SetUpWrong("708")), now=NOW
        )
        assert (verdict.ending, verdict.code) == (Ending.UNKNOWN, "708")
        assert verdict.in_doubt_until is not None


class TestJudgeByPerson:
    @pytest.mark.parametrize("asked", [Asked.STATUS, Asked.REVERSE])
    @pytest.mark.parametrize("doubt", [NOW - MINUTE, NOW + MINUTE])
    @pytest.mark.parametrize("is_asynchronous", [False, True])
    def test_ends_it_only_when_that_is_proven(
        self, asked: Asked, doubt: object, is_asynchronous: bool
    ) -> None:
        outcomes = [*STATUSES, Undone("r"), CannotUndo("100"), NotFound("724")]
        for outcome in outcomes:
            claim = make_claim(in_doubt_until=doubt, is_asynchronous=is_asynchronous)
            verdict = judge_by_person(claim=claim, asked=asked, outcome=outcome, now=NOW)
            if verdict.ending is Ending.NOT_BOUGHT:
                is_told = asked is Asked.REVERSE or is_asynchronous
                is_over = doubt == NOW - MINUTE
                assert isinstance(outcome, NotSold) or (
                    isinstance(outcome, NotFound) and is_told and is_over
                )
            elif verdict.ending is Ending.TAKEN_BACK:
                assert isinstance(outcome, Undone)
            elif verdict.ending is Ending.BOUGHT:
                assert outcome == SOLD
            else:
                assert verdict.in_doubt_until is not None

    def test_does_not_bind_a_card_whose_undoing_may_be_on_its_way(self) -> None:
        for doubt, ending in ((NOW + MINUTE, Ending.UNKNOWN), (NOW, Ending.BOUGHT)):
            claim = make_claim(in_doubt_until=doubt, is_undone=True)
            verdict = judge_by_person(claim=claim, asked=Asked.STATUS, outcome=SOLD, now=NOW)
            assert verdict.ending is ending


class TestPrintOutcome:
    def test_keeps_everything_back_that_is_worth_money(self) -> None:
        printed = str(print_outcome(SOLD)) + repr(SOLD) + str(answer(make_claim(), SOLD))
        assert "SECRET" not in printed
        assert "9876" not in printed
        assert print_outcome(SOLD)["face_value"] == {"amount_minor": 2500, "currency": "USD"}

    def test_says_what_kind_of_answer_it_was(self) -> None:
        assert print_outcome(TryAgain("211", 30.0, may_be_done=False)) == {
            "outcome": "try_again",
            "code": "211",
            "retry_after_seconds": 30.0,
        }
        assert [word_of(one) for one in (RouteClosed("1"), NoMoney("1"), NotFound("1"))] == [
            "route_closed",
            "no_money",
            "not_found",
        ]


class TestNextAttemptAt:
    def test_follows_the_schedule_and_ends_with_it(self, settings: Settings) -> None:
        settings.PROVIDER_RETRY_SCHEDULE = (0.0, 2.0, 60.0)
        order_id = uuid4()
        for tries, wait in ((1, 2), (2, 60)):
            at = next_attempt_at(order_id=order_id, tries=tries, now=NOW)
            assert at is not None
            assert wait <= (at - NOW).total_seconds() <= wait * 1.25
        assert next_attempt_at(order_id=order_id, tries=3, now=NOW) is None

    def test_differs_from_order_to_order(self) -> None:
        waits = {next_attempt_at(order_id=uuid4(), tries=5, now=NOW) for _ in range(20)}
        assert len(waits) == 20

    @pytest.mark.parametrize(("asked", "least"), [(90.0, 90.0), (1e9, 3600.0)])
    def test_stays_away_as_long_as_it_was_asked_to_within_reason(
        self, asked: float, least: float
    ) -> None:
        at = next_attempt_at(order_id=uuid4(), tries=1, now=NOW, retry_after_seconds=asked)
        assert at is not None
        assert timedelta(seconds=least) <= at - NOW <= LONGEST_WAIT
