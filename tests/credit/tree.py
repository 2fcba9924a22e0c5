"""An agency's accounts with a stranger beside them, people who look at them, and an ear."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from alerts.scope import current_scope
from alerts.transactions import transaction
from credit.models import Account, Client, Membership, User
from credit.selectors.viewers import SYSTEM, Viewer, viewer_of_user
from credit.services.accounts import open_campaign_account, open_client_account
from credit.services.allocations import allocate_credit
from credit.services.idempotency import KeyClaim, claim_key
from tests.world import NOW, World, build_world

heard: list[UUID] = []


def listen(*, account_id: UUID, now: datetime) -> None:
    """Hear of an account, outside of any transaction and seeing everything."""
    with transaction():
        assert current_scope().sees_everything
    heard.append(account_id)


def fail(*, account_id: UUID, now: datetime) -> None:
    raise RuntimeError("the listener is broken")


@dataclasses.dataclass
class Tree:
    """The accounts of an agency with two clients; the first has a campaign; and a stranger's."""

    world: World
    issuing: Account
    agency: Account
    client: Account
    sister: Account
    campaign: Account
    stranger: World

    def balances(self) -> list[int | None]:
        """Return what the agency, its client, the other client and the campaign hold."""
        found = dict(Account.objects.values_list("pk", "balance_minor"))
        return [
            found[account.pk] for account in (self.agency, self.client, self.sister, self.campaign)
        ]


def build_tree() -> Tree:
    """Plant it: the agency holds 1,000 more than it has handed down."""
    world = build_world(credit_minor=10_000)
    agency = world.account.parent
    assert agency is not None
    with transaction():
        sister = open_client_account(
            client=Client.objects.create(agency=world.agency, name="S", slug="s"), currency="USD"
        )
        campaign = open_campaign_account(client=world.client, name="Own", currency="USD")
    tree = Tree(
        world=world,
        issuing=world.platform_account,
        agency=agency,
        client=world.account,
        sister=sister,
        campaign=campaign,
        stranger=build_world(credit_minor=10_000, name="Birch"),
    )
    allocate_credit(**request(SYSTEM, tree.issuing, agency, 1_000))
    heard.clear()
    return tree


def viewer(world: World, *roles: str) -> Viewer:
    """Return the view of a person with these roles in the world's organisations."""
    user = User.objects.create_user(username=f"u{uuid4().hex}")
    for role in roles:
        name, _, of = role.partition(":")
        Membership.objects.create(
            user=user,
            role=name,
            agency=world.agency if of == "agency" or name == "agency_manager" else None,
            client=world.client if of == "client" or name in {"client_manager", "agent"} else None,
        )
    return viewer_of_user(user.pk)


def partner(world: World, kind: str, *scopes: str) -> Viewer:
    """Return the view of a partner's key."""
    return Viewer(
        actor=f"key:{uuid4()}",
        sees_platform=kind == "platform",
        agency_ids=frozenset({world.agency.pk} if kind == "agency" else ()),
        client_ids=frozenset({world.client.pk} if kind == "client" else ()),
        scopes=frozenset(scopes),
    )


def request(
    viewer: Viewer, payer: Account, payee: Account, amount_minor: int = 100, **changes: Any
) -> dict[str, Any]:
    facts = {
        "viewer": viewer,
        "from_account_id": payer.pk,
        "to_account_id": payee.pk,
        "amount_minor": amount_minor,
        "currency": "USD",
        "note": "May",
        "key": str(uuid4()),
        "now": NOW,
    }
    return {**facts, **changes}


def claim(body: object = 1, *, owner: str = "agency:1", key: str = "k") -> KeyClaim:
    return claim_key(owner=owner, key=key, method="POST", path="/allocations/", body=body)
