"""The second factor: what a campaign asks for besides a code that can be guessed."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as HttpClient

from alerts.codes import ErrorCode
from alerts.transactions import transaction
from credit.selectors.viewers import SYSTEM
from credit.services.api_keys import SCOPES, create_api_key
from redemption.models import Campaign, Recipient, Redemption
from redemption.services.approvals import decide_recipients
from redemption.services.redeem import AlreadyProvisionedError
from redemption.services.second_factor import SecondFactorError, Verification
from redemption.services.serving import serve_waiting
from tests.redemption.asking import ask, caller, refused
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(1)
    return world


def demand(factor: str, **on_file: str) -> None:
    Campaign.objects.update(second_factor=factor)
    Recipient.objects.update(**on_file)


def invited(world: World, factor: str, **on_file: str) -> str:
    (code,) = world.invite()
    demand(factor, **on_file)
    return code


class TestRedeem:
    @pytest.mark.parametrize(
        ("factor", "on_file", "given"),
        [
            ("last_name", "Sample", "Sample"),
            ("last_name", "O’Brién-Lee", "  OBRIEN LEE "),
            ("last_name", "Straße", "STRASSE"),
            ("last_name", "Łukøw", "lukow"),
            ("postal_code", "SW1A 1AA", "sw1a1aa"),
            ("postal_code", "20500-0003", "20500"),
            ("postal_code", "20500", "20500 0003"),
            ("phone", "+12025550188", "(202) 555-0188"),
        ],
    )
    def test_takes_it_as_people_write_it(
        self, world: World, factor: str, on_file: str, given: str
    ) -> None:
        code = invited(world, factor, **{factor: on_file})
        result = ask(code, verification=Verification(**{factor: given}))
        assert result.state == "issued"

    @pytest.mark.parametrize(
        ("factor", "on_file", "given"),
        [
            ("last_name", "Sample", "Sampl"),
            ("last_name", "Sample", ""),
            ("last_name", "Sample", "---"),
            ("postal_code", "20500", "20501"),
            ("postal_code", "20500-0003", "20500-0004"),
            ("phone", "+12025550188", "+12025550189"),
            ("phone", "+12025550188", "a phone"),
        ],
    )
    def test_refuses_another_and_writes_nothing(
        self, world: World, factor: str, on_file: str, given: str
    ) -> None:
        code = invited(world, factor, **{factor: on_file})
        with refused(ErrorCode.VERIFICATION_NEEDED) as refusal:
            ask(code, verification=Verification(**{factor: given}))
        error = refusal.value
        assert isinstance(error, SecondFactorError)
        assert (error.second_factor, error.is_on_file) == (factor, True)
        assert error.was_given is bool(given)
        assert list(error.errors) == [f"verification.{factor}"]
        assert on_file not in repr(error) + str(error.errors)

    def test_refuses_who_says_nothing_at_all(self, world: World) -> None:
        code = invited(world, "last_name")
        with refused(ErrorCode.VERIFICATION_NEEDED) as refusal:
            ask(code)
        assert isinstance(refusal.value, SecondFactorError)
        assert refusal.value.was_given is False

    def test_takes_no_other_answer_than_what_is_asked_for(self, world: World) -> None:
        code = invited(world, "postal_code", postal_code="20500", last_name="Sample")
        with refused(ErrorCode.VERIFICATION_NEEDED):
            ask(code, verification=Verification(last_name="Sample"))

    @pytest.mark.parametrize("given", ["", "Sample"])
    def test_gives_no_free_pass_to_whom_we_know_nothing_of(self, world: World, given: str) -> None:
        code = invited(world, "last_name", last_name="")
        with refused(ErrorCode.VERIFICATION_NEEDED) as refusal:
            ask(code, verification=Verification(last_name=given))
        assert isinstance(refusal.value, SecondFactorError)
        assert refusal.value.is_on_file is False
        words = refusal.value.customer_words(support_phone="+1 202 555 0100")
        assert "+1 202 555 0100" in words
        assert "a person has to help you" in words

    def test_says_nothing_of_a_used_code_before_it_is_shown(self, world: World) -> None:
        (code,) = world.invite()
        ask(code)
        demand("last_name")
        with refused(ErrorCode.VERIFICATION_NEEDED):
            ask(code)
        with pytest.raises(AlreadyProvisionedError):
            ask(code, verification=Verification(last_name="sample"))

    @pytest.mark.parametrize(
        "who",
        [
            {"door": Redemption.Door.DESK},
            {"door": Redemption.Door.CRM},
            {"door": Redemption.Door.API, "vouches": True},
        ],
    )
    def test_believes_who_knows_the_person(self, world: World, who: dict[str, Any]) -> None:
        code = invited(world, "last_name")
        assert ask(code, caller=caller(**who)).state == "issued"

    @pytest.mark.parametrize("door", [Redemption.Door.WEB, Redemption.Door.API])
    def test_believes_no_stranger(self, world: World, door: Redemption.Door) -> None:
        code = invited(world, "last_name")
        with refused(ErrorCode.VERIFICATION_NEEDED):
            ask(code, caller=caller(door=door))

    def test_is_not_asked_again_of_who_has_waited(self, world: World) -> None:
        code = invited(world, "last_name")
        Campaign.objects.update(approval_required=True)
        Recipient.objects.update(approval="pending")
        waiting = ask(code, verification=Verification(last_name="Sample"))
        assert waiting.state == "waiting_approval"
        decide_recipients(
            viewer=SYSTEM,
            recipient_ids=[world.recipient(code).pk],
            is_approved=True,
            reason="",
            now=NOW,
        )
        serve_waiting(now=NOW, limit=10)
        assert Redemption.objects.get().state == "issued"


class TestApi:
    @pytest.fixture
    def key(self, world: World) -> str:
        with transaction():
            return create_api_key(name="T", owner=world.client, scopes=SCOPES, now=NOW)[1]

    def post(self, key: str, path: str, body: dict[str, Any]) -> Any:
        return HttpClient().post(
            f"/api/v1{path}",
            json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Api-Key {key}", "Idempotency-Key": str(uuid4())},
        )

    @pytest.mark.parametrize("factor", ["last_name", "postal_code", "phone"])
    def test_says_what_a_code_requires(self, world: World, key: str, factor: str) -> None:
        code = invited(world, factor)
        answer = self.post(key, "/codes/validate/", {"code": code}).json()
        assert answer["requires"] == ["contact", factor]
        assert answer["valid"] is True

    def test_refuses_with_what_is_needed_and_never_what_is_on_file(
        self, world: World, key: str
    ) -> None:
        code = invited(world, "last_name")
        answer = self.post(key, "/redemptions/", {"code": code})
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (403, "GC-009")
        assert problem["second_factor"] == "last_name"
        assert list(problem["errors"]) == ["verification.last_name"]
        assert "Sample" not in answer.content.decode()
        assert Redemption.objects.count() == 0

    def test_takes_the_verification(self, world: World, key: str) -> None:
        code = invited(world, "last_name")
        answer = self.post(
            key, "/redemptions/", {"code": code, "verification": {"last_name": "SAMPLE"}}
        )
        assert (answer.status_code, answer.json()["state"]) == (201, "issued")


class TestForm:
    def enter(self, code: str) -> HttpClient:
        http = HttpClient()
        http.post("/redeem/", {"code": code})
        return http

    def give(self, http: HttpClient, answer: str) -> Any:
        return http.post(
            "/redeem/",
            {"method": "sms", "phone": "202 555 0123", "verification": answer},
            follow=True,
        )

    def test_asks_only_where_the_campaign_does(self, world: World) -> None:
        (code,) = world.invite()
        assert 'name="verification"' not in self.enter(code).get("/redeem/").content.decode()
        demand("postal_code")
        page = self.enter(code).get("/redeem/").content.decode()
        assert 'name="verification"' in page
        assert "Your postal code" in page

    def test_leads_to_the_card_with_the_right_answer(self, world: World) -> None:
        http = self.enter(invited(world, "last_name"))
        assert "GIFT-" in self.give(http, "sample").content.decode()

    def test_asks_again_after_a_wrong_one(self, world: World) -> None:
        http = self.enter(invited(world, "last_name"))
        answer = self.give(http, "Simple")
        page = answer.content.decode()
        assert answer.status_code == 403
        assert "This is not what we have on file." in page
        assert "Sample" not in page
        assert "GC-" not in page
        assert Redemption.objects.count() == 0

    def test_sends_whom_we_know_nothing_of_to_a_person(self, world: World) -> None:
        http = self.enter(invited(world, "last_name", last_name=""))
        answer = self.give(http, "Sample")
        assert answer.status_code == 403
        assert "a person has to help you" in answer.content.decode()
        assert Redemption.objects.count() == 0
