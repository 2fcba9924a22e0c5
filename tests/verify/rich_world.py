"""A world in which everything has happened once, by use alone: the ground that is then corrupted.

Redeemed, opened, delivered, confirmed, cancelled, expired, exchanged, sold, sold back, bought,
being bought, in doubt, waiting for stock, approval and consent, a test, a person who said STOP and
one who said START again, slots, uploads, a CRM, a call, caps and kept counts.
"""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from alerts.transactions import transaction
from credit.selectors.viewers import SYSTEM
from credit.services.slots import split_account
from giftcards.emulator import Emulator as Tillo
from giftcards.models import ProviderOrder
from giftcards.services.imports import import_cards
from giftcards.services.orders import place_due_orders
from giftcards.services.sales import reverse_sale
from redemption.models import CallSession, Campaign, Condition, Recipient, Redemption
from redemption.services.desk_tasks import open_task
from redemption.services.disclosure import disclose_redemption
from redemption.services.imports import import_recipients
from redemption.services.message_days import count_message_days
from redemption.services.redeem import Contact, RedeemResult
from redemption.services.report_days import count_report_days
from sms.emulator import Emulator as Twilio
from sms.services.sending import send_due_messages
from tests.giftcards.selling import master_pool, sell
from tests.redemption.asking import ask, key_for
from tests.redemption.buying import buy_from
from tests.redemption.desking import make_agent
from tests.redemption.reporting import connect_crm
from tests.redemption.taking_back import cancel, replace
from tests.sms.inbound_fixture import post_text
from tests.snapshots import once
from tests.world import World, build_world

STOPPED = "+12065550111"
RETURNED = "+12065550112"
PHONE = "+12065550113"


@dataclasses.dataclass
class RichWorld:
    """Ids of what the corruptions are about.

    :param now: by the clock, when all of it was there.
    """

    now: datetime
    world: World
    other: World
    rewards: dict[str, UUID]
    cards: dict[str, UUID]


def build_rich_world(tillo: Tillo, twilio: Twilio) -> RichWorld:
    """Build it; the settings must lead to the emulators."""
    return once(("rich world",), lambda: _Builder(tillo, twilio).build())


