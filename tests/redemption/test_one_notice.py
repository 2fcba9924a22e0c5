"""A resend and an older text that fails late: one notice of the card, and no reward forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from alerts.transactions import transaction
from credit.selectors.viewers import SYSTEM
from redemption.models import Recipient
from redemption.services.outcomes import record_outcome
from redemption.services.redeem import RedeemResult
from redemption.services.resending import resend_reward
from sms.models import Message
from sms.services.parties import MessageEvent, Outcome
from tests.redemption.taking_back import LATER, redeem_one, row
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def mail(settings: Settings) -> None:
    settings.EMAIL_ENABLED = True


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def reward(world: World) -> RedeemResult:
    """A reward whose text was accepted, of somebody with an address."""
    result = redeem_one(world)
    Recipient.objects.filter(pk=row(result).recipient_id).update(email="ada@example.com")
    assert result.message_id is not None
    Message.objects.filter(pk=result.message_id).update(state="accepted", next_attempt_at=None)
    return result


def resend(result: RedeemResult) -> Message:
    sent = resend_reward(viewer=SYSTEM, redemption_id=result.redemption_id, now=LATER)
    assert not sent.is_corrected
    return Message.objects.get(pk=sent.message_id)


def give_up(message: Message) -> None:
    """Let a message fail for good, as the provider's late report would."""
    Message.objects.filter(pk=message.pk).update(
        state="undelivered", error_code="30003", next_attempt_at=None
    )
    event = MessageEvent(
        message_id=message.pk,
        client_id=message.client_id,
        purpose=message.purpose,
        channel=message.channel,
        reference_kind="redemption",
        reference_id=message.reference_id,
        outcome=Outcome.GIVEN_UP,
        state="undelivered",
        error_code="30003",
    )
    with transaction():
        record_outcome(events=[event], now=LATER + timedelta(minutes=1))


def first(result: RedeemResult) -> Message:
    assert result.message_id is not None
    return Message.objects.get(pk=result.message_id)


def mails() -> int:
    return Message.objects.filter(channel="email").count()


class TestAnOlderTextThatFails:
    def test_is_not_followed_once_a_newer_one_is_on_its_way(self, reward: RedeemResult) -> None:
        resend(reward)
        give_up(first(reward))
        assert mails() == 0

    def test_is_followed_without_a_newer_one(self, reward: RedeemResult) -> None:
        # The control: the same failure, and nobody has sent it anew.
        give_up(first(reward))
        assert mails() == 1

    @pytest.mark.parametrize("state", ["accepted", "sent", "delivered", "manually_delivered"])
    def test_is_not_followed_whatever_good_became_of_the_newer_one(
        self, reward: RedeemResult, state: str
    ) -> None:
        newer = resend(reward)
        Message.objects.filter(pk=newer.pk).update(state=state, next_attempt_at=None)
        give_up(first(reward))
        assert mails() == 0

    def test_leaves_the_e_mail_to_the_newer_one_should_it_fail_too(
        self, reward: RedeemResult
    ) -> None:
        newer = resend(reward)
        give_up(first(reward))
        give_up(newer)
        assert mails() == 1

    def test_after_the_newer_one_failed_brings_no_second_e_mail(self, reward: RedeemResult) -> None:
        newer = resend(reward)
        give_up(newer)
        give_up(first(reward))
        assert mails() == 1

    def test_is_followed_where_the_newer_one_was_cancelled(self, reward: RedeemResult) -> None:
        newer = resend(reward)
        Message.objects.filter(pk=newer.pk).update(state="cancelled", next_attempt_at=None)
        give_up(first(reward))
        assert mails() == 1

    def test_is_followed_where_the_newer_one_brings_no_card(self, reward: RedeemResult) -> None:
        # A later message that brings no card is none that serves.
        newer = resend(reward)
        Message.objects.filter(pk=newer.pk).update(purpose="delay_notice")
        give_up(first(reward))
        assert mails() == 1
