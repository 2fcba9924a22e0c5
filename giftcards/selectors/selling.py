"""What a sale of cards would come to, before anybody makes it."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from credit.models import Account, Client
from credit.selectors.balances import balance_on
from giftcards.models import Pool
from giftcards.selectors.levels import count_levels


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SaleQuote:
    """The terms of a sale beside what is there at this moment; amounts in minor units.

    :param available: cards of the pool that could be sold now.
    :param balance_minor: what the client's account holds; None: it has none in this currency.
    :param account_status: an account pays while it is active.
    """

    quantity: int
    total_minor: int
    currency: str
    available: int
    balance_minor: int | None
    account_status: str

    @property
    def balance_after_minor(self) -> int | None:
        """What the account would hold after the sale; less than nothing when it can't pay."""
        return None if self.balance_minor is None else self.balance_minor - self.total_minor

    @property
    def has_enough_cards(self) -> bool:
        """Whether the pool has as many cards as are asked for."""
        return self.quantity <= self.available

    @property
    def is_payable(self) -> bool:
        """Whether the client's account would pay."""
        return (
            self.balance_minor is not None
            and self.account_status == Account.Status.ACTIVE
            and self.total_minor <= self.balance_minor
        )


def quote_sale(
    *, pool: Pool, client: Client, quantity: int, price_per_card_minor: int, now: datetime
) -> SaleQuote:
    """Return what a sale would come to; nothing is promised by it."""
    currency = pool.denomination.currency
    accounts = Account.objects.filter(level=Account.Level.CLIENT, client=client, currency=currency)
    account = accounts.order_by("pk").first()
    return SaleQuote(
        quantity=quantity,
        total_minor=quantity * price_per_card_minor,
        currency=currency,
        available=count_levels(pool_ids=[pool.pk], now=now)[pool.pk].available,
        balance_minor=None if account is None else balance_on(account),
        account_status="" if account is None else account.status,
    )
