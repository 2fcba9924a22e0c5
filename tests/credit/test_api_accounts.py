"""Accounts and entries over the API: what a key sees, page by page."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client as HttpClient

from alerts.transactions import transaction
from credit.models import Account, Client
from credit.services.accounts import open_campaign_account, open_client_account
from credit.services.slots import split_account
from tests.credit.account_lists import give, ids
from tests.credit.partners import Partner, agency_account, assert_problem
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def sibling(world: World) -> Account:
    """Another client of the same agency."""
    with transaction():
        client = Client.objects.create(agency=world.agency, name="Sibling", slug=uuid4().hex)
        return open_client_account(client=client, currency="USD")


@pytest.fixture
def campaign_account(world: World) -> Account:
    with transaction():
        return open_campaign_account(client=world.client, name="Own", currency="USD")


class TestAccounts:
    def test_prints_an_account(self, world: World) -> None:
        Account.objects.filter(pk=world.account.pk).update(low_balance_threshold_minor=5_000)
        response = Partner(world.client).get(f"/accounts/{world.account.pk}/")
        assert response.status_code == 200
        assert response.json() == {
            "id": str(world.account.pk),
            "level": "client",
            "name": "Acorn Ltd",
            "parent_id": str(agency_account(world).pk),
            "currency": "USD",
            "balance": "1000.00",
            "held": "0.00",
            "low_balance_threshold": "50.00",
            "status": "active",
        }
        assert response["Cache-Control"] == "no-store"

    def test_shows_a_client_its_own_and_its_campaigns(
        self, world: World, sibling: Account, campaign_account: Account
    ) -> None:
        build_world(name="Birch")
        response = Partner(world.client).get("/accounts/")
        assert ids(response) == [str(world.account.pk), str(campaign_account.pk)]
        assert response.json()["next"] is None
        assert response.json()["previous"] is None

    def test_shows_an_agency_itself_and_all_below(
        self, world: World, sibling: Account, campaign_account: Account
    ) -> None:
        build_world(name="Birch")
        assert set(ids(Partner(world.agency).get("/accounts/"))) == {
            str(account.pk)
            for account in (agency_account(world), world.account, sibling, campaign_account)
        }

    def test_shows_the_platform_all_but_the_other_sides_of_its_books(self, world: World) -> None:
        other = build_world(name="Birch")
        response = Partner(None).get("/accounts/")
        assert set(ids(response)) == {
            str(account.pk)
            for account in (
                world.platform_account,
                agency_account(world),
                world.account,
                agency_account(other),
                other.account,
            )
        }
        (platform,) = [item for item in response.json()["results"] if item["level"] == "platform"]
        assert (platform["balance"], platform["parent_id"]) == (None, None)
        contra = Account.objects.get(purpose="consumed", currency="USD")
        for path in ("", "entries/", "statement/"):
            assert_problem(Partner(None).get(f"/accounts/{contra.pk}/{path}"), 404, "GC-111")

    @pytest.mark.parametrize("path", ["", "entries/", "statement/", "statement/?as=csv"])
    def test_does_not_know_what_is_out_of_scope(
        self, world: World, sibling: Account, path: str
    ) -> None:
        stranger = build_world(name="Birch")
        for owner, account in (
            (stranger.client, world.account),
            (stranger.agency, world.account),
            (stranger.agency, agency_account(world)),
            (sibling.client, world.account),
            (world.client, sibling),
            (world.client, agency_account(world)),
            (world.client, world.platform_account),
            (world.agency, world.platform_account),
        ):
            response = Partner(owner).get(f"/accounts/{account.pk}/{path}")
            body = assert_problem(response, 404, "GC-111")
            assert account.name not in str(body)
        missing = Partner(world.agency).get(f"/accounts/{uuid4()}/{path}")
        assert_problem(missing, 404, "GC-111")

    @pytest.mark.parametrize("path", ["", "{}/", "{}/entries/", "{}/statement/"])
    def test_asks_for_the_scope(self, world: World, path: str) -> None:
        path = f"/accounts/{path.format(world.account.pk)}"
        others = Partner(world.client, ("redeem", "credit:allocate"))
        assert_problem(others.get(path), 403, "GC-110")
        assert_problem(HttpClient().get(f"/api/v1{path}"), 401, "GC-109")

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
    def test_changes_nothing(self, world: World, method: str) -> None:
        partner = Partner(world.client)
        send = getattr(partner.http, method)
        response = send(f"/api/v1/accounts/{world.account.pk}/", headers=partner.headers)
        assert_problem(response, 405, "GC-117")

    @pytest.mark.parametrize("key", ["1", "%00", "%ff", "..%2f", "x" * 500])
    def test_does_not_know_what_is_no_id(self, world: World, key: str) -> None:
        assert_problem(Partner(world.client).get(f"/accounts/{key}/"), 404, "GC-111")


class TestEntries:
    def test_prints_the_newest_first(self, world: World, campaign_account: Account) -> None:
        give(world.account, campaign_account, 2_500)
        response = Partner(world.client).get(f"/accounts/{world.account.pk}/entries/")
        newest, oldest = response.json()["results"]
        entry = world.account.entries.select_related("transaction").order_by("-number")[0]
        assert newest == {
            "id": str(entry.id),
            "number": entry.number,
            "transaction_id": str(entry.transaction_id),
            "kind": "allocation",
            "account_id": str(world.account.pk),
            "amount": "-25.00",
            "currency": "USD",
            "balance_after": "975.00",
            "reference": entry.transaction.reference,
            "note": "Spring",
            "created_at": "2026-03-02T15:30:00Z",
        }
        assert (oldest["amount"], oldest["balance_after"]) == ("1000.00", "1000.00")

    def test_prints_no_balance_where_none_is_kept(self, world: World) -> None:
        response = Partner(None).get(f"/accounts/{world.platform_account.pk}/entries/")
        (entry,) = response.json()["results"]
        assert (entry["kind"], entry["amount"], entry["balance_after"]) == (
            "issue",
            "-1000.00",
            None,
        )

    def test_filters_by_kind(self, world: World) -> None:
        path = f"/accounts/{agency_account(world).pk}/entries/"
        agency = Partner(world.agency)
        assert [e["amount"] for e in agency.get(path, kind="issue").json()["results"]] == [
            "1000.00"
        ]
        assert [e["amount"] for e in agency.get(path, kind="allocation").json()["results"]] == [
            "-1000.00"
        ]
        assert ids(agency.get(path, kind="refund")) == []

    @pytest.mark.parametrize(
        ("parameters", "amounts"),
        [
            ({"created_after": "2026-03-03T00:00:00Z"}, ["-3.00", "-2.00"]),
            ({"created_after": "2026-03-03T12:00:00Z"}, ["-3.00", "-2.00"]),
            ({"created_before": "2026-03-03T12:00:00Z"}, ["-1.00"]),
            ({"created_before": "2026-03-03T13:00:00+01:00"}, ["-1.00"]),
            ({"created_before": "2026-03-03T12:00:01"}, ["-2.00", "-1.00"]),
            (
                {
                    "created_after": "2026-03-03T12:00:00Z",
                    "created_before": "2026-03-04T12:00:00Z",
                },
                ["-2.00"],
            ),
        ],
    )
    def test_filters_by_time(
        self,
        world: World,
        campaign_account: Account,
        parameters: dict[str, str],
        amounts: list[str],
    ) -> None:
        for day in (1, 2, 3):
            now = datetime(2026, 3, day + 1, 12, tzinfo=UTC)
            give(world.account, campaign_account, day * 100, now=now)
        response = Partner(world.client).get(
            f"/accounts/{world.account.pk}/entries/", kind="allocation", **parameters
        )
        spent = [e["amount"] for e in response.json()["results"] if e["amount"][0] == "-"]
        assert spent == amounts


class TestSplitAccount:
    def test_has_one_balance_from_entry_to_entry(
        self, world: World, campaign_account: Account
    ) -> None:
        give(world.account, campaign_account, 10_000)
        split_account(account_id=world.account.pk, slots=4, actor="test", now=NOW)
        for _ in range(3):
            # More than a slot holds, so that several of them pay.
            give(world.account, campaign_account, 30_000)
        client = Partner(world.client)
        assert client.get(f"/accounts/{world.account.pk}/").json()["balance"] == "0.00"
        path = f"/accounts/{world.account.pk}/entries/"
        entries = client.get(path).json()["results"]
        assert {entry["kind"] for entry in entries} == {"allocation"}
        assert sum(Decimal(entry["amount"]) for entry in entries) == 0
        held = Decimal(0)
        for entry in reversed(entries):
            held += Decimal(entry["amount"])
            assert Decimal(entry["balance_after"]) == held
        assert len(entries) > 5
        # The same from page to page, and in the statement.
        paged, response = [], client.get(path, page_size=2)
        while True:
            paged += response.json()["results"]
            if response.json()["next"] is None:
                break
            response = client.follow(response.json()["next"])
        assert paged == entries
        statement = client.get(
            f"/accounts/{world.account.pk}/statement/", **{"from": "2026-03-01", "to": "2026-03-31"}
        ).json()
        assert statement["entries"] == entries[::-1]
        assert statement["closing_balance"] == "0.00"


class TestBadQueries:
    @pytest.mark.parametrize(
        ("path", "query", "field"),
        [
            ("", "colour=red", "colour"),
            ("", "kind=issue", "kind"),
            ("", "page_size=0", "page_size"),
            ("", "page_size=201", "page_size"),
            ("", "page_size=ten", "page_size"),
            ("", "page_size=" + "9" * 5000, "page_size"),
            ("", "page_size=10&page_size=20", "page_size"),
            ("", "cursor=", "cursor"),
            ("", "cursor=abc", "cursor"),
            ("", "cursor=%00", "cursor"),
            ("", "cursor=%ff%fe", "cursor"),
            ("", "cursor=" + "A" * 401, "cursor"),
            ("", "cursor=" + "A" * 400, "cursor"),
            ("", "cursor=\u00e9", "cursor"),
            ("", "%00=1", "\ufffd"),
            ("entries/", "kind=pigeon", "kind"),
            ("entries/", "kind=rebalance", "kind"),
            ("entries/", "created_after=yesterday", "created_after"),
            ("entries/", "created_after=2026-02-30T00:00:00Z", "created_after"),
            ("entries/", "created_before=%00", "created_before"),
            ("entries/", "created_before=99999-01-01T00:00:00Z", "created_before"),
            ("entries/", "cursor=abc", "cursor"),
            ("entries/", "format=csv", "format"),
            ("statement/", "from=2026-03-02&to=2026-03-01", "to"),
            ("statement/", "from=2026-02-30", "from"),
            ("statement/", "to=0000-00-00", "to"),
            ("statement/", "to=2026-03-01T00:00:00Z", "to"),
            ("statement/", "as=xml", "as"),
            ("statement/", "as=", "as"),
            ("statement/", "as=csv&as=pdf", "as"),
            ("statement/", "start=2026-03-01", "start"),
        ],
    )
    def test_names_the_parameter(self, world: World, path: str, query: str, field: str) -> None:
        partner = Partner(world.client)
        prefix = f"/accounts/{world.account.pk}/" if path else "/accounts/"
        response = partner.get(f"{prefix}{path}?{query}")
        body = assert_problem(response, 400, "GC-012")
        assert list(body["errors"]) == [field]

    @pytest.mark.parametrize(
        "query",
        ["created_after=0001-01-01T00:00:00%2B14:00", "created_before=9999-12-31T23:59:59-14:00"],
    )
    def test_reads_the_ends_of_time(self, world: World, query: str) -> None:
        response = Partner(world.client).get(f"/accounts/{world.account.pk}/entries/?{query}")
        assert response.status_code in {200, 400}
