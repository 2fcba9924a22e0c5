"""All doors end in one service: what speaks against a reward has one code at each of them.

What differs is who reads it. A customer reads plain words without a code; an operator the code,
its meaning, what to do, the request id and the trace; a program the code in a field.
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pytest
from django.conf import settings
from django.test import override_settings

from alerts.codes import ErrorCode
from giftcards.models import GiftCard
from redemption.models import AddressBlock, Campaign, ProvisioningTrace, Recipient, Redemption
from tests.redemption.asking import ask
from tests.redemption.buying import buy_from
from tests.redemption.desking import ago, now
from tests.redemption.doors import Doors, Person, come_to
from tests.redemption.guarding import forget_all_counts
from tests.redemption.visiting import plain
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

DOORS: Final = ("web", "desk", "crm", "api", "provision")
# Doors at which a wrong is none, each for a reason.
KNOWS_THE_PERSON: Final = "it knows the person, so a second factor is not asked for"
NO_CODE_GIVEN: Final = "no code is tried there: a signature says who calls"
LIMITED_BY_NAME: Final = "agents are limited by who they are, whatever address they share"
NOT_A_REFUSAL: Final = "an event about nobody we know is kept for a replay: `unmatched`, no code"
# What no customer can make anything of.
INNER_WORDS: Final = re.compile(
    r"GC-?\d|pool|ledger|provider|opt-in|depleted|quarantine|idempoten|sql|traceback|exception"
    r"|\bNone\b|\bnull\b|[a-z]_[a-z]",
    re.IGNORECASE,
)

Prepare = Callable[[World, Mapping[str, Person]], None]


@dataclasses.dataclass(frozen=True)
class Wrong:
    """What is wrong, and what every door is to say.

    :param state: the redemption's, where it is kept and goes on by itself.
    :param other: doors that answer something else, with the reason.
    :param words: what the customer reads, where it is not the catalogue's sentence.
    :param is_begun: the service was asked, so that there is a trace of it.
    """

    prepare: Prepare
    code: ErrorCode
    state: str = ""
    other: Mapping[str, str] = dataclasses.field(default_factory=dict)
    words: str = ""
    is_begun: bool = True
    has_stock: bool = True


def campaign(**fields: Any) -> Prepare:
    def change(_world: World, _people: Mapping[str, Person]) -> None:
        Campaign.objects.update(**fields)

    return change


def ends_long_ago(world: World, people: Mapping[str, Person]) -> None:
    campaign(claim_expires_at=ago(days=1))(world, people)


def nobody_knows_the_code(_world: World, people: Mapping[str, Person]) -> None:
    for person in people.values():
        person.code, person.has_code_only = "2222-3333-44445", True
        person.recipient.external_crm_id = ""


def each_has_theirs(_world: World, people: Mapping[str, Person]) -> None:
    for person in people.values():
        ask(None, recipient_id=person.recipient.pk, now=now())


def each_is_rejected(_world: World, _people: Mapping[str, Person]) -> None:
    Recipient.objects.update(approval=Recipient.Approval.REJECTED)


def one_was_first(world: World, people: Mapping[str, Person]) -> None:
    Campaign.objects.update(cap_per_day=1)
    ask(world.invite()[0], now=now())


def each_says_another_name(_world: World, people: Mapping[str, Person]) -> None:
    Campaign.objects.update(second_factor="last_name")
    for person in people.values():
        person.says = {"last_name": "Somebody"}


def each_has_tried(_world: World, people: Mapping[str, Person]) -> None:
    for person in people.values():
        person.has_code_only = True


def addresses_are_blocked(_world: World, people: Mapping[str, Person]) -> None:
    AddressBlock.objects.create(network="127.0.0.0/8", reason="x", created_by="x")
    for person in people.values():
        person.has_code_only = True


def brand_is_off(world: World, _people: Mapping[str, Person]) -> None:
    type(world.brand).objects.filter(pk=world.brand.pk).update(is_enabled=False)


def nobody_sells(world: World, _people: Mapping[str, Person]) -> None:
    buy_from(world)


def no_brand(world: World, _people: Mapping[str, Person]) -> None:
    type(world.condition).objects.filter(pk=world.condition.pk).update(brand=None)


WRONGS: Final[dict[str, Wrong]] = {
    "unknown code": Wrong(
        nobody_knows_the_code,
        ErrorCode.UNKNOWN_CODE,
        other={"crm": NOT_A_REFUSAL},
        is_begun=False,
    ),
    "already redeemed": Wrong(each_has_theirs, ErrorCode.ALREADY_REDEEMED),
    "waiting for approval": Wrong(
        campaign(approval_required=True), ErrorCode.AWAITING_APPROVAL, state="waiting_approval"
    ),
    "rejected": Wrong(each_is_rejected, ErrorCode.STATE_FORBIDS, words="was not approved"),
    "waiting for opt-in": Wrong(
        campaign(opt_in_required=True),
        ErrorCode.VERIFICATION_NEEDED,
        state="waiting_opt_in",
        words="YES",
    ),
    "out of cards, queued": Wrong(
        campaign(queue_when_empty=True),
        ErrorCode.OUT_OF_STOCK,
        state="waiting_stock",
        has_stock=False,
    ),
    "out of cards, not queued": Wrong(
        campaign(queue_when_empty=False), ErrorCode.OUT_OF_STOCK, has_stock=False
    ),
    "paused": Wrong(campaign(status="paused"), ErrorCode.CAMPAIGN_NOT_ACTIVE),
    "ended": Wrong(campaign(status="ended"), ErrorCode.CAMPAIGN_NOT_ACTIVE),
    "draft": Wrong(campaign(status="draft"), ErrorCode.CAMPAIGN_NOT_ACTIVE),
    "depleted": Wrong(campaign(status="depleted"), ErrorCode.INSUFFICIENT_CREDIT),
    "expired": Wrong(ends_long_ago, ErrorCode.CODE_EXPIRED),
    "cap reached": Wrong(one_was_first, ErrorCode.CAP_REACHED),
    "second factor wrong": Wrong(
        each_says_another_name,
        ErrorCode.VERIFICATION_NEEDED,
        other=dict.fromkeys(("desk", "crm", "provision"), KNOWS_THE_PERSON),
        words="last name",
    ),
    "too many attempts": Wrong(
        each_has_tried,
        ErrorCode.RATE_LIMITED,
        other={"crm": NO_CODE_GIVEN},
        words="wait 60 minutes",
        is_begun=False,
    ),
    "blocked": Wrong(
        addresses_are_blocked,
        ErrorCode.BLOCKED,
        other={"crm": NO_CODE_GIVEN, "desk": LIMITED_BY_NAME},
        is_begun=False,
    ),
    "brand disabled": Wrong(brand_is_off, ErrorCode.BRAND_UNAVAILABLE),
    "no account": Wrong(campaign(account=None), ErrorCode.NO_BILLING_ACCOUNT),
    "provider not configured": Wrong(
        nobody_sells, ErrorCode.PROVIDER_NOT_CONFIGURED, has_stock=False
    ),
    "condition without a brand": Wrong(no_brand, ErrorCode.CONDITION_INCOMPLETE),
}


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def doors(world: World) -> Iterator[Doors]:
    forget_all_counts()
    yield Doors(world)
    forget_all_counts()


@pytest.mark.parametrize("name", WRONGS)
def test_every_door_says_the_same(world: World, doors: Doors, name: str) -> None:
    wrong = WRONGS[name]
    people = {door: come_to(door, world) for door in DOORS}
    if wrong.has_stock:
        world.stock(2 * len(DOORS))
    wrong.prepare(world, people)
    limits = {"RATE_LIMIT_CODE": (1, 3600.0)} if name == "too many attempts" else {}
    with override_settings(**limits):
        if limits:
            for person in people.values():
                doors.partner.post("/codes/validate/", {"code": person.code or "x"})
        before = GiftCard.objects.filter(status="available").count()
        for door, person in people.items():
            answer = doors.ways[door](person)
            given = Redemption.objects.filter(recipient=person.recipient)
            if door in wrong.other:
                assert_other(answer, wrong.other[door])
                continue
            CHECKS[door](answer, wrong)
            reward = given.first() if wrong.state else None
            if reward is not None:
                assert (reward.state, reward.reason_code) == (wrong.state, wrong.code.code), door
                assert reward.door == ("api" if door == "provision" else door)
            else:
                assert not given.exclude(state__in=Redemption.STANDING).exists(), door
        # What spoke against it has taken no card from anybody.
        let_through = sum(
            why in (KNOWS_THE_PERSON, NO_CODE_GIVEN, LIMITED_BY_NAME)
            for why in wrong.other.values()
        )
        left = GiftCard.objects.filter(status="available").count()
        assert before - left == (let_through if wrong.has_stock else 0)


def check_program(answer: Any, wrong: Wrong) -> None:
    body = answer.json()
    if wrong.state:
        assert (answer.status_code, body["state"]) == (202, wrong.state), body
        assert body["reason"]["code"] == wrong.code.code
        words = body["reason"]["detail"]
    else:
        assert (answer.status_code, body["code"]) == (wrong.code.status, wrong.code.code), body
        assert body["request_id"] == answer["X-Request-ID"]
        words = body["detail"]
    assert not INNER_WORDS.search(words), words


def check_crm(answer: Any, wrong: Wrong) -> None:
    body = answer.json()
    outcome = "waiting" if wrong.state else "refused"
    if wrong.code is ErrorCode.ALREADY_REDEEMED:
        outcome = "already_redeemed"
    assert (answer.status_code, body["outcome"], body["code"]) == (200, outcome, wrong.code.code)


def check_page(answer: Any, wrong: Wrong) -> None:
    words = plain_words(answer)
    assert answer.status_code == (200 if wrong.state else wrong.code.status), words
    expected = wrong.words or wrong.code.customer_words(
        support_phone=settings.SUPPORT_PHONE_NUMBER,
        hours=settings.REWARD_WITHIN / 3600,
        is_waiting=bool(wrong.state),
    )
    assert expected in words, words
    assert not INNER_WORDS.search(words), INNER_WORDS.findall(words)


def check_desk(answer: Any, wrong: Wrong) -> None:
    words = plain_words(answer)
    if wrong.state:
        assert "Waits for" in words, words
        return
    assert answer.status_code == wrong.code.status, words
    request_id = answer["X-Request-ID"]
    for what in (wrong.code.code, wrong.code.title, wrong.code.action, request_id):
        assert what in words, (what, words)
    assert wrong.code.operator in words, words
    if wrong.is_begun:
        assert f"redeem refused {wrong.code.code}" in words, words
        step = ProvisioningTrace.objects.filter(request_id=request_id).order_by("-pk")[0]
        assert (step.step, step.error_code) == ("redeem", wrong.code.code)


def assert_other(answer: Any, why: str) -> None:
    if why == NOT_A_REFUSAL:
        body = answer.json()
        assert (answer.status_code, body["outcome"], body["code"]) == (202, "unmatched", None)
        return
    assert answer.status_code in (200, 201), answer.content
    assert Redemption.objects.exists()


def plain_words(answer: Any) -> str:
    return html.unescape(plain(answer))


CHECKS: Final = {
    "web": check_page,
    "desk": check_desk,
    "crm": check_crm,
    "api": check_program,
    "provision": check_program,
}
