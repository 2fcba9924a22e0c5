"""Sitting at the desk: agents, the people who call them, and what they press."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import reverse

from credit.models import Client, Membership, User
from credit.selectors.viewers import Viewer, viewer_of_user
from giftcards.services.secrets import open_field
from redemption.models import CallSession, Condition, Recipient, Redemption
from redemption.services.calls import DESK_ROLES
from tests.staff import make_user, sign_in
from tests.world import World

PHONE = "+12025550143"


def now() -> datetime:
    return datetime.now(UTC)


def ago(**span: float) -> datetime:
    return now() - timedelta(**span)


def make_agent(client: Client, *rights: str, name: str = "") -> User:
    """Make an agent of a client, with rights beside the role."""
    user = make_user(is_staff=False)
    if name:
        User.objects.filter(pk=user.pk).update(first_name=name)
    Membership.objects.create(user=user, role=Membership.Role.AGENT, client=client)
    for right in rights:
        user.user_permissions.add(Permission.objects.get(codename=right))
    return User.objects.get(pk=user.pk)


def viewer_of(user: User) -> Viewer:
    return viewer_of_user(user.pk).narrowed_to(DESK_ROLES)


def someone(world: World, **fields: Any) -> tuple[Recipient, str]:
    """Invite somebody with a phone; return them and their code."""
    (code,) = world.invite()
    recipient = world.recipient(code)
    for name, value in {"phone": PHONE, "email": "ana@example.com", **fields}.items():
        setattr(recipient, name, value)
    recipient.save()
    return recipient, code


def ask_to_check(world: World, *points: str) -> None:
    Condition.objects.filter(pk=world.condition.pk).update(checklist=list(points))


def call_of(user: User) -> CallSession:
    return CallSession.objects.get(agent=user, ended_at=None)


def code_of_card(redemption: Redemption) -> str:
    """Return the code that whoever may see the card reads."""
    assert redemption.card is not None
    return open_field(redemption.card.code_encrypted, field="code")


class Desk:
    """An agent's browser, in which a step is a press of the form it names."""

    def __init__(self, user: User, *, htmx: bool = False) -> None:
        self.user = user
        self.browser: Browser = sign_in(user)
        self.headers = {"HX-Request": "true"} if htmx else {}

    def look(self, **query: str) -> Any:
        return self.browser.get(reverse("desk"), query, headers=self.headers)

    def press(self, step: str, **fields: Any) -> Any:
        """Press a step's button; the open call is named as the form would."""
        if "call" not in fields and step not in ("find", "choose", "undo", "forget"):
            calls = CallSession.objects.filter(agent=self.user, ended_at=None)
            fields["call"] = str(calls.values_list("pk", flat=True)[0]) if calls else ""
        address = reverse(f"desk-{step}")
        return self.browser.post(address, fields, headers=self.headers, follow=not self.headers)

    def find(self, text: str, **fields: str) -> Any:
        return self.press("find", q=text, **fields)

    def give(self, number: int = 1, *, ticks: int = 0, **fields: str) -> Any:
        ticked = [f"{number}-{place}" for place in range(ticks)]
        contact = {"method": "sms", "phone": PHONE}
        return self.press("give", condition_number=number, tick=ticked, **{**contact, **fields})
