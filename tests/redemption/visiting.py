"""Who visits the pages of agencies and clients, and what they find there to look at."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.test import Client as Browser

from alerts.transactions import transaction
from credit.models import Account, Agency, Client, Membership
from credit.services.accounts import open_client_account
from credit.services.ledger import allocate
from redemption.models import Redemption
from redemption.services.redeem import Caller, Contact, redeem
from tests.staff import make_user, sign_in
from tests.world import World

Role = Membership.Role


def put(account: Account, amount_minor: int) -> None:
    """Hand credit down to an account from its parent, today."""
    assert account.parent is not None
    with transaction():
        allocate(
            from_account=account.parent,
            to_account=account,
            amount_minor=amount_minor,
            actor="system",
            key=f"test:{uuid4()}",
            now=datetime.now(UTC),
        )


def person(role: str, *, agency: Agency | None = None, client: Client | None = None) -> Browser:
    user = make_user(is_staff=False)
    Membership.objects.create(user=user, role=role, agency=agency, client=client)
    return sign_in(user)


def manager(world: World) -> Browser:
    return person(Role.AGENCY_MANAGER, agency=world.agency)


def give_reward(world: World) -> Redemption:
    world.stock(1)
    result = redeem(
        caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
        contact=Contact(method="sms", to="+12025550123"),
        code=world.invite()[0],
        now=datetime.now(UTC),
    )
    return Redemption.objects.get(pk=result.redemption_id)


def text_of(response: Any) -> str:
    content: bytes = response.content
    return content.decode()


def plain(response: Any) -> str:
    """Return the words of a page without its markup, single spaces between them."""
    return " ".join(re.sub(r"<[^>]+>", " ", text_of(response)).split())


def add_client(world: World, name: str) -> tuple[Client, Account]:
    with transaction():
        client = Client.objects.create(
            agency=world.agency, name=name, slug=f"client-{uuid4().hex[:8]}"
        )
        return client, open_client_account(client=client, currency="USD")
