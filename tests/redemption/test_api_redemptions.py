"""The list of redemptions over the API: each partner's own, newest first, in a few queries."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from credit.models import Client
from credit.selectors.viewers import SYSTEM
from giftcards.models import GiftCard
from redemption.models import Campaign, Redemption
from redemption.selectors.redemptions import redemptions_of
from redemption.services.cancelling import cancel_redemption
from tests.credit.partners import Partner, assert_problem
from tests.database import owner_url
from tests.redemption.asking import ask
from tests.redemption.taking_back import redeem_one
from tests.redemption.test_api_taking_back import FIELDS
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

_SECRETS = ("code", "pin", "number", "url")


@pytest.fixture
def world() -> World:
    return build_world()


def make(world: World, *, days: int = 0, **changes: Any) -> str:
    """Redeem a code so many days after NOW; return the redemption's id."""
    world.stock(1)
    code = world.invite()[0]
    return str(ask(code, now=NOW + timedelta(days=days), **changes).redemption_id)


def listed(owner: object, *scopes: str, **filters: Any) -> list[dict[str, Any]]:
    partner = Partner(owner, scopes) if scopes else Partner(owner)  # type: ignore[arg-type]
    response = partner.get("/redemptions/", **filters)
    assert response.status_code == 200, response.content
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def ids(owner: object, **filters: Any) -> list[str]:
    return [one["id"] for one in listed(owner, **filters)]


class TestListRedemptions:
    def test_prints_each_as_a_look_at_it_does_the_newest_first(self, world: World) -> None:
        first, second = make(world, disclose=True), make(world, days=1, disclose=True)
        waiting = str(ask(world.invite()[0], now=NOW + timedelta(days=2)).redemption_id)
        partner = Partner(world.client)
        response = partner.get("/redemptions/")
        assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
        page = response.json()
        assert (page["next"], page["previous"]) == (None, None)
        assert [one["id"] for one in page["results"]] == [waiting, second, first]
        for one in page["results"]:
            assert set(one) == FIELDS
            assert one == partner.get(f"/redemptions/{one['id']}/").json()
        assert page["results"][1]["card"]["code"].startswith("GIFT-")
        assert page["results"][1]["credit_remaining"] == "950.00"
        assert page["results"][2]["credit_remaining"] == "975.00"

    def test_prints_what_was_taken_back(self, world: World) -> None:
        result = redeem_one(world)
        cancel_redemption(
            viewer=SYSTEM,
            redemption_id=result.redemption_id,
            reason="Moved away",
            now=NOW,
        )
        (one,) = listed(world.client)
        assert (one["state"], one["charged"], one["refunded"]) == ("cancelled", "25.00", "25.00")
        assert (one["card"], one["reveal_url"]) == (None, None)

    def test_shows_a_partner_only_its_own(self, world: World) -> None:
        stranger = build_world(name="Birch")
        mine, theirs = make(world), make(stranger, days=1)
        sibling = Client.objects.create(agency=world.agency, name="Sibling", slug=uuid4().hex)
        assert ids(world.client) == ids(world.agency) == [mine]
        assert ids(stranger.client) == ids(stranger.agency) == [theirs]
        assert ids(sibling) == []
        assert ids(None) == [theirs, mine]

    def test_filters(self, world: World) -> None:
        other = Campaign.objects.create(client=world.client, name="Other")
        old, new = make(world), make(world, days=2, disclose=True)
        waiting = str(ask(world.invite()[0], now=NOW + timedelta(days=1)).redemption_id)
        Redemption.objects.filter(pk=new).update(state="delivered", delivered_at=NOW)
        middle = (NOW + timedelta(days=1)).isoformat()
        assert ids(world.client, state="waiting_stock") == [waiting]
        assert ids(world.client, state="issued") == [old]
        assert ids(world.client, campaign_id=world.campaign.pk) == [new, waiting, old]
        assert ids(world.client, campaign_id=other.pk) == []
        # A moment belongs to the window that it opens, so that windows neither miss nor repeat.
        assert ids(world.client, created_after=middle) == [new, waiting]
        assert ids(world.client, created_before=middle) == [old]
        assert ids(
            world.client,
            campaign_id=world.campaign.pk,
            state="delivered",
            created_after=middle,
            created_before=(NOW + timedelta(days=3)).isoformat(),
        ) == [new]

    def test_finds_nothing_of_a_strangers_campaign(self, world: World) -> None:
        stranger = build_world(name="Birch")
        make(stranger)
        for owner in (world.client, world.agency):
            assert ids(owner, campaign_id=stranger.campaign.pk) == []
            assert ids(owner, campaign_id=uuid4()) == []
        assert len(ids(None, campaign_id=stranger.campaign.pk)) == 1

    @pytest.mark.parametrize("narrowed", [False, True])
    def test_turns_pages_also_of_one_moment(self, world: World, narrowed: bool) -> None:
        stranger = build_world(name="Birch")
        made = [make(world), make(stranger), *(make(world) for _ in range(3)), make(stranger)]
        owner, filters = None, {}
        if narrowed:
            owner, filters = world.agency, {"campaign_id": world.campaign.pk}
            made = [one for one in made if one in ids(world.client)]
        partner = Partner(owner)
        page = partner.get("/redemptions/", page_size=2, **filters).json()
        first, seen = page, [one["id"] for one in page["results"]]
        while page["next"]:
            back = page
            page = partner.follow(page["next"]).json()
            seen += [one["id"] for one in page["results"]]
            assert partner.follow(page["previous"]).json()["results"] == back["results"]
        assert seen == sorted(made, reverse=True)
        assert len(first["results"]) == 2


