"""A small world to test in: a platform, an agency with a client and its campaign, and a stranger.

Everything is made through the services, so that it obeys the same rules as the real thing.
"""

import dataclasses
import secrets
from datetime import UTC, date, datetime
from uuid import uuid4

from alerts.transactions import transaction
from credit.models import Account, Agency, Client
from credit.services.accounts import open_client_account, open_platform_accounts
from credit.services.ledger import allocate
from giftcards.models import Brand, Denomination, GiftCard, Pool
from giftcards.services.stock import add_card
from redemption.models import Campaign, Condition, Recipient
from redemption.services.recipients import add_recipient
from tests.snapshots import once

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)


@dataclasses.dataclass
class World:
    """One client with a campaign that pays from the client's budget."""

    agency: Agency
    client: Client
    platform_account: Account
    account: Account
    brand: Brand
    denomination: Denomination
    pool: Pool
    campaign: Campaign
    condition: Condition

    def stock(
        self, count: int, *, pool: Pool | None = None, expires_on: date | None = None
    ) -> list[GiftCard]:
        """Put cards with random codes into the pool."""
        with transaction():
            return [
                add_card(
                    pool=pool or self.pool,
                    code=f"GIFT-{secrets.token_hex(6).upper()}",
                    pin="4321",
                    expires_on=expires_on,
                )
                for _ in range(count)
            ]

    def invite(
        self, count: int = 1, *, campaign: Campaign | None = None, is_test: bool = False
    ) -> list[str]:
        """Add recipients; return their redemption codes."""
        with transaction():
            return [
                add_recipient(
                    campaign=campaign or self.campaign,
                    first_name="Ana",
                    last_name="Sample",
                    is_test=is_test,
                )[1]
                for _ in range(count)
            ]

    def recipient(self, code: str) -> Recipient:
        """Return the recipient who holds a code."""
        from redemption.services.recipients import seal_redemption_code

        return Recipient.objects.get(code_digest=seal_redemption_code(code).digest)

    def balance(self) -> int:
        """Return what the budget holds now, in minor units."""
        self.account.refresh_from_db()
        assert self.account.balance_minor is not None
        return self.account.balance_minor


def build_world(
    *,
    credit_minor: int = 100_000,
    value_minor: int = 2500,
    name: str = "Acorn",
    currency: str = "USD",
) -> World:
    """Build a world with credit on the client's account, no cards and no recipients."""
    return once(
        ("world", credit_minor, value_minor, name, currency),
        lambda: _make_world(
            credit_minor=credit_minor, value_minor=value_minor, name=name, currency=currency
        ),
    )


def _make_world(*, credit_minor: int, value_minor: int, name: str, currency: str) -> World:
    slug = f"{name.lower()}-{uuid4().hex[:8]}"
    with transaction():
        agency = Agency.objects.create(name=f"{name} Agency", slug=f"{slug}-agency")
        client = Client.objects.create(agency=agency, name=f"{name} Ltd", slug=slug)
        platform_account = open_platform_accounts(currency=currency)
        account = open_client_account(client=client, currency=currency)
        assert account.parent is not None
        if credit_minor:
            for payer, payee in ((platform_account, account.parent), (account.parent, account)):
                allocate(
                    from_account=payer,
                    to_account=payee,
                    amount_minor=credit_minor,
                    actor="system",
                    key=f"test:{uuid4()}",
                    now=NOW,
                )
        brand = Brand.objects.create(name=f"{name} Shop", slug=f"{slug}-shop")
        denomination = Denomination.objects.create(
            brand=brand, value_minor=value_minor, currency=currency
        )
        pool = Pool.objects.create(
            name=f"{name} pool",
            brand=brand,
            denomination=denomination,
            kind=Pool.Kind.CLIENT,
            client=client,
        )
        campaign = Campaign.objects.create(
            client=client,
            name=f"{name} campaign",
            status=Campaign.Status.ACTIVE,
            account=account,
        )
        condition = Condition.objects.create(
            campaign=campaign,
            number=1,
            name="Came to the appointment",
            brand=brand,
            card_value_minor=value_minor,
            currency=currency,
            pool=pool,
        )
    return World(
        agency=agency,
        client=client,
        platform_account=platform_account,
        account=account,
        brand=brand,
        denomination=denomination,
        pool=pool,
        campaign=campaign,
        condition=condition,
    )
