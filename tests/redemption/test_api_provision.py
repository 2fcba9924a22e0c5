"""Rewards for people whom a call centre's system or a CRM knows, over the partner API."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from credit.models import AuditEvent, IdempotencyRecord
from giftcards.models import GiftCard
from redemption.models import Campaign, Recipient, Redemption
from sms.models import ConsentEvent, Message, OptIn
from tests.redemption.asking import snapshot
from tests.redemption.test_api import SMS, Api, assert_problem, make_key
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+12025550123"
REASON = "Agreed to a text in the call"


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(3)
    return world


@pytest.fixture
def api(world: World) -> Api:
    return Api(make_key(world.client, ("provision",)))


@pytest.fixture
def recipient(world: World) -> Recipient:
    return world.recipient(world.invite()[0])


def provision(
    api: Api, world: World, recipient: Recipient | None = None, *, key: str = "", **fields: Any
) -> Any:
    body: dict[str, Any] = {
        "campaign_id": str(world.campaign.pk),
        "condition_number": 1,
        "contact": SMS,
    }
    if recipient is not None:
        body["recipient_id"] = str(recipient.pk)
    return api.post("/provision/", {**body, **fields}, key=key or str(uuid4()))


class TestProvision:
    def test_answers_as_a_redemption(self, world: World, api: Api, recipient: Recipient) -> None:
        response = provision(api, world, recipient)
        assert response.status_code == 201
        assert response["Cache-Control"] == "no-store"
        body = response.json()
        redeemed = Api(make_key(world.client)).redeem(world.invite()[0]).json()
        assert set(body) == set(redeemed)
        assert (body["state"], body["recipient_id"]) == ("issued", str(recipient.pk))
        assert body["card"]["code"].startswith("GIFT-")
        assert body["message"]["to_masked"] == "•••0123"
        assert body["credit_remaining"] is None  # no credit:read
        row = Redemption.objects.get(recipient=recipient)
        assert (row.door, row.actor.split(":")[0]) == ("api", "key")
        # Shown, so seen.
        assert row.card is not None
        assert row.card.disclosed_at is not None

    def test_takes_a_code_instead(self, world: World, api: Api) -> None:
        (code,) = world.invite()
        response = provision(api, world, code=code.lower())
        assert response.status_code == 201
        assert response.json()["recipient_id"] == str(world.recipient(code).pk)

    def test_takes_what_matches_the_condition(
        self, world: World, api: Api, recipient: Recipient
    ) -> None:
        matching = {"brand_id": str(world.brand.pk), "denomination": "25.00"}
        assert provision(api, world, recipient, **matching).status_code == 201

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("brand_id", str(UUID(int=1)), "This condition is for Acorn Shop."),
            ("denomination", "50.00", "This condition is for $25.00."),
            ("denomination", "a lot", None),
            ("condition_number", 2, "This campaign has no such condition."),
        ],
    )
    def test_refuses_another_card_than_the_conditions(
        self, world: World, api: Api, recipient: Recipient, name: str, value: Any, words: str | None
    ) -> None:
        before = {**snapshot(), "keys": 1}
        problem = assert_problem(provision(api, world, recipient, **{name: value}), 400, "GC-012")
        assert list(problem["errors"]) == [name]
        if words:
            assert problem["errors"][name] == [words]
        assert snapshot() == before

    def test_needs_no_second_factor(self, world: World, api: Api, recipient: Recipient) -> None:
        Campaign.objects.update(second_factor="last_name")
        assert provision(api, world, recipient).status_code == 201

    def test_waits_as_a_redemption_does(self, world: World, api: Api, recipient: Recipient) -> None:
        GiftCard.objects.update(status="void")
        first = provision(api, world, recipient)
        assert (first.status_code, first.json()["reason"]["code"]) == (202, "GC-003")
        again = provision(api, world, recipient)
        assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])

    def test_gives_each_their_reward_once(
        self, world: World, api: Api, recipient: Recipient
    ) -> None:
        first = provision(api, world, recipient).json()
        problem = assert_problem(provision(api, world, recipient), 409, "GC-010")
        assert problem["redemption_id"] == first["id"]
        assert GiftCard.objects.filter(status="available").count() == 2


class TestTheBody:
    @pytest.mark.parametrize(
        ("fields", "names"),
        [
            ({"code": "7XK2-9QWD-ME4R8"}, {"recipient_id", "code"}),
            ({"recipient_id": None}, {"recipient_id"}),
            ({"surprise": 1}, {"surprise"}),
            ({"contact": {"method": "sms", "phone": "12", "fax": "1"}}, {"contact.fax"}),
            ({"contact": {"method": "sms", "phone": "12"}}, {"contact.phone"}),
            ({"campaign_id": "x"}, {"campaign_id"}),
            ({"condition_number": 0}, {"condition_number"}),
            ({"skip_opt_in_reason": ""}, {"skip_opt_in_reason"}),
            ({"skip_opt_in_reason": "x" * 301}, {"skip_opt_in_reason"}),
            ({"denomination": 25}, {"denomination"}),
        ],
    )
    def test_is_refused_by_the_name_of_what_is_wrong(
        self, world: World, api: Api, recipient: Recipient, fields: Any, names: set[str]
    ) -> None:
        before = {**snapshot(), "keys": 1}
        problem = assert_problem(provision(api, world, recipient, **fields), 400, "GC-012")
        assert set(problem["errors"]) == names
        assert snapshot() == before

    def test_names_somebody(self, world: World, api: Api) -> None:
        problem = assert_problem(provision(api, world), 400, "GC-012")
        assert set(problem["errors"]) == {"recipient_id", "code"}

    def test_comes_with_a_key(self, world: World, api: Api, recipient: Recipient) -> None:
        body = {"campaign_id": str(world.campaign.pk), "condition_number": 1}
        response = api.post("/provision/", {**body, "recipient_id": str(recipient.pk)})
        assert "Idempotency-Key" in str(assert_problem(response, 400, "GC-012")["errors"])
        assert not Redemption.objects.exists()


class TestStrangers:
    def test_do_not_find_the_campaign(self, world: World, recipient: Recipient) -> None:
        stranger = Api(make_key(build_world(name="Birch").client))
        assert_problem(provision(stranger, world, recipient), 404, "GC-111")
        assert not Redemption.objects.exists()

    def test_do_not_find_a_recipient_of_another_campaign(self, world: World, api: Api) -> None:
        other = build_world(name="Birch")
        (code,) = other.invite()
        theirs = other.recipient(code)
        assert_problem(provision(api, world, theirs), 404, "GC-111")
        assert_problem(provision(api, world, code=code), 404, "GC-011")
        # Also not one of their own, in another campaign.
        second = Campaign.objects.create(client=world.client, name="Second")
        (code,) = world.invite(campaign=second)
        assert_problem(provision(api, world, world.recipient(code)), 404, "GC-111")
        assert_problem(provision(api, world, code=code), 404, "GC-011")
        assert not Redemption.objects.exists()

    def test_need_the_scope(self, world: World, recipient: Recipient) -> None:
        redeemer = Api(make_key(world.client, ("redeem",)))
        assert_problem(provision(redeemer, world, recipient), 403, "GC-110")
        assert_problem(provision(Api("no-such-key"), world, recipient), 401, "GC-109")
        assert not Redemption.objects.exists()

    def test_agencies_and_the_platform_are_none(self, world: World) -> None:
        for owner in (world.agency, None):
            partner = Api(make_key(owner, ("provision",)))
            recipient = world.recipient(world.invite()[0])
            assert provision(partner, world, recipient).status_code == 201


class TestTheKey:
    def test_repeats_the_first_answer(self, world: World, api: Api, recipient: Recipient) -> None:
        first = provision(api, world, recipient, key="one")
        again = provision(api, world, recipient, key="one")
        assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")
        assert again.json() == first.json()
        assert Redemption.objects.count() == Message.objects.count() == 1

    def test_stands_for_one_body_only(self, world: World, api: Api, recipient: Recipient) -> None:
        world.campaign.opt_in_required = True
        world.campaign.save()
        provision(api, world, recipient, key="one")
        other = provision(api, world, recipient, key="one", skip_opt_in_reason=REASON)
        assert_problem(other, 422, "GC-107")
        # Nor is a word kept that was said with it.
        assert not OptIn.objects.filter(state="granted").exists()

    def test_keeps_a_refusal(self, world: World, api: Api, recipient: Recipient) -> None:
        wrong = {"denomination": "50.00"}
        first = provision(api, world, recipient, key="one", **wrong)
        again = provision(api, world, recipient, key="one", **wrong)
        assert (again.status_code, again["Idempotency-Replayed"]) == (400, "true")
        assert again.json()["errors"] == first.json()["errors"]
        assert IdempotencyRecord.objects.count() == 1


class TestSkipOptIn:
    @pytest.fixture(autouse=True)
    def _asks(self, world: World) -> None:
        world.campaign.opt_in_required = True
        world.campaign.save()

    def test_is_asked_for_without_it(self, world: World, api: Api, recipient: Recipient) -> None:
        response = provision(api, world, recipient)
        assert (response.status_code, response.json()["reason"]["code"]) == (202, "GC-009")

    def test_issues_at_once_and_keeps_whose_word_it_was(
        self, world: World, api: Api, recipient: Recipient
    ) -> None:
        response = provision(api, world, recipient, skip_opt_in_reason=f" {REASON} ")
        assert response.status_code == 201
        actor = Redemption.objects.get().actor
        opt_in = OptIn.objects.get()
        assert (opt_in.state, opt_in.phone, opt_in.way) == (
            "granted",
            PHONE,
            "skipped by a partner",
        )
        assert (opt_in.actor, opt_in.reason) == (actor, REASON)
        event = AuditEvent.objects.get(action="opt_in.skipped")
        assert (event.actor, event.object_id) == (actor, str(recipient.pk))
        assert event.details["reason"] == REASON
        assert PHONE not in str(event.details)
        # No request goes out any more.
        assert [message.purpose for message in Message.objects.all()] == ["reward"]

    def test_lets_go_on_what_waited(self, world: World, api: Api, recipient: Recipient) -> None:
        first = provision(api, world, recipient).json()
        response = provision(api, world, recipient, skip_opt_in_reason=REASON)
        assert (response.status_code, response.json()["id"]) == (201, first["id"])

    def test_without_a_contact_is_about_the_one_that_was_given(
        self, world: World, api: Api, recipient: Recipient
    ) -> None:
        provision(api, world, recipient)
        response = provision(
            api, world, recipient, skip_opt_in_reason=REASON, contact={"method": "none"}
        )
        assert response.status_code == 201
        assert Redemption.objects.get().contact_to == PHONE
        assert OptIn.objects.get().state == "granted"

    def test_never_overrules_a_stop(self, world: World, api: Api, recipient: Recipient) -> None:
        OptIn.objects.create(client=world.client, phone=PHONE, state="revoked")
        response = provision(api, world, recipient, skip_opt_in_reason=REASON)
        assert_problem(response, 409, "GC-115")
        assert OptIn.objects.get().state == "revoked"
        assert not Redemption.objects.exists()

    def test_is_recorded_once(self, world: World, api: Api) -> None:
        for _ in range(2):
            recipient = world.recipient(world.invite()[0])
            assert provision(api, world, recipient, skip_opt_in_reason=REASON).status_code == 201
        assert AuditEvent.objects.filter(action="opt_in.skipped").count() == 1
        assert ConsentEvent.objects.filter(state="granted").count() == 1

    def test_records_nothing_for_a_stranger(self, world: World, recipient: Recipient) -> None:
        stranger = Api(make_key(build_world(name="Birch").client))
        response = provision(stranger, world, recipient, skip_opt_in_reason=REASON)
        assert_problem(response, 404, "GC-111")
        assert not OptIn.objects.exists()
        assert not AuditEvent.objects.filter(action="opt_in.skipped").exists()

    def test_records_nothing_where_the_campaign_does_not_ask(
        self, world: World, api: Api, recipient: Recipient
    ) -> None:
        Campaign.objects.update(opt_in_required=False)
        assert provision(api, world, recipient, skip_opt_in_reason=REASON).status_code == 201
        assert not OptIn.objects.exists()

    def test_keeps_no_code(self, world: World, api: Api, recipient: Recipient) -> None:
        Campaign.objects.update(opt_in_required=False)
        code = provision(api, world, recipient).json()["card"]["code"]
        other = world.recipient(world.invite()[0])
        problem = assert_problem(
            provision(api, world, other, skip_opt_in_reason=f"Has {code}"), 400, "GC-012"
        )
        assert list(problem["errors"]) == ["skip_opt_in_reason"]
