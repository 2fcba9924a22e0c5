"""The panel of a campaign in the admin, and the approval of recipients, by their addresses."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import reverse

from alerts.errors import ValidationFailedError
from credit.models import AuditEvent, User
from credit.selectors.viewers import SYSTEM, Grant, Role, Viewer
from redemption.models import Campaign, Condition, Recipient, Redemption
from redemption.selectors.readiness import check_readiness, what_stops
from redemption.services.campaign_status import (
    CampaignNotFoundError,
    CampaignStepError,
    begin_test_mode,
    change_status,
    end_test_mode,
)
from tests.redemption.asking import ask
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(1)
    return world


@pytest.fixture
def operator() -> User:
    return make_platform_admin()


@pytest.fixture
def browser(operator: User) -> Browser:
    return sign_in(operator)


def press(browser: Browser, world: World, button: str, **fields: str) -> Any:
    url = reverse(f"admin:redemption_campaign_{button}", args=[world.campaign.pk])
    return browser.post(url, fields, follow=True)


def page_of(browser: Browser, world: World) -> str:
    url = reverse("admin:redemption_campaign_change", args=[world.campaign.pk])
    return browser.get(url).content.decode()


def step(world: World, to: str, viewer: Viewer = SYSTEM) -> str:
    return change_status(viewer=viewer, campaign_id=world.campaign.pk, to=to, now=NOW)


def status() -> str:
    return Campaign.objects.get().status


class TestReadiness:
    def stops(self, world: World) -> list[str]:
        return what_stops(check_readiness(Campaign.objects.get(), now=NOW))

    def test_finds_nothing_in_the_way_of_a_whole_campaign(self, world: World) -> None:
        world.invite()
        assert self.stops(world) == []
        verdicts = {c.name: c.verdict for c in check_readiness(Campaign.objects.get(), now=NOW)}
        assert verdicts["Stock"] == verdicts["People"] == verdicts["Budget"] == "fine"
        assert verdicts["Test"] == "warn"

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            (lambda: Campaign.objects.update(account=None), "Budget"),
            (lambda: Condition.objects.update(is_active=False), "Conditions"),
            (lambda: Condition.objects.update(brand=None), "Conditions"),
            (lambda: Condition.objects.update(card_value_minor=1), "Conditions"),
            (lambda: Condition.objects.update(currency="EUR"), "Budget"),
            (lambda: Campaign.objects.update(claim_expires_at=NOW.replace(year=2025)), "Dates"),
            (lambda: Campaign.objects.update(ends_at=NOW.replace(year=2025)), "Dates"),
        ],
    )
    def test_says_what_is_in_the_way(self, world: World, change: Any, name: str) -> None:
        change()
        assert name in {words.partition(":")[0] for words in self.stops(world)}

    def test_counts_who_could_not_show_the_second_factor(self, world: World) -> None:
        world.invite(3)
        Campaign.objects.update(second_factor="postal_code")
        (people,) = (
            c for c in check_readiness(Campaign.objects.get(), now=NOW) if c.name == "People"
        )
        assert people.verdict == "warn"
        assert people.words.startswith("3 have no postal code on file")


class TestStatus:
    def test_goes_from_step_to_step(self, world: World) -> None:
        Campaign.objects.update(status="draft")
        assert [step(world, to) for to in ("active", "paused", "active", "ended")] == [
            "active",
            "paused",
            "active",
            "ended",
        ]
        actions = AuditEvent.objects.values_list("action", flat=True)
        assert sorted(actions) == [
            "campaign.activated",
            "campaign.activated",
            "campaign.ended",
            "campaign.paused",
        ]

    def test_refuses_a_step_that_leads_nowhere(self, world: World) -> None:
        with pytest.raises(CampaignStepError):
            step(world, "active")
        Campaign.objects.update(status="draft")
        with pytest.raises(CampaignStepError):
            step(world, "paused")
        assert status() == "draft"
        assert AuditEvent.objects.count() == 0

    def test_activates_nothing_that_is_not_ready(self, world: World) -> None:
        Campaign.objects.update(status="draft", account=None)
        with pytest.raises(ValidationFailedError) as refusal:
            step(world, "active")
        assert refusal.value.errors["campaign"][0].startswith("Budget: No account pays")
        assert status() == "draft"

    def test_is_out_of_credit_where_the_budget_pays_for_nothing(self) -> None:
        poor = build_world(credit_minor=0)
        Campaign.objects.update(status="draft")
        assert step(poor, "active") == "depleted"

    def test_is_nobody_elses_to_change(self, world: World) -> None:
        other = build_world(name="Birch")
        stranger = Viewer(
            actor="user:1",
            client_ids=frozenset({other.client.pk}),
            grants=(Grant(role=Role.CLIENT_MANAGER, client_id=other.client.pk),),
        )
        with pytest.raises(CampaignNotFoundError):
            step(world, "paused", stranger)


class TestTestMode:
    def test_frees_the_codes_that_it_was_tried_with(self, world: World) -> None:
        Campaign.objects.update(status="draft")
        begin_test_mode(viewer=SYSTEM, campaign_id=world.campaign.pk, now=NOW)
        first, second = world.invite(2)
        assert ask(first).is_test
        assert ask(world.invite(is_test=True)[0]).is_test
        assert end_test_mode(viewer=SYSTEM, campaign_id=world.campaign.pk, now=NOW) == 1
        step(world, "active")
        result = ask(first)
        assert (result.state, result.is_test, result.charged_minor) == ("issued", False, 2500)
        del second

    def test_does_not_begin_once_somebody_has_claimed(self, world: World) -> None:
        ask(world.invite()[0])
        with pytest.raises(CampaignStepError):
            begin_test_mode(viewer=SYSTEM, campaign_id=world.campaign.pk, now=NOW)
        assert Campaign.objects.get().test_mode is False


class TestPanel:
    def test_tells_how_it_stands(self, world: World, browser: Browser) -> None:
        page = page_of(browser, world)
        assert "It is active" in page
        assert "Strong: 60 bits" in page
        assert "Exporting codes needs a right of its own" in page

    def test_changes_the_status(self, world: World, browser: Browser, operator: User) -> None:
        page = press(browser, world, "status", to="paused").content.decode()
        assert "The campaign is paused" in page
        assert status() == "paused"
        assert AuditEvent.objects.get().actor == f"user:{operator.pk}"

    def test_says_what_is_in_the_way(self, world: World, browser: Browser) -> None:
        Campaign.objects.update(status="draft")
        Condition.objects.update(is_active=False)
        page = press(browser, world, "status", to="active").content.decode()
        assert "Conditions: Add one" in page
        assert status() == "draft"

    @pytest.mark.parametrize("to", ["", "draft", "depleted", "nonsense"])
    def test_knows_no_other_step(self, world: World, browser: Browser, to: str) -> None:
        assert press(browser, world, "status", to=to).status_code == 404
        assert status() == "active"

    def test_makes_a_test_code_with_one_press(self, world: World, browser: Browser) -> None:
        Campaign.objects.update(second_factor="postal_code")
        answer = press(browser, world, "test_code")
        assert answer["Cache-Control"].count("no-store") == 1
        recipient = Recipient.objects.get()
        assert recipient.is_test is True
        page = answer.content.decode()
        assert recipient.code_last4 in page
        assert "20500" in page

    def test_makes_codes(self, world: World, browser: Browser) -> None:
        assert "3 codes were made" in press(browser, world, "codes", count="3").content.decode()
        assert Recipient.objects.count() == 3
        for count in ("", "-1", "99999999999", "x"):
            assert "Between 1 and" in press(browser, world, "codes", count=count).content.decode()
        assert Recipient.objects.count() == 3

    def test_exports_codes_to_who_has_the_right(
        self, world: World, browser: Browser, operator: User
    ) -> None:
        (code,) = world.invite()
        refusal = press(browser, world, "export")
        assert "text/html" in refusal["Content-Type"]
        assert AuditEvent.objects.count() == 0
        operator.user_permissions.add(Permission.objects.get(codename="export_codes"))
        answer = press(browser, world, "export")
        lines = b"".join(answer.streaming_content).decode().splitlines()
        assert lines[0].endswith(",redemption_code")
        assert lines[1].replace("-", "").endswith(code.replace("-", ""))
        assert AuditEvent.objects.get().action == "codes.exported"

    def test_is_for_the_platform_alone(self, world: World) -> None:
        manager = sign_in(make_agency_manager(world.agency))
        for button in ("status", "test_mode", "test_code", "codes", "export"):
            url = reverse(f"admin:redemption_campaign_{button}", args=[world.campaign.pk])
            assert manager.post(url, {"to": "paused", "count": "1"}).status_code in (302, 403, 404)
        assert status() == "active"
        assert Recipient.objects.count() == 0

    def test_does_nothing_on_a_get(self, world: World, browser: Browser) -> None:
        for button in ("status", "test_mode", "test_code", "codes", "export"):
            url = reverse(f"admin:redemption_campaign_{button}", args=[world.campaign.pk])
            assert browser.get(url).status_code == 405
        assert Recipient.objects.count() == 0


class TestForm:
    def test_keeps_weak_codes_behind_a_second_factor(self, world: World, browser: Browser) -> None:
        from tests.redemption.test_admin import send_campaign

        Campaign.objects.update(
            second_factor="last_name", code_policy="imported", imported_code_bits=20
        )
        campaign = Campaign.objects.get()
        page = send_campaign(world, campaign, second_factor="").content.decode()
        assert "has codes that can be guessed" in page
        assert Campaign.objects.get().second_factor == "last_name"


class TestApproving:
    def decide(self, browser: Browser, *ids: Any, **fields: str) -> Any:
        url = reverse("admin:redemption_recipient_decide")
        return browser.post(url, {"id": [str(pk) for pk in ids], **fields}, follow=True)

    def test_decides_about_many(self, world: World, browser: Browser) -> None:
        Campaign.objects.update(approval_required=True)
        world.campaign.refresh_from_db()
        for code in world.invite(2):
            ask(code)
        ids = list(Recipient.objects.values_list("pk", flat=True))
        asked = browser.post(
            reverse("admin:redemption_recipient_changelist"),
            {"action": "reject", "_selected_action": [str(pk) for pk in ids]},
        ).content.decode()
        assert "Turn down 2 recipients" in asked
        without = self.decide(browser, *ids, decision="reject", reason="")
        assert "Say why." in without.content.decode()
        page = self.decide(browser, *ids, decision="reject", reason="Not customers")
        assert "2 turned down." in page.content.decode()
        assert set(Redemption.objects.values_list("state", flat=True)) == {"failed"}

    def test_decides_on_the_page_of_one(self, world: World, browser: Browser) -> None:
        world.invite()
        recipient = Recipient.objects.get()
        url = reverse("admin:redemption_recipient_change", args=[recipient.pk])
        assert "Turn down" in browser.get(url).content.decode()
        self.decide(browser, recipient.pk, decision="approve")
        recipient.refresh_from_db()
        assert recipient.approval == "approved"

    @pytest.mark.parametrize("ids", [[], ["nonsense"]])
    def test_refuses_what_is_no_choice(self, browser: Browser, ids: list[str]) -> None:
        assert self.decide(browser, *ids, decision="approve").status_code == 404
