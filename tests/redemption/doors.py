"""The doors to a reward: one person asks at each, and each says in its own way what came of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from django.test import Client as Browser

from redemption.models import Recipient
from tests.credit.partners import Partner
from tests.redemption.desking import PHONE, Desk, make_agent
from tests.redemption.reporting import CONTACT, connect_crm
from tests.world import World

SMS: Final = {"method": "sms", "phone": PHONE}


@dataclasses.dataclass
class Person:
    """Who asks, and what they have in hand.

    :param says: what they answer to the question for a second factor.
    """

    world: World
    recipient: Recipient
    code: str
    says: dict[str, str] = dataclasses.field(default_factory=dict)
    has_code_only: bool = False


def come_to(door: str, world: World) -> Person:
    """Return somebody who is going to ask at a door, with a phone."""
    if door == "crm":
        recipient = Recipient.objects.get(campaign=world.campaign, external_crm_id=CONTACT)
        return Person(world, recipient, "")
    (code,) = world.invite()
    recipient = world.recipient(code)
    Recipient.objects.filter(pk=recipient.pk).update(phone=PHONE)
    return Person(world, recipient, code)


class Doors:
    """All of them, opened by a client's people, programs and CRM."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.crm = connect_crm(world, stock=0)
        self.agent = make_agent(world.client)
        self.partner = Partner(world.client)
        self.ways: dict[str, Callable[[Person], Any]] = {
            "web": self.ask_web,
            "desk": self.ask_desk,
            "crm": self.ask_crm,
            "api": self.ask_api,
            "provision": self.ask_provision,
        }

    def ask_web(self, person: Person) -> Any:
        """Enter the code, then where to send the card; as far as the pages let them."""
        browser = Browser()
        page = browser.post("/redeem/", {"code": person.code}, follow=True)
        if b'name="method"' not in page.content:
            return page
        answer = {"verification": "".join(person.says.values())}
        return browser.post("/redeem/", {**SMS, **answer}, follow=True)

    def ask_desk(self, person: Person) -> Any:
        """Find the person and press the button, which another look may have left on the screen."""
        desk = Desk(self.agent)
        page = desk.find(person.code)
        return desk.give() if b"desk-problem" not in page.content else page

    def ask_crm(self, person: Person) -> Any:
        return self.crm.report(contact_id=person.recipient.external_crm_id or "nobody")

    def ask_api(self, person: Person) -> Any:
        more = {"verification": person.says} if person.says else {}
        return self._post("/redemptions/", {"code": person.code, "contact": SMS, **more})

    def ask_provision(self, person: Person) -> Any:
        who = (
            {"code": person.code}
            if person.has_code_only
            else {"recipient_id": str(person.recipient.pk)}
        )
        where = {"campaign_id": str(self.world.campaign.pk), "condition_number": 1}
        return self._post("/provision/", {**where, **who, "contact": SMS})

    def _post(self, path: str, body: Any) -> Any:
        # The partner serves customers of its own, and says whom.
        customer = {"X-Customer-IP": "127.0.0.9"}
        return self.partner.post(path, body, key=str(uuid4()), **customer)