class TestSecrets:
    def test_are_null_without_the_scope(self, world: World) -> None:
        make(world, disclose=True)
        (one,) = listed(world.client, "redeem")
        assert [one["card"][name] for name in _SECRETS] == [None] * 4
        assert (one["reveal_url"], one["credit_remaining"]) == (None, None)
        assert one["card"]["last4"]

    def test_are_shown_of_a_card_that_was_seen(self, world: World) -> None:
        make(world, disclose=True)
        (one,) = listed(world.client, "redeem", "cards:reveal")
        assert (one["card"]["code"][:5], one["card"]["pin"]) == ("GIFT-", "4321")
        assert "/r/" in one["reveal_url"]

    def test_stay_hidden_of_a_card_that_nobody_has_seen(self, world: World) -> None:
        redemption_id = make(world)
        (one,) = listed(world.client)
        assert [one["card"][name] for name in _SECRETS] == [None] * 4
        assert (one["state"], one["reveal_url"]) == ("issued", None)
        # A list discloses nothing: this card may still go back to stock.
        card = GiftCard.objects.get(last4=one["card"]["last4"])
        assert (card.status, card.disclosed_at) == ("claimed", None)
        shown = Partner(world.client).get(f"/redemptions/{redemption_id}/").json()
        assert shown["card"]["code"].startswith("GIFT-")
        assert listed(world.client)[0]["card"] == shown["card"]

    def test_of_a_test_are_hidden_like_real_ones(self, world: World) -> None:
        code = world.invite(is_test=True)[0]
        redemption_id = ask(code).redemption_id
        for scopes, shown in ((("redeem",), None), (("redeem", "cards:reveal"), "TEST-0000")):
            partner = Partner(world.client, scopes)
            (one,) = partner.get("/redemptions/").json()["results"]
            detail = partner.get(f"/redemptions/{redemption_id}/").json()
            assert one["card"] == detail["card"]
            code = one["card"]["code"]
            assert (code and code[:9]) == shown


