"""Whatever happens in whatever order: money and cards are where a simple model says they are.

The model is a few integers and lists. Every step is taken in both worlds, and must come out the
same: the same answer, the same balances, the same cards left.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from alerts.errors import ServiceError
from alerts.transactions import transaction
from credit.models import Account, Entry
from credit.services.accounts import open_campaign_account
from credit.services.ledger import allocate
from giftcards.models import GiftCard
from redemption.models import Campaign, Redemption
from redemption.services.budgets import review_account
from redemption.services.redeem import AlreadyProvisionedError, Contact
from redemption.services.serving import serve_waiting
from sms.models import Message
from tests.database import empty_tables
from tests.invariants import broken_invariants
from tests.redemption.asking import ask
from tests.world import NOW, build_world

PRICE = 2500
NOBODY = Contact(method="none")
# Around the price, so that accounts are often short by a cent.
AMOUNTS = st.one_of(
    st.integers(1, 3 * PRICE), st.sampled_from([PRICE - 1, PRICE, PRICE + 1, 2 * PRICE, 0, -1])
)


class House(RuleBasedStateMachine):
    """One agency, one client, one campaign with a budget of its own beside the client's."""

    def __init__(self) -> None:
        super().__init__()
        empty_tables()  # the queue that is served is everybody's, also an earlier example's
        self.world = build_world(credit_minor=0)
        assert self.world.account.parent is not None
        with transaction():
            own = open_campaign_account(client=self.world.client, name="Own", currency="USD")
        Campaign.objects.filter(pk=self.world.campaign.pk).update(own_account=own)
        self.accounts: list[Account] = [
            self.world.platform_account,
            self.world.account.parent,
            self.world.account,
            own,
        ]
        self.balances = [0, 0, 0]  # agency, client, the campaign's own
        self.issued_minor = 0
        self.stock = 0
        self.queues = True
        self.is_depleted = False
        self.fresh: list[str] = []
        self.waiting: list[str] = []
        self.served: list[str] = []
        self.ids: dict[str, UUID] = {}
        self.texts = 0
        self.notices = 0  # that it takes longer

    @initialize(chargeable=st.integers(0, 4), own=st.integers(0, 2), cards=st.integers(0, 4))
    def begin(self, chargeable: int, own: int, cards: int) -> None:
        """Begin with some money, cards and people, so that the few steps lead somewhere."""
        for level, amount in ((0, 9), (1, chargeable), (2, min(own, chargeable))):
            if amount:
                self.allocate_credit(level, amount * PRICE)
        self.world.stock(cards)
        self.stock = cards
        self.fresh += self.world.invite(4)

    # --- What can happen -----------------------------------------------------------------------

    @rule(level=st.integers(0, 2), amount_minor=AMOUNTS)
    def allocate(self, level: int, amount_minor: int) -> None:
        self.allocate_credit(level, amount_minor)

    def allocate_credit(self, level: int, amount_minor: int) -> None:
        payer, payee = self.accounts[level], self.accounts[level + 1]
        short = level > 0 and self.balances[level - 1] < amount_minor
        answer = self._allocate(payer, payee, amount_minor)
        if amount_minor <= 0:
            assert answer == "GC-012"
        elif short:
            assert answer == "GC-006"
        else:
            assert answer == "done"
            self._move(level, amount_minor)

    def _allocate(self, payer: Account, payee: Account, amount_minor: int) -> str:
        try:
            with transaction():
                allocate(
                    from_account=payer,
                    to_account=payee,
                    amount_minor=amount_minor,
                    actor="system",
                    key=str(uuid4()),
                    now=NOW,
                )
        except ServiceError as refusal:
            return refusal.code.code
        for account in (payer, payee):
            review_account(account_id=account.pk, now=NOW)
        return "done"

    def _move(self, level: int, amount_minor: int) -> None:
        self.balances[level] += amount_minor
        if level:
            self.balances[level - 1] -= amount_minor
            self._review()
        else:
            self.issued_minor += amount_minor

    @rule(count=st.integers(1, 3))
    def add_cards(self, count: int) -> None:
        self.world.stock(count)
        self.stock += count

    @rule()
    def add_expired_card(self) -> None:
        self.world.stock(1, expires_on=NOW.date() - timedelta(days=1))

    @rule(count=st.integers(1, 3))
    def invite(self, count: int) -> None:
        self.fresh += self.world.invite(count)

    @rule()
    def switch_the_queue(self) -> None:
        self.queues = not self.queues
        Campaign.objects.filter(pk=self.world.campaign.pk).update(queue_when_empty=self.queues)

    @precondition(lambda self: self.fresh)
    @rule(data=st.data(), with_text=st.booleans(), disclose=st.booleans())
    def redeem(self, data: st.DataObject, with_text: bool, disclose: bool) -> None:
        code = data.draw(st.sampled_from(self.fresh))
        contact = Contact(method="sms", to="+12025550123") if with_text else NOBODY
        expected = self._expect()
        if expected == "waiting_stock" and not self.queues:
            expected = "GC-003"
        answer = self._ask(code, contact=contact, disclose=disclose)
        assert answer == expected
        if answer == "GC-006":
            self._review()
        elif answer == "issued":
            self.fresh.remove(code)
            self._serve(code, with_text=with_text)
        elif answer == "waiting_stock":
            self.fresh.remove(code)
            self.waiting.append(code)
            self.notices += with_text

    def _ask(self, code: str, *, contact: Contact, disclose: bool) -> str:
        try:
            result = ask(code, contact=contact, disclose=disclose)
        except ServiceError as refusal:
            return refusal.code.code
        self.ids[code] = result.redemption_id
        return result.state

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        code = data.draw(st.sampled_from(self.waiting))
        result = ask(code, contact=NOBODY)
        assert (result.state, result.redemption_id) == ("waiting_stock", self.ids[code])

    @precondition(lambda self: self.served)
    @rule(data=st.data(), resume=st.booleans())
    def redeem_again(self, data: st.DataObject, resume: bool) -> None:
        code = data.draw(st.sampled_from(self.served))
        with pytest.raises(AlreadyProvisionedError) as refusal:
            ask(code, resume=resume)
        assert refusal.value.redemption_id == self.ids[code]

    @rule()
    def serve_the_queue(self) -> None:
        served = 0
        while self.waiting and self._expect() == "issued":
            code = self.waiting.pop(0)
            method = Redemption.objects.values_list("contact_method", flat=True)
            self._serve(code, with_text=method.get(pk=self.ids[code]) != "none")
            served += 1
        if self.waiting and self.stock:
            self._review()  # the next one found too little
        assert serve_waiting(now=NOW, limit=100).served == served

    # --- What the model knows ------------------------------------------------------------------

    def _expect(self) -> str:
        if self.is_depleted:
            return "GC-006"
        if self.stock == 0:
            return "waiting_stock"
        return "issued" if max(self.balances[1:]) >= PRICE else "GC-006"

    def _review(self) -> None:
        self.is_depleted = max(self.balances[1:]) < PRICE

    def _serve(self, code: str, *, with_text: bool) -> None:
        payer = 2 if self.balances[2] >= PRICE else 1
        self.balances[payer] -= PRICE
        self.stock -= 1
        self.texts += with_text
        self.served.append(code)
        self._review()

    @invariant()
    def agrees_with_the_database(self) -> None:
        ids = [account.pk for account in self.accounts[1:]]
        balances = dict(Account.objects.filter(pk__in=ids).values_list("pk", "balance_minor"))
        assert [balances[pk] for pk in ids] == self.balances
        assert sum(self.balances) + PRICE * len(self.served) == self.issued_minor
        cards = GiftCard.objects.filter(pool=self.world.pool)
        assert cards.filter(status="available", expires_on=None).count() == self.stock
        assert cards.exclude(status="available").count() == len(self.served)
        mine = Redemption.objects.filter(campaign=self.world.campaign)
        assert mine.filter(state="waiting_stock").count() == len(self.waiting)
        assert mine.filter(state__in=["issued", "delivered"]).count() == len(self.served)
        texts = Message.objects.filter(client=self.world.client)
        assert texts.filter(purpose="reward").count() == self.texts
        assert texts.exclude(purpose="reward").count() == self.notices
        campaign = Campaign.objects.get(pk=self.world.campaign.pk)
        assert campaign.status == ("depleted" if self.is_depleted else "active")

    def teardown(self) -> None:
        assert broken_invariants() == {}
        assert Entry.objects.aggregate(total=Sum("amount_minor"))["total"] in (0, None)


@pytest.mark.django_db(transaction=True)
def test_money_and_cards_are_conserved() -> None:
    run_state_machine_as_test(
        House,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
