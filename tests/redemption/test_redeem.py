"""What a redemption writes and returns when it succeeds, and what a repeat finds."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from alerts.codes import ErrorCode
from alerts.transactions import UnexpectedTransactionError, transaction
from credit.models import Entry, Transaction
from giftcards.models import CardEvent, GiftCard
from redemption.codes import format_code
from redemption.models import Condition, ProvisioningTrace, Redemption, RevealLink
from redemption.services.links import digest_of_token
from redemption.services.redeem import AlreadyProvisionedError, Contact, UnknownCodeError
from sms.models import Message
from tests.invariants import broken_invariants
from tests.redemption.asking import TEXT, ask, caller, refused, snapshot
from tests.redemption.taking_back import cancel
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


class TestRedeem:
    def test_gives_one_card_for_what_it_is_worth(self, world: World) -> None:
        first, second = world.stock(2)
        (code,) = world.invite()
        result = ask(code)
        card = GiftCard.objects.get(holder_id=result.redemption_id)
        assert card.pk in {first.pk, second.pk}
        assert (card.status, card.holder_kind, card.claimed_at) == ("claimed", "redemption", NOW)
        assert (card.disclosed_at, card.delivered_at) == (None, None)
        assert GiftCard.objects.filter(status="available").count() == 1

        redemption = Redemption.objects.get()
        assert redemption.pk == result.redemption_id
        assert (redemption.state, redemption.reason_code) == ("issued", "")
        assert redemption.card_id == card.pk
        assert (redemption.face_value_minor, redemption.charged_minor) == (2500, 2500)
        assert (redemption.currency, redemption.source, redemption.debits) == ("USD", "csv", 1)
        assert (redemption.created_at, redemption.issued_at) == (NOW, NOW)
        assert redemption.delivered_at is None

        assert (result.state, result.reason_code, result.source) == ("issued", "", "csv")
        assert (result.face_value_minor, result.charged_minor) == (2500, 2500)
        assert (result.currency, result.balance_minor) == ("USD", 97_500)
        assert result.recipient_id == world.recipient(code).pk
        assert (result.campaign_id, result.client_id) == (world.campaign.pk, world.client.pk)
        assert result.card is not None
        assert (result.card.card_id, result.card.last4) == (card.pk, card.last4)
        assert result.card.code_encrypted == card.code_encrypted
        assert broken_invariants() == {}

    def test_debits_the_budget_once_and_names_what_for(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        result = ask(code)
        debit = Transaction.objects.get(kind="redemption")
        assert debit.reference == f"redemption:{result.redemption_id}:1"
        assert (debit.actor, debit.created_at) == ("key:test", NOW)
        assert Redemption.objects.get().transaction_id == debit.pk
        entries = Entry.objects.filter(transaction=debit).order_by("amount_minor")
        assert [
            (
                entry.account.level,
                entry.account.purpose,
                entry.amount_minor,
                entry.balance_after_minor,
            )
            for entry in entries.select_related("account")
        ] == [("client", "credit", -2500, 97_500), ("platform", "consumed", 2500, None)]
        assert world.balance() == 97_500

    def test_promises_a_text_that_is_due_at_once_and_holds_no_code(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        result = ask(code)
        message = Message.objects.get()
        assert (message.pk, message.state) == (result.message_id, "queued")
        assert (message.next_attempt_at, message.created_at) == (NOW, NOW)
        assert (message.channel, message.to, message.purpose) == ("sms", TEXT.to, "reward")
        assert (message.reference_kind, message.reference_id) == (
            "redemption",
            result.redemption_id,
        )
        assert message.attempts_used == 0
        assert message.values == {
            "first_name": "Ana",
            "last_name": "Sample",
            "brand": world.brand.name,
            "value_minor": 2500,
            "currency": "USD",
            "company": world.client.name,
            "expires_on": None,
            "is_test": False,
        }

    @pytest.mark.parametrize(
        ("contact", "channels"),
        [(Contact(method="none"), []), (Contact(method="email", to="ana@example.org"), ["email"])],
    )
    def test_writes_where_it_was_asked_to(
        self, world: World, contact: Contact, channels: list[str]
    ) -> None:
        world.stock(1)
        result = ask(world.invite()[0], contact=contact)
        assert result.state == "issued"
        assert (result.message_id is None) is (channels == [])
        assert [message.channel for message in Message.objects.all()] == channels
        redemption = Redemption.objects.get()
        assert (redemption.contact_method, redemption.contact_to) == (contact.method, contact.to)

    def test_makes_the_link_whose_token_it_returns(self, world: World) -> None:
        world.stock(1)
        result = ask(world.invite()[0])
        link = RevealLink.objects.get()
        assert result.reveal_token is not None
        assert len(result.reveal_token) == 22
        assert bytes(link.token_digest) == digest_of_token(result.reveal_token)
        assert (link.redemption_id, link.version) == (result.redemption_id, 1)
        assert link.expires_at == NOW + timedelta(days=90)
        assert (link.bound_to, link.revoked_at) == (None, None)

    def test_leaves_the_trace_of_its_steps(self, world: World) -> None:
        world.stock(1)
        result = ask(world.invite()[0])
        traces = ProvisioningTrace.objects.order_by("pk")
        assert [(trace.step, trace.status, trace.error_code) for trace in traces] == [
            ("claim_card", "ok", ""),
            ("queue_message", "ok", ""),
            ("debit_account", "ok", ""),
        ]
        assert {trace.redemption_id for trace in traces} == {result.redemption_id}
        assert {trace.request_id for trace in traces} == {"request-1"}
        assert all(trace.milliseconds >= 0 for trace in traces)

    def test_records_who_asked_and_how(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        ask(
            code,
            caller=caller(
                door=Redemption.Door.WEB,
                actor="customer",
                ip_address="2001:db8::1",
                user_agent="x" * 400,
                browser_digest=b"b" * 32,
            ),
        )
        redemption = Redemption.objects.get()
        assert (redemption.door, redemption.actor) == ("web", "customer")
        assert (redemption.ip_address, redemption.user_agent) == ("2001:db8::1", "x" * 300)
        assert bytes(redemption.browser_digest or b"") == b"b" * 32
        event = CardEvent.objects.get()
        assert (event.from_status, event.to_status) == ("available", "claimed")
        assert event.actor == "customer"

    def test_reads_a_code_as_people_type_it(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        typed = f" {format_code(code).lower().replace('0', 'o').replace('1', 'l')} "
        assert ask(typed).recipient_id == world.recipient(code).pk

    def test_finds_the_recipient_by_id_as_well(self, world: World) -> None:
        world.stock(1)
        recipient = world.recipient(world.invite()[0])
        assert ask(None, recipient_id=recipient.pk).recipient_id == recipient.pk

    def test_keeps_the_cost_of_the_card_as_it_was(self, world: World) -> None:
        world.pool.cost_per_card_minor = 2300
        world.pool.save()
        world.stock(1)
        ask(world.invite()[0])
        assert Redemption.objects.get().cost_minor == 2300

    def test_is_no_part_of_a_transaction(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        with transaction(), pytest.raises(UnexpectedTransactionError):
            ask(code)
        assert Redemption.objects.count() == 0


class TestDisclose:
    def test_marks_the_card_as_seen_in_the_same_transaction(self, world: World) -> None:
        world.stock(1)
        result = ask(world.invite()[0], disclose=True)
        card = GiftCard.objects.get()
        assert (card.status, card.disclosed_at, card.delivered_at) == ("delivered", NOW, NOW)
        redemption = Redemption.objects.get()
        assert (redemption.state, redemption.delivered_at) == ("delivered", NOW)
        assert result.card is not None
        events = CardEvent.objects.order_by("pk").values_list("from_status", "to_status")
        assert list(events) == [("available", "claimed"), ("claimed", "delivered")]

    def test_keeps_a_card_in_stock_whose_charge_is_refused(self) -> None:
        world = build_world(credit_minor=2499)
        world.stock(1)
        (code,) = world.invite()
        with refused(ErrorCode.INSUFFICIENT_CREDIT):
            ask(code, disclose=True)
        assert GiftCard.objects.get().disclosed_at is None


class TestRepeat:
    def test_gives_no_second_card_and_names_the_first(self, world: World) -> None:
        world.stock(2)
        (code,) = world.invite()
        first = ask(code)
        with refused(ErrorCode.ALREADY_REDEEMED) as refusal:
            ask(code, contact=Contact(method="sms", to="+12025550199"))
        assert isinstance(refusal.value, AlreadyProvisionedError)
        assert refusal.value.redemption_id == first.redemption_id
        assert refusal.value.state == "issued"

    def test_of_a_cancelled_one_is_refused_too(self, world: World) -> None:
        world.stock(2)
        (code,) = world.invite()
        cancel(ask(code))
        with refused(ErrorCode.ALREADY_REDEEMED) as refusal:
            ask(code)
        assert isinstance(refusal.value, AlreadyProvisionedError)
        assert refusal.value.state == "cancelled"

    def test_of_a_failed_one_is_a_new_one(self, world: World) -> None:
        (code,) = world.invite()
        first = ask(code)
        Redemption.objects.update(state="failed")
        world.stock(1)
        second = ask(code)
        assert second.redemption_id != first.redemption_id
        assert second.state == "issued"
        debit = Transaction.objects.get(kind="redemption")
        assert debit.reference == f"redemption:{second.redemption_id}:1"
        assert broken_invariants() == {}

    def test_for_another_condition_is_another_reward(self, world: World) -> None:
        world.stock(2)
        Condition.objects.create(
            campaign=world.campaign,
            number=2,
            name="Came again",
            brand=world.brand,
            card_value_minor=2500,
            pool=world.pool,
        )
        (code,) = world.invite()
        first, second = (ask(code, condition_number=number) for number in (1, 2))
        assert first.redemption_id != second.redemption_id
        assert first.card != second.card
        assert world.balance() == 95_000


class TestTestCode:
    def test_walks_the_whole_way_without_card_and_money(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite(is_test=True)
        before = snapshot()
        result = ask(code, disclose=True)
        assert (result.state, result.is_test, result.card) == ("issued", True, None)
        assert (result.charged_minor, result.balance_minor) == (0, None)
        assert result.reveal_token is not None
        redemption = Redemption.objects.get()
        assert (redemption.card_id, redemption.transaction_id) == (None, None)
        assert redemption.is_test
        message = Message.objects.get()
        assert message.values["is_test"] is True
        for unchanged in ("cards", "transactions", "balances"):
            assert snapshot()[unchanged] == before[unchanged]

    def test_needs_neither_stock_nor_account(self, world: World) -> None:
        world.campaign.account = None
        world.campaign.save()
        assert ask(world.invite(is_test=True)[0]).state == "issued"


class TestScope:
    @pytest.mark.parametrize("kind", ["client", "agency"])
    def test_of_a_stranger_knows_no_such_code(self, world: World, kind: str) -> None:
        world.stock(1)
        (code,) = world.invite()
        stranger = build_world(name="Birch")
        scope_id = stranger.client.pk if kind == "client" else stranger.agency.pk
        before, traces = snapshot(), ProvisioningTrace.objects.count()
        with pytest.raises(UnknownCodeError):
            ask(code, caller=caller(scope_kind=kind, scope_id=scope_id))
        assert snapshot() == before
        assert ProvisioningTrace.objects.count() == traces

    @pytest.mark.parametrize("kind", ["client", "agency", "platform"])
    def test_of_its_own_finds_it(self, world: World, kind: str) -> None:
        world.stock(1)
        own: dict[str, UUID | None] = {
            "client": world.client.pk,
            "agency": world.agency.pk,
            "platform": None,
        }
        (code,) = world.invite()
        result = ask(code, caller=caller(scope_kind=kind, scope_id=own[kind]))
        assert result.state == "issued"

    def test_without_a_name_finds_nothing(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        with pytest.raises(UnknownCodeError):
            ask(code, caller=caller(scope_kind="client", scope_id=None))

    @pytest.mark.parametrize("code", ["", "0", "not a code", "A" * 5000, "ñ", None])
    def test_holds_no_such_code(self, world: World, code: str | None) -> None:
        with pytest.raises(UnknownCodeError):
            ask(code, recipient_id=None if code is not None else uuid4())
        assert Redemption.objects.count() == 0
