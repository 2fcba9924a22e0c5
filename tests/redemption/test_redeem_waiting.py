"""What only waits: kept without card or money, and served once what it waits for is there."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from alerts.codes import ErrorCode
from alerts.transactions import transaction
from credit.models import Transaction
from giftcards.models import GiftCard
from redemption.models import PendingReward, ProvisioningTrace, Recipient, Redemption, RevealLink
from redemption.services.links import digest_of_token
from redemption.services.redeem import AlreadyProvisionedError, Contact, RedeemResult
from redemption.services.texts import render_reward
from sms.merge import count_segments
from sms.models import Message, OptIn
from sms.services.parties import Draft, RenderedText, Rendering, Unsendable
from tests.invariants import broken_invariants
from tests.redemption.asking import TEXT, ask, refused, snapshot
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

LATER = NOW + timedelta(hours=1)
NOWHERE = Contact(method="none")
ELSEWHERE = Contact(method="sms", to="+12025550177")


@pytest.fixture
def world() -> World:
    return build_world()


def resume(code: str) -> RedeemResult:
    """Go on with what waits, as the job does that knows no contact."""
    return ask(code, contact=NOWHERE, resume=True, now=LATER)


def opt_in(world: World, phone: str, state: str = OptIn.State.GRANTED) -> None:
    OptIn.objects.update_or_create(
        client=world.client, phone=phone, defaults={"state": state, "actor": "recipient"}
    )


def assert_nothing_taken(world: World) -> None:
    assert not GiftCard.objects.exclude(status="available").exists()
    assert Transaction.objects.filter(kind="redemption").count() == 0
    assert not Message.objects.exclude(purpose__in=["delay_notice", "opt_in"]).exists()
    assert world.balance() == 100_000
    assert broken_invariants() == {}


class TestForStock:
    def test_keeps_the_redemption_with_its_place_and_promise(self, world: World) -> None:
        result = ask(world.invite()[0])
        assert (result.state, result.reason_code) == ("waiting_stock", "GC-003")
        assert (result.card, result.reveal_token, result.message_id) == (None, None, None)
        assert (result.charged_minor, result.balance_minor, result.issued_at) == (None, None, None)
        redemption = Redemption.objects.get()
        assert (redemption.state, redemption.reason_code) == ("waiting_stock", "GC-003")
        assert (redemption.face_value_minor, redemption.charged_minor) == (2500, None)
        pending = PendingReward.objects.get()
        assert (pending.redemption_id, pending.reason_code) == (result.redemption_id, "GC-003")
        assert pending.call_back_by == NOW + timedelta(minutes=30)
        assert pending.promised_by == NOW + timedelta(hours=24)
        assert pending.served_at is None
        steps = ProvisioningTrace.objects.order_by("pk").values_list("step", "status", "error_code")
        assert list(steps) == [("claim_card", "empty", "GC-003")]
        assert_nothing_taken(world)

    def test_is_the_same_when_asked_again(self, world: World) -> None:
        (code,) = world.invite()
        first = ask(code)
        before = snapshot()
        again = ask(code, now=LATER)
        assert again.redemption_id == first.redemption_id
        assert (again.state, again.created_at) == ("waiting_stock", NOW)
        assert snapshot() == before

    def test_does_not_jump_the_queue_when_asked_again(self, world: World) -> None:
        first, second = world.invite(2)
        ask(first)
        ask(second)
        world.stock(1)
        assert ask(second).state == "waiting_stock"
        assert_nothing_taken(world)
        assert resume(first).state == "issued"


class TestDelayNotice:
    def test_is_promised_once_to_where_the_reward_was_asked_for(self, world: World) -> None:
        (code,) = world.invite()
        result = ask(code)
        ask(code, contact=ELSEWHERE, now=LATER)
        resume(code)
        notice = Message.objects.get()
        assert (notice.purpose, notice.channel, notice.to) == ("delay_notice", "sms", TEXT.to)
        assert (notice.state, notice.next_attempt_at) == ("queued", NOW)
        assert (notice.reference_kind, notice.reference_id) == ("redemption", result.redemption_id)
        assert (notice.client_id, notice.locale) == (world.client.pk, "en")
        assert notice.values == {
            "first_name": "Ana",
            "last_name": "Sample",
            "brand": "Acorn Shop",
            "value_minor": 2500,
            "currency": "USD",
            "company": "Acorn Ltd",
            "expires_on": None,
            "is_test": False,
        }

    def test_is_for_nobody_who_asked_for_no_message(self, world: World) -> None:
        assert ask(world.invite()[0], contact=NOWHERE).state == "waiting_stock"
        assert not Message.objects.exists()

    def test_is_for_no_test_code(self, world: World) -> None:
        assert ask(world.invite(is_test=True)[0]).state == "issued"
        assert [message.purpose for message in Message.objects.all()] == ["reward"]

    def test_is_for_nobody_who_was_refused(self, world: World) -> None:
        world.campaign.queue_when_empty = False
        world.campaign.save()
        with refused(ErrorCode.OUT_OF_STOCK):
            ask(world.invite()[0])

    def test_is_for_nobody_who_waits_for_a_decision(self, world: World) -> None:
        world.campaign.approval_required = True
        world.campaign.save()
        assert ask(world.invite()[0]).state == "waiting_approval"
        assert not Message.objects.exists()

    def test_is_not_sent_any_more_once_the_reward_is_there(self, world: World) -> None:
        (code,) = world.invite()
        ask(code)
        world.stock(1)
        resume(code)
        notice = Message.objects.get(purpose="delay_notice")
        assert isinstance(written(notice), Unsendable)

    @pytest.mark.parametrize(
        ("locale", "words"),
        [
            ("en", "Acorn Ltd: your Acorn Shop gift card takes a little longer: 48 hours at most."),
            (
                "es",
                "Acorn Ltd: su tarjeta Acorn Shop tarda un poco. Le llega en menos de 48 horas.",
            ),
        ],
    )
    def test_says_what_the_settings_promise(
        self, world: World, settings: Settings, locale: str, words: str
    ) -> None:
        settings.REWARD_WITHIN = 48 * 3600.0
        settings.CALL_BACK_WITHIN = 3600.0
        world.campaign.locale = locale
        world.campaign.save()
        ask(world.invite()[0])
        pending = PendingReward.objects.get()
        assert pending.call_back_by == NOW + timedelta(hours=1)
        assert pending.promised_by == NOW + timedelta(hours=48)
        text = written(Message.objects.get())
        assert isinstance(text, RenderedText)
        assert text.body.splitlines()[0] == words
        assert count_segments(text.body).segments == 1


def written(message: Message) -> Rendering:
    """Return the words of a message, as the sender has them written."""
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
    return render_reward(drafts=[draft], now=LATER)[message.pk]


class TestForApproval:
    def test_takes_nothing_until_it_is_given(self, world: World) -> None:
        world.stock(1)
        world.campaign.approval_required = True
        world.campaign.save()
        (code,) = world.invite()
        result = ask(code)
        assert (result.state, result.reason_code) == ("waiting_approval", "GC-103")
        assert PendingReward.objects.count() == 0
        assert_nothing_taken(world)
        Recipient.objects.update(approval=Recipient.Approval.APPROVED)
        served = ask(code, now=LATER)
        assert (served.state, served.redemption_id) == ("issued", result.redemption_id)
        assert Redemption.objects.get().reason_code == ""
        assert broken_invariants() == {}

    def test_is_for_who_is_marked_in_any_campaign(self, world: World) -> None:
        (code,) = world.invite()
        Recipient.objects.update(approval=Recipient.Approval.PENDING)
        assert ask(code).state == "waiting_approval"

    def test_comes_before_opt_in_and_stock(self, world: World) -> None:
        world.campaign.approval_required = world.campaign.opt_in_required = True
        world.campaign.save()
        (code,) = world.invite()
        assert ask(code).state == "waiting_approval"
        Recipient.objects.update(approval=Recipient.Approval.APPROVED)
        assert resume(code).state == "waiting_opt_in"
        opt_in(world, TEXT.to)
        assert resume(code).state == "waiting_stock"
        world.stock(1)
        assert resume(code).state == "issued"
        assert Redemption.objects.count() == 1

    def test_that_is_taken_back_leaves_nobody_in_the_queue_for_stock(self, world: World) -> None:
        (code,) = world.invite()
        ask(code)
        Recipient.objects.update(approval=Recipient.Approval.PENDING)
        assert ask(code).state == "waiting_approval"
        world.stock(1)
        Recipient.objects.update(approval=Recipient.Approval.APPROVED)
        assert resume(code).state == "issued"
        assert PendingReward.objects.get().served_at == LATER


class TestForOptIn:
    @pytest.fixture(autouse=True)
    def asks_for_it(self, world: World) -> None:
        world.stock(1)
        world.campaign.opt_in_required = True
        world.campaign.save()

    @pytest.mark.parametrize(
        "state", [None, OptIn.State.NONE, OptIn.State.REQUESTED, OptIn.State.REVOKED]
    )
    def test_takes_nothing_until_it_is_granted(self, world: World, state: str | None) -> None:
        if state is not None:
            opt_in(world, TEXT.to, state)
        (code,) = world.invite()
        result = ask(code)
        assert (result.state, result.reason_code) == ("waiting_opt_in", "GC-009")
        assert_nothing_taken(world)
        opt_in(world, TEXT.to)
        assert ask(code).redemption_id == result.redemption_id
        assert Redemption.objects.get().state == "issued"

    def test_is_given_to_one_client_alone(self, world: World) -> None:
        stranger = build_world(name="Birch")
        opt_in(stranger, TEXT.to)
        assert ask(world.invite()[0]).state == "waiting_opt_in"

    @pytest.mark.parametrize("contact", [NOWHERE, Contact(method="email", to="a@example.org")])
    def test_is_not_needed_where_no_text_is_sent(self, world: World, contact: Contact) -> None:
        assert ask(world.invite()[0], contact=contact).state == "issued"

    def test_goes_by_the_number_that_was_corrected_last(self, world: World) -> None:
        (code,) = world.invite()
        first = ask(code)
        assert ask(code, contact=ELSEWHERE).redemption_id == first.redemption_id
        assert Redemption.objects.get().contact_to == ELSEWHERE.to
        opt_in(world, ELSEWHERE.to)
        assert resume(code).state == "issued"
        assert Message.objects.get(purpose="reward").to == ELSEWHERE.to


class TestResume:
    def test_serves_with_the_contact_it_was_asked_with(self, world: World) -> None:
        (code,) = world.invite()
        waiting = ask(code)
        (card,) = world.stock(1)
        served = resume(code)
        assert (served.redemption_id, served.state) == (waiting.redemption_id, "issued")
        assert served.card is not None
        assert served.card.card_id == card.pk
        redemption = Redemption.objects.get()
        assert (redemption.state, redemption.reason_code) == ("issued", "")
        assert (redemption.created_at, redemption.issued_at) == (NOW, LATER)
        assert (redemption.contact_to, redemption.debits) == (TEXT.to, 1)
        message = Message.objects.get(purpose="reward")
        assert (message.to, message.reference_id) == (TEXT.to, waiting.redemption_id)
        assert message.next_attempt_at == LATER
        debit = Transaction.objects.get(kind="redemption")
        assert debit.reference == f"redemption:{waiting.redemption_id}:1"
        assert PendingReward.objects.get().served_at == LATER
        assert broken_invariants() == {}

    def test_gives_a_link_that_opens_and_lasts_from_then_on(self, world: World) -> None:
        (code,) = world.invite()
        ask(code)
        world.stock(1)
        served = resume(code)
        link = RevealLink.objects.get()
        assert served.reveal_token is not None
        assert bytes(link.token_digest) == digest_of_token(served.reveal_token)
        assert link.expires_at == LATER + timedelta(days=90)

    def test_waits_on_where_there_is_still_nothing(self, world: World) -> None:
        (code,) = world.invite()
        ask(code)
        before = snapshot()
        assert resume(code).state == "waiting_stock"
        assert snapshot() == before

    def test_keeps_waiting_who_can_not_be_paid(self, world: World) -> None:
        (code,) = world.invite()
        ask(code)
        world.stock(1)
        with transaction():
            world.account.status = "paused"
            world.account.save(update_fields=["status"])
        with refused(ErrorCode.INSUFFICIENT_CREDIT):
            resume(code)
        assert Redemption.objects.get().state == "waiting_stock"

    def test_serves_nobody_twice(self, world: World) -> None:
        (code,) = world.invite()
        ask(code)
        world.stock(2)
        resume(code)
        with refused(ErrorCode.ALREADY_REDEEMED) as refusal:
            resume(code)
        assert isinstance(refusal.value, AlreadyProvisionedError)

    def test_begins_nothing_that_nobody_asked_for(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        with refused(ErrorCode.STATE_FORBIDS):
            resume(code)

    def test_leaves_alone_what_has_failed_meanwhile(self, world: World) -> None:
        (code,) = world.invite()
        ask(code)
        world.stock(1)
        Redemption.objects.update(state=Redemption.State.FAILED)
        with refused(ErrorCode.STATE_FORBIDS):
            resume(code)

    def test_forgets_no_address_because_somebody_asked_without_one(self, world: World) -> None:
        (code,) = world.invite()
        ask(code)
        ask(code, contact=NOWHERE)
        world.stock(1)
        resume(code)
        assert Message.objects.get(purpose="reward").to == TEXT.to
