"""Replacing a card: another one for the same redemption, charged once."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.transactions import transaction
from credit.models import AuditEvent, Transaction
from credit.selectors.viewers import Viewer, viewer_of_user
from giftcards.models import GiftCard, Pool
from redemption.models import Condition, Redemption, Replacement
from redemption.services.disclosure import disclose_redemption
from redemption.services.links import derive_reveal_token
from redemption.services.outcomes import record_outcome
from redemption.services.redeem import Contact
from redemption.services.replacing import ReplaceNotPermittedError
from redemption.services.showing import LinkUnknownError, open_link, show_card
from sms.models import Message
from sms.services.parties import MessageEvent, Outcome
from tests.giftcards.selling import master_pool, sell
from tests.invariants import broken_invariants
from tests.redemption.asking import ask, snapshot
from tests.redemption.taking_back import (
    LATER,
    cancel,
    card_of,
    history,
    live_links,
    message_states,
    redeem_one,
    refunds,
    replace,
    row,
)
from tests.staff import make_platform_admin, make_user
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    assert broken_invariants() == {}


class TestReplaceCard:
    def test_voids_the_old_one_and_gives_another(self, world: World) -> None:
        result = redeem_one(world)
        (other,) = world.stock(1)
        replaced = replace(result)
        old = card_of(result)
        new = GiftCard.objects.get(pk=other.pk)
        assert (replaced.old_card_id, replaced.new_card_id) == (old.pk, new.pk)
        assert (old.status, old.holder_id) == ("void", result.redemption_id)
        assert (new.status, new.holder_id, new.disclosed_at) == (
            "claimed", result.redemption_id, None,
        )  # fmt: skip
        assert (row(result).card_id, row(result).state) == (new.pk, "issued")
        assert history(old)[-1] == ("claimed", "void", "system", "Replaced: The card was empty")

    def test_charges_once_and_books_what_both_cost(self, world: World) -> None:
        Pool.objects.update(cost_per_card_minor=2_200)
        result = redeem_one(world, disclose=True)
        world.stock(1)
        GiftCard.objects.filter(status="available").update(cost_minor=2_300)
        replace(result)
        redemption = row(result)
        assert (redemption.charged_minor, redemption.cost_minor) == (2_500, 4_500)
        # What the platform earned: 25.00 for what cost it 22.00 and 23.00.
        assert redemption.platform_margin_minor == 2_500 - 4_500
        assert world.balance() == 100_000 - 2_500
        assert Transaction.objects.filter(kind="redemption").count() == 1
        assert Replacement.objects.get().cost_minor == 2_300

    def test_does_not_know_the_sum_of_what_is_not_known(self, world: World) -> None:
        result = redeem_one(world)
        world.stock(1)
        GiftCard.objects.filter(status="available").update(cost_minor=2_300)
        replace(result)
        assert (row(result).cost_minor, row(result).platform_margin_minor) == (None, None)

    def test_sends_a_new_link_and_kills_the_old_one(self, world: World) -> None:
        result = redeem_one(world)
        world.stock(1)
        replace(result)
        assert live_links(result) == [2]
        assert message_states(result) == [("reward", "cancelled"), ("resend", "queued")]
        assert Message.objects.get(purpose="resend").to == "+12025550123"
        old, new = (
            derive_reveal_token(redemption_id=result.redemption_id, version=version)
            for version in (1, 2)
        )
        with pytest.raises(LinkUnknownError):
            open_link(token=old, browser_digest=b"x" * 32, now=LATER)
        opened = open_link(token=new, browser_digest=b"x" * 32, now=LATER)
        assert opened.reward.redemption_id == result.redemption_id

    def test_sends_nothing_where_no_contact_was_given(self, world: World) -> None:
        result = redeem_one(world, contact=Contact(method="none"))
        world.stock(1)
        assert replace(result).message_id is None
        assert Message.objects.count() == 0

    def test_starts_the_reward_anew(self, world: World) -> None:
        result = redeem_one(world, disclose=True)
        Redemption.objects.update(state="confirmed", confirmed_at=NOW)
        world.stock(1)
        replace(result)
        redemption = row(result)
        assert (redemption.state, redemption.delivered_at, redemption.confirmed_at) == (
            "issued", None, None,
        )  # fmt: skip
        assert redemption.issued_at == NOW

    def test_discloses_the_new_one_for_whom_it_is_shown(self, world: World) -> None:
        result = redeem_one(world)
        (other,) = world.stock(1)
        replace(result, discloses=True)
        other.refresh_from_db()
        assert (other.status, other.disclosed_at) == ("delivered", LATER)
        assert (row(result).state, row(result).delivered_at) == ("delivered", LATER)

    def test_is_written_down(self, world: World) -> None:
        result = redeem_one(world, disclose=True)
        (other,) = world.stock(1)
        replace(result)
        kept = Replacement.objects.get()
        assert (kept.old_card_id, kept.new_card_id) == (card_of(result).pk, other.pk)
        assert (kept.old_was_disclosed, kept.reason, kept.actor, kept.at) == (
            True, "The card was empty", "system", LATER,
        )  # fmt: skip
        event = AuditEvent.objects.get(action="redemption.replaced")
        assert event.client_id == world.client.pk
        assert event.details["reason"] == "The card was empty"

    def test_may_be_done_again(self, world: World) -> None:
        result = redeem_one(world)
        world.stock(2)
        replace(result)
        replace(result)
        assert live_links(result) == [3]
        assert GiftCard.objects.filter(status="void").count() == 2
        assert world.balance() == 100_000 - 2_500

    def test_looks_where_a_redemption_looks(self, world: World) -> None:
        # The condition's own pool is empty, and no other one is asked: it was named.
        result = redeem_one(world)
        master = Pool.objects.create(
            name="Stock", brand=world.brand, denomination=world.denomination, kind="master"
        )
        world.stock(1, pool=master)
        with pytest.raises(ServiceError) as refusal:
            replace(result)
        assert refusal.value.code is ErrorCode.OUT_OF_STOCK
        Condition.objects.update(pool=None)
        replace(result)
        card = row(result).card
        assert card is not None
        assert card.pool_id == master.pk


class TestShowing:
    def test_shows_the_new_card_and_never_the_old_one(self, world: World) -> None:
        result = redeem_one(world)
        (other,) = world.stock(1)
        first = show_card(redemption_id=result.redemption_id, actor="customer", now=NOW)
        replace(result)
        second = show_card(redemption_id=result.redemption_id, actor="customer", now=LATER)
        assert first is not None
        assert second is not None
        assert first.code != second.code
        other.refresh_from_db()
        assert other.disclosed_at == LATER


class TestTheOldText:
    def test_says_nothing_of_the_new_card(self, world: World) -> None:
        result = redeem_one(world)
        Message.objects.update(state="sending")
        (other,) = world.stock(1)
        replace(result)
        # It was on its way, so it was left alone, and arrives now with a link that is dead.
        assert message_states(result) == [("reward", "sending"), ("resend", "queued")]
        tell(result, "reward")
        other.refresh_from_db()
        assert (other.status, row(result).state) == ("claimed", "issued")
        tell(result, "resend")
        other.refresh_from_db()
        assert (other.status, row(result).state) == ("delivered", "delivered")


class TestPrepaidCards:
    def test_that_stand_for_a_prepaid_one_are_not_charged_either(self, world: World) -> None:
        Condition.objects.update(pool=None)
        sell(world, master_pool(world, cards=2), 1)
        result = ask(world.invite()[0])
        assert result.charged_minor == 0
        balance = world.balance()
        replace(result)
        assert (row(result).charged_minor, row(result).transaction_id) == (0, None)
        assert world.balance() == balance
        assert row(result).platform_margin_minor == 0

    def test_that_stand_for_one_that_was_charged_take_the_charge_back(self, world: World) -> None:
        result = redeem_one(world)
        Condition.objects.update(pool=None)
        sell(world, master_pool(world, cards=1), 1)
        assert world.balance() == 100_000 - 2_500 - 2_400
        replace(result)
        # Paid once: by the sale.
        assert world.balance() == 100_000 - 2_400
        assert (row(result).charged_minor, row(result).transaction_id) == (0, None)
        assert refunds() == [2_500]


class TestCancelAfterwards:
    def test_puts_the_new_one_back_and_keeps_the_money_when_the_old_one_was_seen(
        self, world: World
    ) -> None:
        result = redeem_one(world, disclose=True)
        (other,) = world.stock(1)
        replace(result)
        ended = cancel(result)
        other.refresh_from_db()
        assert (ended.card, ended.refunded_minor, other.status) == ("returned", 0, "available")

    def test_gives_the_money_back_when_nobody_saw_either(self, world: World) -> None:
        result = redeem_one(world)
        world.stock(1)
        replace(result)
        assert cancel(result).refunded_minor == 2_500


class TestACardThatCameBack:
    def test_may_stand_in_for_another_one(self, world: World) -> None:
        first = redeem_one(world)
        (other,) = world.stock(1)
        replace(first)
        cancel(first)
        # The one that came back waits aside, so that it is not claimed at once.
        GiftCard.objects.filter(pk=other.pk).update(
            expires_on=NOW.date() - timedelta(1), expiry_bucket=1
        )
        second = redeem_one(world)
        GiftCard.objects.filter(pk=other.pk).update(expires_on=None, expiry_bucket=999912)
        replace(second)
        assert row(second).card_id == other.pk
        assert Replacement.objects.filter(new_card=other).count() == 2


class TestRefuses:
    def refused(self, world: World, code: ErrorCode, work: object) -> None:
        before = snapshot()
        with pytest.raises(ServiceError) as refusal:
            work()  # type: ignore[operator]
        assert refusal.value.code is code
        assert snapshot() == before
        assert not Replacement.objects.exists()

    def test_when_there_is_no_other_card(self, world: World) -> None:
        result = redeem_one(world)
        self.refused(world, ErrorCode.OUT_OF_STOCK, lambda: replace(result))
        assert live_links(result) == [1]
        assert message_states(result) == [("reward", "queued")]

    def test_what_has_no_card(self, world: World) -> None:
        waiting = ask(world.invite()[0])
        self.refused(world, ErrorCode.STATE_FORBIDS, lambda: replace(waiting))
        test = ask(world.invite(is_test=True)[0])
        world.stock(1)
        self.refused(world, ErrorCode.STATE_FORBIDS, lambda: replace(test))

    def test_what_was_taken_back(self, world: World) -> None:
        result = redeem_one(world)
        cancel(result)
        self.refused(world, ErrorCode.STATE_FORBIDS, lambda: replace(result))

    def test_without_a_reason(self, world: World) -> None:
        result = redeem_one(world)
        world.stock(1)
        self.refused(world, ErrorCode.INVALID_INPUT, lambda: replace(result, reason=" "))

    def test_strangers_and_those_without_the_right(self, world: World) -> None:
        result = redeem_one(world)
        world.stock(1)
        unknown = uuid4()
        self.refused(world, ErrorCode.NOT_FOUND, lambda: replace(result, redemption_id=unknown))
        stranger = build_world(name="Birch")
        key = Viewer(
            actor="key:1",
            client_ids=frozenset({stranger.client.pk}),
            scopes=frozenset({"provision"}),
        )
        self.refused(world, ErrorCode.NOT_FOUND, lambda: replace(result, viewer=key))
        admin = viewer_of_user(make_platform_admin().pk)
        with pytest.raises(ReplaceNotPermittedError):
            replace(result, viewer=admin)
        own = Viewer(
            actor="key:1", client_ids=frozenset({world.client.pk}), scopes=frozenset({"redeem"})
        )
        with pytest.raises(ReplaceNotPermittedError):
            replace(result, viewer=own)
        assert not Replacement.objects.exists()

    def test_nobody_who_may(self, world: World) -> None:
        supervisor = make_platform_admin()
        supervisor.user_permissions.add(Permission.objects.get(codename="replace_card"))
        key = Viewer(
            actor="key:1",
            client_ids=frozenset({world.client.pk}),
            scopes=frozenset({"provision"}),
        )
        for viewer in (
            viewer_of_user(supervisor.pk),
            viewer_of_user(make_user(is_superuser=True).pk),
            key,
        ):
            result = redeem_one(world)
            world.stock(1)
            replace(result, viewer=viewer)
            assert Replacement.objects.order_by("-pk")[0].actor == viewer.actor


def tell(result: object, purpose: str) -> None:
    message = Message.objects.get(purpose=purpose)
    event = MessageEvent(
        message_id=message.pk,
        client_id=message.client_id,
        purpose=purpose,
        channel="sms",
        reference_kind="redemption",
        reference_id=message.reference_id,
        outcome=Outcome.ACCEPTED,
        state="accepted",
    )
    with transaction():
        record_outcome(events=[event], now=LATER)


def test_a_slow_reader_shows_the_card_that_was_disclosed(world: World) -> None:
    """Between the mark and the opening the card is exchanged: the marked one is what is shown."""
    result = redeem_one(world)
    (other,) = world.stock(1)
    disclosed = disclose_redemption(redemption_id=result.redemption_id, actor="x", now=NOW)
    replace(result)
    assert disclosed is not None
    assert disclosed.card is not None
    assert disclosed.card.pk == card_of(result).pk
    other.refresh_from_db()
    assert other.disclosed_at is None
