"""One code, two people: found with who was first, and settled once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.urls import reverse

from alerts.models import Alert
from credit.models import AuditEvent
from credit.selectors.viewers import SYSTEM, viewer_of_user
from giftcards.models import Brand, Denomination, GiftCard, Pool
from redemption.models import Condition, DeskTask, Redemption, Replacement
from redemption.selectors.duplicates import DuplicateClaim, list_duplicates
from redemption.services.duplicates import (
    NoDuplicateError,
    SettledDuplicate,
    alert_duplicates,
    settle_duplicate,
)
from redemption.services.redeem import OutOfStockError
from redemption.services.replacing import ReplaceNotPermittedError, replace_card
from sms.models import Message
from sms.services.parties import Draft, RenderedText, render_drafts
from tests.races import run_at_once
from tests.redemption.asking import ask
from tests.redemption.forgetting import make_operator, visit
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def world() -> World:
    return build_world()


def give_twice(world: World) -> tuple[UUID, UUID]:
    """Give one code to two people, under two brands; return the first's card and the second's."""
    world.stock(1)
    first = ask(world.invite()[0]).redemption_id
    brand = Brand.objects.create(name="Acorn Cafe", slug="acorn-cafe")
    worth = {"value_minor": 2500, "currency": "USD"}
    denomination = Denomination.objects.create(brand=brand, **worth)
    pool = Pool.objects.create(
        name="Cafe pool",
        brand=brand,
        denomination=denomination,
        kind=Pool.Kind.CLIENT,
        client=world.client,
    )
    Condition.objects.filter(pk=world.condition.pk).update(brand=brand, pool=pool)
    ours = Redemption.objects.get(pk=first).card
    assert ours is not None
    twin = GiftCard.objects.get(pk=ours.pk)
    twin.pk, twin.brand, twin.pool = UUID(int=7), brand, pool
    twin.status, twin.holder_kind, twin.holder_id = "available", None, None
    twin.claimed_at = twin.disclosed_at = twin.delivered_at = None
    twin.save(force_insert=True)
    second = ask(world.invite()[0], now=NOW + timedelta(minutes=5)).redemption_id
    card = Redemption.objects.get(pk=second).card
    assert card is not None
    return ours.pk, card.pk


def restock(world: World, count: int = 1) -> None:
    world.stock(count, pool=Pool.objects.get(name="Cafe pool"))


def settle(card_id: UUID) -> SettledDuplicate:
    return settle_duplicate(viewer=SYSTEM, card_id=card_id, now=LATER)


class TestListDuplicates:
    def test_tells_who_was_first(self, world: World) -> None:
        first, second = give_twice(world)
        (found,) = list_duplicates()
        assert isinstance(found, DuplicateClaim)
        assert (found.why, found.first.card_id, found.second.card_id) == ("code", first, second)

    def test_finds_one_that_a_provider_gave_twice(self, world: World) -> None:
        world.stock(2)
        for code in world.invite(2):
            ask(code)
        cards = list(GiftCard.objects.values_list("pk", flat=True))
        assert list_duplicates() == []
        GiftCard.objects.filter(pk__in=cards).update(provider_reference="order-1")
        (found,) = list_duplicates()
        assert (found.why, {found.first.card_id, found.second.card_id}) == ("reference", set(cards))

    def test_leaves_out_what_only_lies_in_stock(self, world: World) -> None:
        give_twice(world)
        restock(world)
        (stocked,) = GiftCard.objects.filter(status="available")
        first = GiftCard.objects.get(brand=world.brand)
        assert stocked.code_digest != first.code_digest
        assert len(list_duplicates()) == 1


class TestSettleDuplicate:
    def test_gives_the_second_another_card_and_leaves_the_first(self, world: World) -> None:
        first, second = give_twice(world)
        restock(world)
        done = settle(second)
        states = dict(GiftCard.objects.values_list("pk", "status"))
        assert (states[first], states[second], states[done.new_card_id]) == (
            "claimed",
            "void",
            "claimed",
        )
        assert not done.was_settled
        assert list_duplicates() == []
        # Charged once, as before.
        assert Redemption.objects.get(card=done.new_card_id).charged_minor == 2500

    def test_says_sorry_in_a_text_and_by_the_desk(self, world: World) -> None:
        _, second = give_twice(world)
        restock(world)
        done = settle(second)
        message = Message.objects.get(purpose="apology")
        assert message.reference_id == done.redemption_id
        task = DeskTask.objects.get(kind="apology")
        assert (task.redemption_id, task.phone) == (done.redemption_id, "+12025550123")

    @pytest.mark.parametrize(("locale", "word"), [("en", "sorry"), ("es", "lo sentimos")])
    def test_writes_it_in_their_language(self, world: World, locale: str, word: str) -> None:
        type(world.campaign).objects.update(locale=locale)
        _, second = give_twice(world)
        restock(world)
        settle(second)
        message = Message.objects.get(purpose="apology")
        draft = Draft(
            message_id=message.pk,
            client_id=message.client_id,
            purpose=message.purpose,
            channel=message.channel,
            locale=message.locale,
            values=message.values,
            reference_kind=message.reference_kind,
            reference_id=message.reference_id,
        )
        rendered = render_drafts(drafts=[draft], now=LATER)[message.pk]
        assert isinstance(rendered, RenderedText)
        assert word in rendered.body
        assert "/r/" in rendered.body

    def test_writes_the_incident(self, world: World) -> None:
        first, second = give_twice(world)
        restock(world)
        done = settle(second)
        alert = Alert.objects.get(kind="duplicate_claim")
        assert (alert.severity, alert.client_id) == ("critical", world.client.pk)
        assert alert.data["new_card_id"] == str(done.new_card_id)
        record = AuditEvent.objects.get(action="duplicate.settled")
        assert record.details["after"]["first_card_id"] == str(first)

    def test_does_it_once(self, world: World) -> None:
        _, second = give_twice(world)
        restock(world, 2)
        done = settle(second)
        assert settle(second) == SettledDuplicate(
            redemption_id=done.redemption_id,
            old_card_id=second,
            new_card_id=done.new_card_id,
            was_settled=True,
        )
        assert Replacement.objects.count() == DeskTask.objects.filter(kind="apology").count() == 1

    def test_is_done_once_by_two_at_once(self, world: World) -> None:
        _, second = give_twice(world)
        restock(world, 5)
        ends = run_at_once(5, lambda: settle(second))
        assert Replacement.objects.count() == 1
        assert Message.objects.filter(purpose="apology").count() == 1
        done = [end for end in ends if isinstance(end, SettledDuplicate)]
        assert [end.was_settled for end in done].count(False) == 1
        assert len({end.new_card_id for end in done}) == 1

    def test_control_who_does_not_name_the_card_gives_away_two(self, world: World) -> None:
        _, second = give_twice(world)
        restock(world, 2)
        reward = Redemption.objects.get(card=second).pk
        facts = {"viewer": SYSTEM, "redemption_id": reward, "reason": "x", "now": LATER}
        run_at_once(2, lambda: replace_card(**facts))  # type: ignore[arg-type]
        assert Replacement.objects.count() == 2

    def test_changes_nothing_without_another_card(self, world: World) -> None:
        _, second = give_twice(world)
        with pytest.raises(OutOfStockError):
            settle(second)
        assert set(GiftCard.objects.values_list("status", flat=True)) == {"claimed"}
        assert not DeskTask.objects.filter(kind="apology").exists()
        assert not Alert.objects.filter(kind="duplicate_claim").exists()

    def test_refuses_the_first_and_strangers(self, world: World) -> None:
        first, _ = give_twice(world)
        restock(world)
        for card_id in (first, UUID(int=1)):
            with pytest.raises(NoDuplicateError):
                settle(card_id)

    def test_takes_a_supervisor(self, world: World) -> None:
        _, second = give_twice(world)
        restock(world)
        operator = make_operator()
        with pytest.raises(ReplaceNotPermittedError):
            settle_duplicate(viewer=viewer_of_user(operator.pk), card_id=second, now=LATER)
        assert not Replacement.objects.exists()


class TestAlertDuplicates:
    def test_tells_of_each_once(self, world: World) -> None:
        assert alert_duplicates(now=LATER) == 0
        give_twice(world)
        assert alert_duplicates(now=LATER) == alert_duplicates(now=LATER) == 1
        alert = Alert.objects.get(kind="duplicate_claim")
        assert (alert.severity, alert.count) == ("critical", 2)


class TestPage:
    def test_settles_it(self, world: World) -> None:
        _, second = give_twice(world)
        restock(world)
        browser = visit(make_operator("replace_card"))
        url = reverse("admin:duplicate_claims")
        page = browser.get(url).content.decode()
        assert page.index("First: Ana Sample") < page.index("Second: Ana Sample")
        page = browser.post(url, {"card": str(second)}, follow=True).content.decode()
        assert "their old card is void" in page
        assert "No code is held by two people." in page

    def test_has_no_button_without_the_right(self, world: World) -> None:
        _, second = give_twice(world)
        restock(world)
        browser = visit(make_operator())
        url = reverse("admin:duplicate_claims")
        assert "say sorry</button>" not in browser.get(url).content.decode()
        browser.post(url, {"card": str(second)})
        assert not Replacement.objects.exists()
