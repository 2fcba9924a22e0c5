"""Gift cards for points over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from giftcards.emulator import Emulator
from giftcards.models import GiftCard
from loyalty.models import Reward
from sms.models import Message
from tests.credit.partners import Partner, assert_problem
from tests.loyalty.shop import Shop, open_shop, points_of
from tests.loyalty.till import post
from tests.redemption.buying import build_buying_world, work
from tests.redemption.desking import now
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def till(world: World) -> Partner:
    return Partner(world.client, ("loyalty", "credit:read"))


def asked(world: World, customer: Any, **changes: Any) -> dict[str, Any]:
    return {
        "customer_id": str(customer.pk),
        "denomination_id": str(world.denomination.pk),
        "contact": {"method": "sms", "phone": "(202) 555-0123"},
        **changes,
    }


class TestReward:
    def test_answers_with_the_card(self, world: World, shop: Shop, till: Partner) -> None:
        world.stock(1)
        ana = shop.customer(2600)
        response = post(till, "/rewards/", asked(world, ana), key="w")
        reward, card, message = Reward.objects.get(), GiftCard.objects.get(), Message.objects.get()
        body = json.loads(response.content)
        code, url = body["card"].pop("code"), body.pop("reveal_url")
        assert (response.status_code, response["Cache-Control"]) == (201, "no-store")
        assert body == {
            "id": str(reward.pk),
            "customer_id": str(ana.pk),
            "state": "issued",
            "reason": None,
            "source": "csv",
            "face_value": "25.00",
            "charged": "25.00",
            "currency": "USD",
            "credit_remaining": "975.00",
            "card": {
                "brand": "Acorn Shop",
                "value": "25.00",
                "currency": "USD",
                "pin": "4321",
                "number": None,
                "url": None,
                "expires_on": None,
                "redemption_url": None,
                "last4": card.last4,
            },
            "message": {
                "id": str(message.pk),
                "channel": "sms",
                "to_masked": body["message"]["to_masked"],
                "state": "queued",
            },
            "created_at": reward.created_at.isoformat().replace("+00:00", "Z"),
            "issued_at": reward.created_at.isoformat().replace("+00:00", "Z"),
            "delivered_at": None,
            "points_spent": 2500,
            "points_balance": 100,
        }
        assert "555" not in body["message"]["to_masked"]
        assert code.endswith(card.last4)
        assert card.disclosed_at is not None
        assert (points_of(ana), world.balance()) == ((100, 0), 97_500)
        page = till.http.get(url[url.index("/points/") :])
        assert (page.status_code, code in page.content.decode()) == (200, False)
        again = post(till, "/rewards/", asked(world, ana), key="w")
        assert (again.status_code, again.json()) == (201, response.json())
        assert again["Idempotency-Replayed"] == "true"
        changed = asked(world, ana, contact={"method": "none"})
        assert_problem(post(till, "/rewards/", changed, key="w"), 422, "GC-107")
        assert Reward.objects.count() == 1

    def test_shows_credit_only_to_whom_it_may(self, world: World, shop: Shop) -> None:
        world.stock(1)
        body = post(
            Partner(world.client, ("loyalty",)),
            "/rewards/",
            asked(world, shop.customer(2500), contact={"method": "none"}),
        ).json()
        assert (body["credit_remaining"], body["message"]) == (None, None)

    def test_names_both_numbers(self, world: World, shop: Shop, till: Partner) -> None:
        world.stock(1)
        ana = shop.customer(2499)
        body = assert_problem(post(till, "/rewards/", asked(world, ana)), 422, "GC-112")
        assert (body["available"], body["requested"]) == (2499, 2500)
        assert "Available: 2499, Requested: 2500" in body["detail"]
        assert (points_of(ana), world.balance()) == ((2499, 0), 100_000)
        assert GiftCard.objects.get().status == "available"

    def test_takes_nothing_without_a_card(self, world: World, shop: Shop, till: Partner) -> None:
        ana = shop.customer(2500)
        body = assert_problem(post(till, "/rewards/", asked(world, ana)), 409, "GC-003")
        # They have no code that could be safe.
        assert body["detail"] == (
            "We have run out of these gift cards for the moment. "
            "Your points are safe: please try again in 30 minutes."
        )
        assert (points_of(ana), Reward.objects.exists()) == ((2500, 0), False)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"contact": {"method": "sms", "phone": "12"}}, "contact.phone"),
            ({"contact": {"method": "post"}}, "contact.method"),
            ({"contact": {"method": "none", "fax": "1"}}, "contact.fax"),
            ({"customer_id": 5}, "customer_id"),
            ({"denomination_id": "00000000-0000-4000-8000-000000000000"}, "denomination_id"),
            ({"points": 1}, "points"),
        ],
    )
    def test_names_what_is_wrong(
        self, world: World, shop: Shop, till: Partner, changes: dict[str, Any], field: str
    ) -> None:
        world.stock(1)
        response = post(till, "/rewards/", asked(world, shop.customer(2500), **changes))
        assert list(assert_problem(response, 400, "GC-012")["errors"]) == [field]
        assert not Reward.objects.exists()

    def test_is_not_for_a_strangers_customer(self, world: World, shop: Shop) -> None:
        world.stock(1)
        ana = shop.customer(2500)
        stranger = Partner(build_world(name="Pine").client, ("loyalty",))
        response = post(stranger, "/rewards/", asked(world, ana))
        assert list(assert_problem(response, 400, "GC-012")["errors"]) == ["customer_id"]
        assert (points_of(ana), Reward.objects.exists()) == ((2500, 0), False)

    def test_wants_a_key_for_repeats(self, world: World, shop: Shop, till: Partner) -> None:
        response = till.post("/loyalty/rewards/", asked(world, shop.customer(2500)))
        assert list(assert_problem(response, 400, "GC-012")["errors"]) == ["Idempotency-Key"]


@pytest.mark.usefixtures("tillo_settings")
class TestBoughtReward:
    def test_is_told_as_being_prepared_and_again_when_it_has_come(
        self, tillo_emulator: Emulator
    ) -> None:
        world = build_buying_world()
        shop = open_shop(world)
        ana = shop.customer(3000)
        till = Partner(world.client, ("loyalty",))
        response = post(till, "/rewards/", asked(world, ana), key="b")
        body = response.json()
        assert (response.status_code, body["state"]) == (202, "provisioning")
        assert body["reason"] == {
            "code": "GC-005",
            "detail": "Your gift card is being prepared, which can take a few minutes. "
            "Your points are set aside for it, and there is nothing more to do.",
        }
        assert (body["card"], body["reveal_url"], body["message"]) == (None, None, None)
        assert (body["points_spent"], body["points_balance"]) == (2500, 3000)
        assert points_of(ana) == (3000, 2500)
        assert work(now=now()) == 1
        assert points_of(ana) == (500, 0)
        again = post(till, "/rewards/", asked(world, ana), key="b")
        assert (again.status_code, again.json()) == (202, body)
        assert again["Idempotency-Replayed"] == "true"
        assert len(tillo_emulator.journal("sold")) == 1
