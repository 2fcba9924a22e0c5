"""Cancelling by hand: what goes back, what is spent, and who may."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.transactions import transaction
from credit.models import AuditEvent, Membership
from credit.selectors.viewers import Viewer, viewer_of_user
from credit.services.settlements import refund_debit
from giftcards.models import GiftCard, Pool, ProviderOrder
from giftcards.services.revealing import reveal_card
from redemption.models import (
    Campaign,
    DeskTask,
    PendingReward,
    ProvisioningTrace,
    Redemption,
)
from redemption.services.cancelling import RedemptionNotFoundError, RedemptionStateError
from redemption.services.disclosure import disclose_redemption
from redemption.services.redeem import AlreadyProvisionedError
from redemption.services.showing import LinkUnknownError, open_link
from redemption.services.stuck import CleanUp
from sms.models import Message
from tests.invariants import broken_invariants
from tests.redemption.asking import ask, snapshot
from tests.redemption.taking_back import (
    LATER,
    WHY,
    cancel,
    card_of,
    clean_up,
    history,
    live_links,
    message_states,
    redeem_one,
    refunds,
    row,
)
from tests.redemption.undelivered import fail
from tests.staff import make_agency_manager, make_platform_admin, make_user
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    assert broken_invariants() == {}


def refused(code: ErrorCode, work: Any) -> ServiceError:
    """Expect a refusal that changes nothing."""
    before = snapshot()
    with pytest.raises(ServiceError) as refusal:
        work()
    assert refusal.value.code is code
    assert snapshot() == before
    assert not AuditEvent.objects.filter(action="redemption.cancelled").exists()
    return refusal.value


class TestOfACardNobodySaw:
    def test_puts_it_back_and_gives_the_money_back(self, world: World) -> None:
        result = redeem_one(world)
        ended = cancel(result)
        assert (ended.card, ended.refunded_minor, ended.state) == ("returned", 2_500, "cancelled")
        card = card_of(result)
        assert (card.status, card.holder_id, card.claimed_at) == ("available", None, None)
        assert card.pool_id == world.pool.pk
        assert world.balance() == 100_000
        redemption = row(result)
        assert (redemption.state, redemption.card_id) == ("cancelled", None)
        assert (redemption.cancelled_at, redemption.failed_at) == (LATER, None)
        # A refund is a movement of its own: what it was charged stays written.
        assert redemption.charged_minor == 2_500
        assert refunds() == [2_500]

    def test_sends_nothing_more_and_kills_the_link(self, world: World) -> None:
        result = redeem_one(world)
        assert live_links(result) == [1]
        cancel(result)
        assert message_states(result) == [("reward", "cancelled")]
        assert Message.objects.get().next_attempt_at is None
        assert live_links(result) == []
        assert result.reveal_token is not None
        with pytest.raises(LinkUnknownError):
            open_link(token=result.reveal_token, browser_digest=b"x" * 32, now=LATER)

    def test_is_written_down_everywhere(self, world: World) -> None:
        result = redeem_one(world)
        cancel(result)
        assert history(card_of(result))[-1] == (
            "claimed", "available", "system", f"Cancelled: {WHY}",
        )  # fmt: skip
        event = AuditEvent.objects.get(action="redemption.cancelled")
        assert (event.actor, event.object_id) == ("system", str(result.redemption_id))
        assert event.client_id == world.client.pk
        assert event.details == {
            "before": {"state": "issued"},
            "after": {
                "state": "cancelled",
                "card": "returned",
                "refunded_minor": 2_500,
                "currency": "USD",
            },
            "reason": WHY,
        }
        trace = ProvisioningTrace.objects.get(step="take_back")
        assert (trace.status, trace.redemption_id) == ("cancelled", result.redemption_id)

    def test_lets_the_next_one_have_it(self, world: World) -> None:
        cancel(redeem_one(world))
        assert ask(world.invite()[0]).state == "issued"

    def test_opens_a_campaign_that_was_out_of_credit(self) -> None:
        world = build_world(credit_minor=2_500)
        result = redeem_one(world)
        assert Campaign.objects.get().status == "depleted"
        cancel(result)
        assert Campaign.objects.get().status == "active"

    def test_that_was_bought_by_its_client_goes_back_into_its_pool(self, world: World) -> None:
        world.stock(1)
        GiftCard.objects.update(source="api")
        type(world.pool).objects.update(purchase_method="api_only")
        result = ask(world.invite()[0])
        cancel(result)
        card = card_of(result)
        assert (card.status, card.pool_id, card.source) == ("available", world.pool.pk, "api")
        assert ask(world.invite()[0]).state == "issued"

    def test_leaves_nothing_to_do_about_its_delivery(self, world: World) -> None:
        result = redeem_one(world)
        fail(result.message_id)
        cancel(result)
        assert DeskTask.objects.get().outcome == "settled"
        # Nor does a word that comes later.
        fail(result.message_id)
        assert DeskTask.objects.filter(done_at=None).count() == 0


class TestOfACardSomebodyMayHaveSeen:
    def test_voids_it_and_leaves_the_money_spent(self, world: World) -> None:
        result = redeem_one(world, disclose=True)
        ended = cancel(result)
        assert (ended.card, ended.refunded_minor) == ("void", 0)
        card = card_of(result)
        assert card.status == "void"
        # As history: whose it was.
        assert card.holder_id == result.redemption_id
        assert row(result).card_id == card.pk
        assert world.balance() == 100_000 - 2_500
        assert refunds() == []

    def test_counts_a_look_by_staff(self, world: World) -> None:
        result = redeem_one(world)
        boss = make_user(is_superuser=True)
        reveal_card(
            card_id=card_of(result).pk, user=boss, address="::1", reason="On the phone", now=NOW
        )
        assert card_of(result).status == "claimed"
        assert (cancel(result).card, refunds()) == ("void", [])

    def test_can_not_be_shown_any_more(self, world: World) -> None:
        result = redeem_one(world, disclose=True)
        cancel(result)
        shown = disclose_redemption(redemption_id=result.redemption_id, actor="x", now=LATER)
        assert shown is None


class TestOfACardWhoseLinkIsOutOfOurHands:
    def test_voids_it_and_gives_the_money_back(self, world: World) -> None:
        # A delivered card has no way back to stock, though nobody can open its link any more.
        result = redeem_one(world)
        GiftCard.objects.update(status="delivered", delivered_at=NOW)
        Redemption.objects.update(state="delivered", delivered_at=NOW)
        Message.objects.update(state="accepted", accepted_at=NOW)
        ended = cancel(result)
        assert (ended.card, ended.refunded_minor) == ("void", 2_500)
        assert world.balance() == 100_000
        assert message_states(result) == [("reward", "accepted")]
        assert live_links(result) == []


class TestOfWhatWaits:
    def test_just_ends_it(self, world: World) -> None:
        result = ask(world.invite()[0])
        assert result.state == "waiting_stock"
        ended = cancel(result)
        assert (ended.card, ended.refunded_minor) == ("none", 0)
        assert row(result).state == "cancelled"
        assert PendingReward.objects.count() == 0
        assert world.balance() == 100_000

    def test_hands_its_place_to_nobody_who_is_not_there(self, world: World) -> None:
        from redemption.services.serving import serve_waiting

        cancel(ask(world.invite()[0]))
        world.stock(1)
        assert serve_waiting(now=LATER, limit=10).served == 0
        assert GiftCard.objects.filter(status="available").count() == 1

    def test_ends_a_test_that_cost_nothing(self, world: World) -> None:
        (code,) = world.invite(is_test=True)
        result = ask(code)
        assert (cancel(result).card, row(result).state) == ("none", "cancelled")


class TestCode:
    def test_stays_used(self, world: World) -> None:
        world.stock(2)
        (code,) = world.invite()
        result = ask(code)
        cancel(result)
        with pytest.raises(AlreadyProvisionedError) as refusal:
            ask(code)
        assert str(refusal.value.redemption_id) == str(result.redemption_id)


class TestRefuses:
    def test_a_second_time(self, world: World) -> None:
        result = redeem_one(world)
        cancel(result)
        before = snapshot()
        with pytest.raises(RedemptionStateError) as refusal:
            cancel(result)
        assert refusal.value.state == "cancelled"
        assert snapshot() == before

    @pytest.mark.parametrize("state", ["provisioning", "unconfirmed"])
    def test_while_a_provider_is_being_asked(
        self, world: World, tillo_settings: object, state: str
    ) -> None:
        world.brand.provider_slug = "amazon-us"
        world.brand.save()
        Pool.objects.update(purchase_method="api_only", api_provider="tillo")
        result = ask(world.invite()[0])
        assert result.state == "provisioning"
        if state == "unconfirmed":
            with transaction():
                ProviderOrder.objects.update(state="unknown", next_attempt_at=None)
                Redemption.objects.update(state="unconfirmed")
        error = refused(ErrorCode.STATE_FORBIDS, lambda: cancel(result))
        assert isinstance(error, RedemptionStateError)
        assert error.state == state
        assert clean_up() == CleanUp()
        assert row(result).state == state

    @pytest.mark.parametrize("reason", ["", "  \n ", "x" * 501])
    def test_without_a_reason_that_can_be_kept(self, world: World, reason: str) -> None:
        result = redeem_one(world)
        error = refused(ErrorCode.INVALID_INPUT, lambda: cancel(result, reason=reason))
        assert set(error.errors) == {"reason"}

    def test_a_reason_with_the_code_in_it(self, world: World) -> None:
        result = redeem_one(world)
        from giftcards.services.secrets import open_field

        code = open_field(card_of(result).code_encrypted, field="code")
        refused(ErrorCode.INVALID_INPUT, lambda: cancel(result, reason=f"{code.lower()} is empty"))

    def test_one_that_is_not_there(self, world: World) -> None:
        result = redeem_one(world)
        refused(ErrorCode.NOT_FOUND, lambda: cancel(result, redemption_id=uuid4()))

    def test_strangers(self, world: World) -> None:
        result = redeem_one(world)
        stranger = build_world(name="Birch")
        agent = make_user()
        Membership.objects.create(user=agent, role="agent", client=world.client)
        for viewer in (
            Viewer(
                actor="key:1",
                client_ids=frozenset({stranger.client.pk}),
                scopes=frozenset({"redeem"}),
            ),
            viewer_of_user(make_agency_manager(stranger.agency).pk),
            viewer_of_user(agent.pk),
            viewer_of_user(make_user().pk),
        ):
            with pytest.raises(RedemptionNotFoundError):
                cancel(result, viewer=viewer)
        assert row(result).state == "issued"

    def test_nobody_who_may(self, world: World) -> None:
        for user in (make_platform_admin(), make_agency_manager(world.agency)):
            result = redeem_one(world)
            cancel(result, viewer=viewer_of_user(user.pk))
            assert row(result).state == "cancelled"
            event = AuditEvent.objects.get(object_id=str(result.redemption_id))
            assert event.actor == f"user:{user.pk}"


class TestMoney:
    def test_goes_back_to_the_one_who_paid(self, world: World) -> None:
        # A capture of what was held, as of a card that was bought on the spot, is given back too;
        # here the charge of an agency's account.
        agency_account = world.account.parent
        assert agency_account is not None
        Campaign.objects.update(account=agency_account, billing_entity="agency")
        from tests.redemption.visiting import put

        put(agency_account, 10_000)
        cancel(redeem_one(world))
        agency_account.refresh_from_db()
        assert (agency_account.balance_minor, world.balance()) == (10_000, 100_000)

    def test_is_not_given_twice_when_somebody_has_corrected_it_by_hand(self, world: World) -> None:
        result = redeem_one(world)
        paid_by = row(result).transaction_id
        assert paid_by is not None
        with transaction():
            refund_debit(transaction_id=paid_by, actor="user:1", note="By hand", now=NOW)
        assert world.balance() == 100_000
        ended = cancel(result)
        assert (ended.card, ended.refunded_minor) == ("returned", 0)
        assert world.balance() == 100_000

    def test_of_a_paused_account_comes_back_too(self, world: World) -> None:
        result = redeem_one(world)
        type(world.account).objects.filter(pk=world.account.pk).update(status="paused")
        cancel(result)
        assert world.balance() == 100_000
