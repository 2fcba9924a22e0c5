"""One request of each kind that may be repeated, on objects of its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from loyalty.models import LoyaltyProgram, RegisterSession, StockItem
from tests.api.serving import Caller
from tests.giftcards.selling import master_pool
from tests.loyalty import till
from tests.loyalty.shop import Shop, open_shop
from tests.world import World

# An address below /api/v1 and a body.
Asked = tuple[str, dict[str, Any]]
_SMS = {"method": "sms", "phone": "+12025550123"}


def redemption(world: World, _caller: Caller) -> Asked:
    world.stock(2)
    return "/redemptions/", {"code": world.invite()[0], "contact": _SMS}


def waiting(world: World, _caller: Caller) -> Asked:
    return "/redemptions/", {"code": world.invite()[0], "contact": _SMS}


def provision(world: World, _caller: Caller) -> Asked:
    world.stock(2)
    recipient = world.recipient(world.invite()[0])
    return "/provision/", {
        "campaign_id": str(world.campaign.pk),
        "condition_number": 1,
        "recipient_id": str(recipient.pk),
        "contact": _SMS,
    }


def allocation(world: World, _caller: Caller) -> Asked:
    assert world.account.parent is not None
    return "/allocations/", {
        "from_account_id": str(world.platform_account.pk),
        "to_account_id": str(world.account.parent.pk),
        "amount": "10.00",
        "currency": "USD",
    }


def upload(world: World, _caller: Caller) -> Asked:
    cards = [{"code": f"NEW-{secrets.token_hex(6).upper()}"} for _ in range(3)]
    return f"/pools/{world.pool.pk}/cards/", {"cards": cards}


def people(world: World, _caller: Caller) -> Asked:
    people = [{"external_crm_id": secrets.token_hex(6)} for _ in range(3)]
    return f"/campaigns/{world.campaign.pk}/recipients/", {"recipients": people}


def sale(world: World, _caller: Caller) -> Asked:
    pool = master_pool(world, 3)
    return f"/pools/{pool.pk}/sell/", {
        "client_id": str(world.client.pk),
        "quantity": 2,
        "price_per_card": "24.00",
    }


def resend(world: World, caller: Caller) -> Asked:
    return f"/redemptions/{_issued(world, caller)}/resend/", {"to": "+12025550124"}


def cancel(world: World, caller: Caller) -> Asked:
    return f"/redemptions/{_issued(world, caller)}/cancel/", {"reason": "Moved away"}


def replace(world: World, caller: Caller) -> Asked:
    return f"/redemptions/{_issued(world, caller)}/replace/", {"reason": "The card is empty"}


def webhook(world: World, _caller: Caller) -> Asked:
    return "/webhook-endpoints/", {
        "url": f"http://127.0.0.1:9/{secrets.token_hex(6)}",
        "client_id": str(world.client.pk),
        "events": ["redemption.issued"],
        "description": "x",
    }


def rotation(world: World, caller: Caller) -> Asked:
    return f"/webhook-endpoints/{_endpoint(world, caller)}/rotate-secret/", {"overlap_hours": 1}


def customer(world: World, _caller: Caller) -> Asked:
    return "/loyalty/customers/", {"client_id": str(world.client.pk), "first_name": "Ana"}


def checkout(world: World, _caller: Caller) -> Asked:
    shop = _shop(world)
    return "/loyalty/checkouts/", {
        "client_id": str(world.client.pk),
        **till.sale(shop, shop.customer(340), points=200, amount="14.00"),
        "order_number": secrets.token_hex(6),
    }


def refund(world: World, caller: Caller) -> Asked:
    answer = caller.post(*checkout(world, caller))
    assert answer.status_code == 201, answer.text
    body = {"amount": "14.00", "reason": "All of it comes back"}
    return f"/loyalty/checkouts/{answer.json()['id']}/refund/", body


def reward(world: World, _caller: Caller) -> Asked:
    world.stock(1)
    return "/loyalty/rewards/", {
        "client_id": str(world.client.pk),
        "customer_id": str(_shop(world).customer(2500).pk),
        "denomination_id": str(world.denomination.pk),
        "contact": _SMS,
    }


def _shop(world: World) -> Shop:
    if not LoyaltyProgram.objects.filter(client=world.client).exists():
        return open_shop(world)
    articles = {one.sku: one for one in StockItem.objects.filter(client=world.client)}
    return Shop(
        client=world.client,
        program=LoyaltyProgram.objects.get(client=world.client),
        coffee=articles["COFFEE"],
        mug=articles["MUG"],
        till=RegisterSession.objects.get(client=world.client),
    )


def _endpoint(world: World, caller: Caller) -> str:
    answer = caller.post(*webhook(world, caller))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _issued(world: World, caller: Caller) -> str:
    path, body = redemption(world, caller)
    answer = caller.post(path, body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


KINDS: dict[str, Callable[[World, Caller], Asked]] = {
    "redemption": redemption,
    "waiting": waiting,
    "provision": provision,
    "allocation": allocation,
    "upload": upload,
    "people": people,
    "sale": sale,
    "resend": resend,
    "cancel": cancel,
    "replace": replace,
    "webhook": webhook,
    "rotation": rotation,
    "customer": customer,
    "checkout": checkout,
    "refund": refund,
    "reward": reward,
}
