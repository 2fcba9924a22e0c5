"""The card of a reward by its link, and what becomes of the message that brings the link."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.test import Client as Browser

from alerts.models import Alert
from alerts.transactions import transaction
from giftcards.models import GiftCard
from giftcards.services.secrets import open_field
from loyalty.models import Customer, Reward
from loyalty.services.reward_links import derive_reward_token
from loyalty.services.reward_texts import record_card_outcome, render_points_card
from loyalty.services.rewards import RewardResult
from sms.models import Message
from sms.services.parties import Draft, MessageEvent, Outcome, RenderedText, Unsendable
from tests.loyalty.rewarding import TEXT, take
from tests.loyalty.shop import Shop, points_of
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ana(shop: Shop) -> Customer:
    return shop.customer(points=3000)


@pytest.fixture
def given(shop: Shop, world: World, ana: Customer) -> RewardResult:
    world.stock(2)
    return take(shop, world, ana, contact=TEXT, now=datetime.now(UTC))


def code_of(reward_id: UUID) -> str:
    card = GiftCard.objects.get(holder_id=reward_id)
    return open_field(card.code_encrypted, field="code")


def page_of(given: RewardResult) -> str:
    return f"/points/{given.reveal_token}/"


class TestRewardCard:
    def test_shows_nothing_until_its_button_is_pressed(self, given: RewardResult) -> None:
        answer = Browser().get(page_of(given))
        assert answer.status_code == 200
        assert code_of(given.reward_id) not in answer.content.decode()
        assert GiftCard.objects.get(holder_id=given.reward_id).disclosed_at is None
        assert Reward.objects.get().state == "issued"

    def test_shows_the_card_and_marks_it_as_seen(self, given: RewardResult) -> None:
        for _ in range(2):
            answer = Browser().post(page_of(given))
            assert answer.status_code == 200
            assert "no-store" in answer["Cache-Control"]
            text = answer.content.decode().replace("<span>", "").replace("</span>", "")
            assert code_of(given.reward_id) in text
        card = GiftCard.objects.get(holder_id=given.reward_id)
        assert (card.status, card.disclosed_at is not None) == ("delivered", True)
        assert Reward.objects.get().state == "delivered"

    def test_leads_nowhere_by_a_guess(self, given: RewardResult) -> None:
        token = str(given.reveal_token)
        guess = token[:-1] + ("A" if token[-1] != "A" else "B")
        answer = Browser().post(f"/points/{guess}/")
        assert answer.status_code == 404
        assert GiftCard.objects.get(holder_id=given.reward_id).disclosed_at is None

    def test_ends_with_its_time(self, given: RewardResult) -> None:
        Reward.objects.update(reveal_until=datetime.now(UTC))
        answer = Browser().post(page_of(given))
        assert answer.status_code == 410
        assert "This link has expired" in answer.content.decode()
        assert GiftCard.objects.get(holder_id=given.reward_id).disclosed_at is None

    def test_is_stored_nowhere(self, given: RewardResult) -> None:
        token = derive_reward_token(reward_id=given.reward_id)
        assert token == given.reveal_token
        row = Reward.objects.values().get()
        assert all(token not in str(value) for value in row.values())
        assert token not in str(Message.objects.values().get())


def draft_of(message: Message, channel: str = "sms", locale: str = "en") -> Draft:
    return Draft(
        message_id=message.pk,
        client_id=message.client_id,
        purpose="reward",
        channel=channel,
        locale=locale,
        values=message.values,
        reference_kind="reward",
        reference_id=message.reference_id,
    )


class TestRenderReward:
    def test_brings_the_link(self, given: RewardResult) -> None:
        message = Message.objects.get()
        written = render_points_card(drafts=[draft_of(message)], now=datetime.now(UTC))[message.pk]
        assert isinstance(written, RenderedText)
        assert f"/points/{given.reveal_token}/" in written.body
        assert str(given.reveal_token) not in written.preview
        assert written.body.startswith("Hi Ana, your $25.00")
        assert not written.holds_secret

    @pytest.mark.parametrize(("locale", "word"), [("en", "ready"), ("es", "puntos")])
    def test_writes_letters_in_both_languages(
        self, given: RewardResult, locale: str, word: str
    ) -> None:
        message = Message.objects.get()
        drafts = [draft_of(message, "email", locale)]
        written = render_points_card(drafts=drafts, now=datetime.now(UTC))[message.pk]
        assert isinstance(written, RenderedText)
        assert word in written.body
        assert written.subject
        assert f"/points/{given.reveal_token}/" in written.body

    def test_sends_no_link_that_does_not_open(self, given: RewardResult) -> None:
        message = Message.objects.get()
        later = datetime.now(UTC) + timedelta(days=91)
        written = render_points_card(drafts=[draft_of(message)], now=later)[message.pk]
        assert isinstance(written, Unsendable)


def tell(given: RewardResult, outcome: Outcome) -> None:
    message = Message.objects.get()
    event = MessageEvent(
        message_id=message.pk,
        client_id=message.client_id,
        purpose="reward",
        channel="sms",
        reference_kind="reward",
        reference_id=given.reward_id,
        outcome=outcome,
        state="",
        error_code="30003" if outcome is Outcome.GIVEN_UP else "",
    )
    with transaction():
        record_card_outcome(events=[event], now=datetime.now(UTC))


class TestRecordOutcome:
    def test_follows_the_message(self, given: RewardResult) -> None:
        tell(given, Outcome.ACCEPTED)
        assert Reward.objects.get().state == "delivered"
        assert GiftCard.objects.get(holder_id=given.reward_id).status == "delivered"
        tell(given, Outcome.DELIVERED)
        assert Reward.objects.get().state == "confirmed"
        assert not Alert.objects.filter(kind="reward_undelivered").exists()

    def test_buys_no_second_card_for_a_text_that_failed(
        self, given: RewardResult, ana: Customer
    ) -> None:
        tell(given, Outcome.GIVEN_UP)
        tell(given, Outcome.GIVEN_UP)
        alert = Alert.objects.get(kind="reward_undelivered")
        assert (alert.state, alert.count, alert.data["error_code"]) == ("open", 2, "30003")
        assert Reward.objects.get().state == "issued"
        assert Message.objects.count() == 1
        assert GiftCard.objects.exclude(status="available").count() == 1
        assert points_of(ana) == (500, 0)
        tell(given, Outcome.DELIVERED)
        assert Alert.objects.get(kind="reward_undelivered").state == "resolved"
