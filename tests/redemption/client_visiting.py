"""Visiting a client's pages."""

from __future__ import annotations

import html
import re
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.test import Client as Browser
from django.urls import reverse

from alerts.transactions import transaction
from credit.models import Account, Membership
from credit.selectors.viewers import SYSTEM
from credit.services.ledger import allocate
from redemption.models import Redemption
from redemption.services.budgets import review_account, switch_budget
from redemption.services.redeem import Caller, Contact, redeem
from tests.staff import make_user, sign_in
from tests.world import NOW, World

FROM_HTMX = {"HX-Request": "true"}


Role = Membership.Role


def person(role: Role, **of: Any) -> Browser:
    user = make_user(is_staff=False)
    Membership.objects.create(user=user, role=role, **of)
    return sign_in(user)


def manager_of(world: World) -> Browser:
    return person(Role.CLIENT_MANAGER, client=world.client)


def pages_of(world: World) -> list[str]:
    client_id, campaign_id = world.client.pk, world.campaign.pk
    return [
        reverse("client-overview", args=[client_id]),
        reverse("client-brands", args=[client_id]),
        reverse("client-warning", args=[client_id]),
        reverse("client-webhooks", args=[client_id]),
        reverse("client-budget", args=[client_id, campaign_id]),
    ]


def parent_of(world: World) -> Account:
    assert world.account.parent is not None
    return world.account.parent


def text_of(response: Any) -> str:
    """What a person reads: without tags, with single spaces."""
    content: bytes = response.content
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", content.decode())).split())


def spend(world: World, *moments: datetime, to: str = "+12025550123") -> None:
    world.stock(len(moments))
    for code, at in zip(world.invite(len(moments)), moments, strict=True):
        redeem(
            caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
            contact=Contact(method="sms", to=to),
            code=code,
            now=at,
        )


def isolate(world: World, credit_minor: int = 0) -> Account:
    """Give the campaign a budget of its own, with credit from the client's."""
    switch_budget(viewer=SYSTEM, campaign_id=world.campaign.pk, mode="isolated", now=NOW)
    own = Account.objects.get(level="campaign", client=world.client)
    if credit_minor:
        with transaction():
            allocate(
                from_account=world.account,
                to_account=own,
                amount_minor=credit_minor,
                actor="system",
                key=f"test:{uuid4()}",
                now=NOW,
            )
        review_account(account_id=own.pk, now=NOW)
    return own