class _Builder:
    def __init__(self, tillo: Tillo, twilio: Twilio) -> None:
        self.tillo, self.twilio = tillo, twilio
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.rewards: dict[str, UUID] = {}

    def build(self) -> RichWorld:
        self.world, self.other = build_world(), build_world(name="Birch")
        self._spend_from_slots()
        self._redeem()
        self._sell()
        self._buy()
        self._wait()
        self._text()
        self._upload()
        self._take_a_call()
        # The last, so that nobody is given the card that comes back.
        cancel(self._redeem_one("cancelled", world=self.other), now=self.now)
        self._count()
        cards = dict(
            Redemption.objects.filter(pk__in=self.rewards.values()).values_list("pk", "card_id")
        )
        return RichWorld(
            now=datetime.now(UTC),
            world=self.world,
            other=self.other,
            rewards=self.rewards,
            cards={name: cards[pk] for name, pk in self.rewards.items() if cards.get(pk)},
        )

    def _redeem_one(self, name: str, *, world: World | None = None, **how: Any) -> RedeemResult:
        world = world or self.world
        if how.pop("stock", 1):
            world.stock(1)
        code = how.pop("code", None) or world.invite()[0]
        facts = {"contact": Contact(method="sms", to=PHONE), "now": self.now, **how}
        result = ask(code, **facts)
        self.rewards[name] = result.redemption_id
        return result

    def _spend_from_slots(self) -> None:
        account = self.other.account
        split_account(account_id=account.pk, slots=2, actor="test", now=self.now)
        self._redeem_one("slot", world=self.other)

    def _redeem(self) -> None:
        code = self.world.invite()[0]
        self._redeem_one("issued", code=code, key=key_for(code))
        shown = self._redeem_one("shown", contact=Contact(method="none"), disclose=True)
        assert shown.state in ("issued", "delivered")
        (test,) = self.world.invite(is_test=True)
        self._redeem_one("test", code=test, stock=0)
        seen = self._redeem_one("seen")
        disclose_redemption(redemption_id=seen.redemption_id, actor="test", now=self.now)
        cancel(seen, now=self.now)
        exchanged = self._redeem_one("exchanged")
        self.world.stock(1)
        replace(exchanged, now=self.now)
        old = self.now - timedelta(days=40)
        for day in range(3):
            self._redeem_one(
                f"old_{day}",
                contact=Contact(method="none"),
                disclose=True,
                now=old + timedelta(days=day),
            )

    def _sell(self) -> None:
        master = master_pool(self.world, 14)
        Condition.objects.filter(pk=self.world.condition.pk).update(pool=None)
        sell(self.world, master, 10, now=self.now)
        back = sell(self.world, master, 1, now=self.now)
        reverse_sale(viewer=SYSTEM, sale_id=back.sale_id, now=self.now)
        Condition.objects.filter(pk=self.world.condition.pk).update(pool=self.world.pool)
        self._redeem_one("sold", stock=0)

    def _buy(self) -> None:
        """A client whose cards come from the provider: bought, in work, in doubt, refused."""
        buyer = buy_from(build_world(name="Cedar"))
        self.buyer = buyer
        self._redeem_one("bought", world=buyer, stock=0)
        place_due_orders(now=datetime.now(UTC))
        self._redeem_one("buying", world=buyer, stock=0)
        assert ProviderOrder.objects.filter(state="succeeded").count() == 1
        assert ProviderOrder.objects.filter(state="requested").count() == 1

    def _wait(self) -> None:
        world = build_world(name="Dogwood")
        self.waiting = world
        self._redeem_one("waits", world=world, stock=0)
        Campaign.objects.filter(pk=world.campaign.pk).update(cap_per_day=10)
        self._redeem_one("capped", world=world)
        Campaign.objects.filter(pk=world.campaign.pk).update(opt_in_required=True)
        self._redeem_one("consent", world=world)
        Campaign.objects.filter(pk=world.campaign.pk).update(
            opt_in_required=False, approval_required=True
        )
        (code,) = world.invite()
        Recipient.objects.filter(pk=world.recipient(code).pk).update(approval="pending")
        self._redeem_one("approval", world=world, code=code)

    def _text(self) -> None:
        self._send()
        for name, phone in (("stopped", STOPPED), ("returned", RETURNED)):
            self._redeem_one(name, contact=Contact(method="sms", to=phone))
        self._send()
        for phone in (STOPPED, RETURNED):
            post_text("STOP", From=phone)
        self._redeem_one("told_after_stop", contact=Contact(method="sms", to=STOPPED))
        self._send()
        post_text("START", From=RETURNED)
        self._redeem_one("told_after_start", contact=Contact(method="sms", to=RETURNED))
        self._send()

    def _send(self) -> None:
        send_due_messages(now=datetime.now(UTC))

    def _upload(self) -> None:
        import_cards(
            pool=self.world.pool,
            source=io.BytesIO(b"code\nGIFT-9001-AAAA\nGIFT-9002-BBBB\n"),
            file_name="cards.csv",
            mode="all_or_nothing",
            dry_run=False,
            actor="user:1",
            now=self.now,
        )
        import_recipients(
            campaign=self.world.campaign,
            source=io.BytesIO(b"first_name\nBo\nCy\n"),
            mode="all_or_nothing",
            dry_run=False,
            now=self.now,
        )
        crm = connect_crm(self.world)
        crm.report()
        crm.report(contact_id="nobody")
        self.rewards["crm"] = Redemption.objects.get(door="crm").pk

    def _take_a_call(self) -> None:
        """An agent has somebody on the phone whose reward is still to be seen to."""
        reward = Redemption.objects.get(pk=self.rewards["issued"])
        with transaction():
            open_task(
                kind="call_back",
                client_id=reward.client_id,
                redemption_id=reward.pk,
                recipient_id=reward.recipient_id,
                due_at=self.now,
                actor="system",
                now=self.now,
            )
        CallSession.objects.create(
            agent=make_agent(self.world.client),
            client=self.world.client,
            recipient_id=reward.recipient_id,
        )

    def _count(self) -> None:
        """Let the first days be over: then they are counted, with their months."""
        count_report_days(now=self.now, limit=400)
        count_message_days(now=self.now, limit=400)