class TestQuestion:
    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("colour=red", "colour"),
            ("campaign_id=7", "campaign_id"),
            ("state=open", "state"),
            ("state=", "state"),
            ("created_after=yesterday", "created_after"),
            ("created_before=2026-13-01T00:00:00Z", "created_before"),
            ("created_before=9999-12-31T23:59:59-14:00", "created_before"),
            ("cursor=x", "cursor"),
            ("page_size=201", "page_size"),
            ("state=issued&state=failed", "state"),
        ],
    )
    def test_names_the_parameter(self, world: World, query: str, field: str) -> None:
        body = assert_problem(Partner(world.client).get(f"/redemptions/?{query}"), 400, "GC-012")
        assert list(body["errors"]) == [field]

    @pytest.mark.parametrize("scope", ["provision", "cards:reveal", "credit:read"])
    def test_wants_its_scope(self, world: World, scope: str) -> None:
        problem = assert_problem(Partner(None, (scope,)).get("/redemptions/"), 403, "GC-110")
        assert problem["scope"] == "redeem"


class TestCost:
    def test_is_the_same_number_of_queries_for_many_rows(self, world: World) -> None:
        make(world, disclose=True)
        counts = []
        partner = Partner(None)
        partner.get("/redemptions/")
        for _ in range(2):
            with CaptureQueriesContext(connection) as queries:
                assert partner.get("/redemptions/").status_code == 200
            counts.append(len(queries))
            for _ in range(8):
                make(world, disclose=True)
        assert counts[0] == counts[1] <= 14, queries.captured_queries

    @pytest.mark.parametrize("narrowed", [False, True])
    def test_of_a_page_does_not_grow_with_the_list(self, world: World, narrowed: bool) -> None:
        stranger = build_world(name="Birch")
        for one in (world, stranger):
            make_failed(one, 10_000)
        filters = {"campaign_id": world.campaign.pk} if narrowed else {}
        partner = Partner(None)
        page = partner.get("/redemptions/", page_size=20, **filters).json()
        for _ in range(3):
            with reading_plans() as plans:
                page = partner.follow(page["next"]).json()
        assert len(page["results"]) == 20
        scans = [one for plan in plans for one in scans_of(plan)]
        assert scans
        # Also far from its beginning: the page's rows of each client, and a few of the same time.
        assert max(scans) <= 200, plans

    def test_of_ordering_it_all_is_seen(self, world: World) -> None:
        make_failed(world, 10_000)
        with reading_plans() as plans:
            list(redemptions_of(viewer=SYSTEM).order_by("-created_at", "-id")[:20])
        assert max(scans_of(plans[0])) >= 10_000


def make_failed(world: World, count: int) -> None:
    """Write that many redemptions that came to nothing, a second apart."""
    recipient = world.recipient(world.invite()[0])
    with psycopg.connect(owner_url(), autocommit=True) as owner:
        owner.execute("SELECT set_config('giftline.scope', '*', false)")
        owner.execute(
            "INSERT INTO redemption_redemption (id, client_id, campaign_id, recipient_id,"
            " condition_id, state, door, actor, currency, contact_method, request_id, created_at,"
            " code_age_hours)"
            " SELECT gen_random_uuid(), %s, %s, %s, %s, 'failed', 'api', 'system', 'USD', 'none',"
            " 'request-1', %s + make_interval(secs => n), 0 FROM generate_series(1, %s) n",
            [
                world.client.pk,
                world.campaign.pk,
                recipient.pk,
                world.condition.pk,
                NOW,
                count,
            ],
        )
        owner.execute("ANALYZE redemption_redemption")


@contextlib.contextmanager
def reading_plans() -> Iterator[list[Any]]:
    """Collect what each query of redemptions in the block did, as PostgreSQL tells it."""
    plans: list[Any] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT") and 'FROM "redemption_redemption"' in sql:
            execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params, many, context)
            plans.append(context["cursor"].fetchone()[0][0]["Plan"])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield plans


def scans_of(plan: dict[str, Any]) -> Iterator[int]:
    """Tell of each look into the table of redemptions how many rows it read."""
    if plan.get("Relation Name") == "redemption_redemption":
        dropped = plan.get("Rows Removed by Filter", 0) + plan["Actual Rows"]
        yield dropped * plan["Actual Loops"]
    for inner in plan.get("Plans", ()):
        yield from scans_of(inner)
