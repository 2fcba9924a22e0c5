"""Credit handed down over the API: once for a key, to a child only, never more than there is."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as HttpClient

from alerts.transactions import transaction
from credit.models import Account, Client, IdempotencyRecord, Transaction
from credit.services.accounts import open_campaign_account, open_client_account
from credit.services.api_keys import SCOPES
from tests.credit.allocating import assert_refused, books
from tests.credit.partners import Partner, agency_account, assert_problem
from tests.invariants import broken_invariants
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def own(world: World) -> Account:
    """A campaign's account below the client's."""
    with transaction():
        return open_campaign_account(client=world.client, name="Own", currency="USD")


@pytest.fixture
def sibling(world: World) -> Account:
    with transaction():
        client = Client.objects.create(agency=world.agency, name="Sibling", slug=uuid4().hex)
        return open_client_account(client=client, currency="USD")


@pytest.fixture
def client(world: World) -> Partner:
    return Partner(world.client)


class TestAllocate:
    def test_moves_money_and_prints_both_sides(
        self, world: World, own: Account, client: Partner
    ) -> None:
        response = client.allocate(world.account, own, "250.00", note="Spring")
        assert response.status_code == 201, response.content
        body = response.json()
        assert set(body) == {
            "transaction_id",
            "out_entry",
            "in_entry",
            "from_balance",
            "to_balance",
        }
        assert (body["from_balance"], body["to_balance"]) == ("750.00", "250.00")
        moved = Transaction.objects.get(pk=body["transaction_id"])
        assert (moved.kind, moved.note, moved.actor[:4]) == ("allocation", "Spring", "key:")
        out_entry, in_entry = moved.entries.order_by("amount_minor")
        for printed, entry, amount, balance in (
            (body["out_entry"], out_entry, "-250.00", "750.00"),
            (body["in_entry"], in_entry, "250.00", "250.00"),
        ):
            assert printed == {
                "id": str(entry.id),
                "number": entry.number,
                "transaction_id": str(moved.pk),
                "kind": "allocation",
                "account_id": str(entry.account_id),
                "amount": amount,
                "currency": "USD",
                "balance_after": balance,
                "reference": moved.reference,
                "note": "Spring",
                "created_at": printed["created_at"],
            }
            assert printed["created_at"].endswith("Z")
        assert response["Cache-Control"] == "no-store"
        assert "Idempotency-Replayed" not in response
        assert world.balance() == 75_000
        assert broken_invariants() == {}

    def test_issues_from_the_platform(self, world: World) -> None:
        payee = agency_account(world)
        body = Partner(None).allocate(world.platform_account, payee, "10").json()
        assert body["from_balance"] is None
        assert body["to_balance"] == "10.00"
        assert body["out_entry"]["kind"] == body["in_entry"]["kind"] == "issue"
        assert body["out_entry"]["balance_after"] is None
        assert body["out_entry"]["amount"] == "-10.00"

    def test_lets_an_agency_fund_its_client_and_the_clients_campaign(
        self, world: World, own: Account
    ) -> None:
        agency = Partner(world.agency)
        Partner(None).allocate(world.platform_account, agency_account(world), "10.00")
        assert agency.allocate(agency_account(world), world.account, "10.00").status_code == 201
        assert agency.allocate(world.account, own, "10.00").status_code == 201
        assert world.balance() == 100_000

    def test_takes_the_last_cent(self, world: World, own: Account, client: Partner) -> None:
        body = client.allocate(world.account, own, "1000.00").json()
        assert (body["from_balance"], body["to_balance"]) == ("0.00", "1000.00")


class TestRefusals:
    def test_refuses_more_than_there_is(self, world: World, own: Account, client: Partner) -> None:
        before = books()
        response = client.allocate(world.account, own, "1000.01", key="one")
        body = assert_refused(response, 402, "GC-006", before)
        assert body["errors"] == {"amount": ["The account that pays holds less."]}
        # With credit it would come out differently, so the key is free.
        assert IdempotencyRecord.objects.count() == 0

    @pytest.mark.parametrize("side", ["payer", "payee"])
    @pytest.mark.parametrize("status", ["paused", "closed"])
    def test_refuses_an_account_that_is_not_active(
        self, world: World, own: Account, client: Partner, side: str, status: str
    ) -> None:
        account = world.account if side == "payer" else own
        Account.objects.filter(pk=account.pk).update(status=status)
        before = books()
        body = assert_refused(client.allocate(world.account, own, "1.00"), 409, "GC-115", before)
        name = "from_account_id" if side == "payer" else "to_account_id"
        assert body["errors"] == {name: [f"This account is {status}."]}

    def test_goes_down_one_level_only(self, world: World, own: Account, sibling: Account) -> None:
        agency, platform = Partner(world.agency), Partner(None)
        above = agency_account(world)
        before = books()
        for partner, payer, payee in (
            (agency, world.account, above),
            (agency, world.account, sibling),
            (agency, above, own),
            (agency, sibling, own),
            (agency, own, world.account),
            (agency, world.account, world.account),
            (platform, world.platform_account, world.account),
            (platform, world.platform_account, world.platform_account),
            (platform, above, world.platform_account),
        ):
            response = partner.allocate(payer, payee, "1.00")
            body = assert_refused(response, 400, "GC-012", before)
            assert list(body["errors"]) == ["to_account_id"]

    def test_does_not_know_what_is_out_of_scope(
        self, world: World, own: Account, sibling: Account
    ) -> None:
        stranger = build_world(name="Birch")
        above = agency_account(world)
        before = books()
        for owner, payer, payee in (
            (stranger.client, world.account, own),
            (stranger.agency, world.account, own),
            (stranger.agency, above, world.account),
            (stranger.agency, agency_account(stranger), world.account),
            (world.agency, above, stranger.account),
            (world.agency, agency_account(stranger), world.account),
            (world.agency, world.platform_account, above),
            (world.client, above, world.account),
            (world.client, above, own),
            (world.client, world.account, sibling),
            (sibling.client, world.account, own),
        ):
            response = Partner(owner).allocate(payer, payee, "1.00")
            assert_refused(response, 404, "GC-111", before)

    def test_asks_for_the_scope(self, world: World, own: Account) -> None:
        before = books()
        reader = Partner(world.client, tuple(set(SCOPES) - {"credit:allocate"}))
        assert_refused(reader.allocate(world.account, own, "1.00"), 403, "GC-110", before)
        response = HttpClient().post("/api/v1/allocations/", {}, content_type="application/json")
        assert_refused(response, 401, "GC-109", before)

    def test_needs_no_right_to_read(self, world: World, own: Account) -> None:
        payer = Partner(world.client, ("credit:allocate",))
        assert payer.allocate(world.account, own, "1.00").status_code == 201

    @pytest.mark.parametrize("key", [None, "", "x" * 256, "tab\there", "\u00e9"])
    def test_asks_for_a_key(
        self, world: World, own: Account, client: Partner, key: str | None
    ) -> None:
        before = books()
        body = {
            "from_account_id": str(world.account.pk),
            "to_account_id": str(own.pk),
            "amount": "1.00",
            "currency": "USD",
        }
        answer = assert_refused(client.post("/allocations/", body, key=key), 400, "GC-012", before)
        assert list(answer["errors"]) == ["Idempotency-Key"]


class TestBadInput:
    @pytest.mark.parametrize(
        "amount",
        [
            "0",
            "0.00",
            "-1.00",
            "-0",
            "1e3",
            "1E3",
            "1.000",
            "10.001",
            "NaN",
            "Infinity",
            "-Infinity",
            "92233720368547758.08",
            "9" * 64,
            "9" * 5000,
            "",
            " ",
            "1,000.00",
            "1 000",
            "1_000",
            "$10",
            "10 USD",
            ".5",
            "5.",
            "+5",
            "0x10",
            "١٠",
            "10\u0000",
            "\ud800",
            "10\n20",
            10,
            10.5,
            0,
            -1,
            True,
            None,
            ["10.00"],
            {"amount": "10.00"},
        ],
    )
    def test_names_the_amount_and_says_why(
        self, world: World, own: Account, client: Partner, amount: Any
    ) -> None:
        before = books()
        body = assert_refused(client.allocate(world.account, own, amount), 400, "GC-012", before)
        assert list(body["errors"]) == ["amount"]
        assert all(body["errors"]["amount"])

    def test_refuses_more_than_the_payees_column_holds(self, world: World) -> None:
        platform, payee = Partner(None), agency_account(world)
        assert (
            platform.allocate(world.platform_account, payee, "92233720368547758.07").status_code
            == 201
        )
        before = books()
        body = assert_refused(
            platform.allocate(world.platform_account, payee, "0.01"), 400, "GC-012", before
        )
        assert list(body["errors"]) == ["amount"]

    @pytest.mark.parametrize(
        ("fields", "names"),
        [
            ({"currency": "EUR"}, ["currency"]),
            ({"currency": "usd"}, ["currency"]),
            ({"currency": "USD\n"}, ["currency"]),
            ({"currency": "US"}, ["currency"]),
            ({"currency": 840}, ["currency"]),
            ({"currency": None}, ["currency"]),
            ({"note": "x" * 501}, ["note"]),
            ({"note": 5}, ["note"]),
            ({"note": None}, ["note"]),
            ({"note": "a\u0000b"}, ["note"]),
            ({"note": "\udfff"}, ["note"]),
            ({"to_account_id": "1"}, ["to_account_id"]),
            ({"to_account_id": 1}, ["to_account_id"]),
            ({"to_account_id": None}, ["to_account_id"]),
            ({"to_account_id": ["x"]}, ["to_account_id"]),
            ({"from_account_id": {"id": 1}}, ["from_account_id"]),
            ({"kind": "issue"}, ["kind"]),
            ({"\u0000": 1}, ["\ufffd"]),
            ({"\ud800": 1}, ["\ufffd"]),
            ({"note": 5, "colour": "red"}, ["colour"]),
            ({"note": 5, "amount": 5}, ["amount", "note"]),
        ],
    )
    def test_names_the_field(
        self,
        world: World,
        own: Account,
        client: Partner,
        fields: dict[str, Any],
        names: list[str],
    ) -> None:
        before = books()
        body = {
            "from_account_id": str(world.account.pk),
            "to_account_id": str(own.pk),
            "amount": "1.00",
            "currency": "USD",
            **fields,
        }
        answer = assert_refused(
            client.post("/allocations/", body, key="one"), 400, "GC-012", before
        )
        assert sorted(answer["errors"]) == names

    @pytest.mark.parametrize(
        ("raw", "field"),
        [
            (b"", "from_account_id"),
            (b"{}", "from_account_id"),
            (b"{", "body"),
            (b"[]", "body"),
            (b"null", "body"),
            (b"1", "body"),
            (b'{"amount": NaN}', "body"),
            (b'{"amount": "1", "amount": "2"}', "body"),
            (b"\xff\xfe{\x00}\x00", "body"),
            (b'{"note": "caf\xe9"}', "body"),
            (b"[" * 100_000, "body"),
            (b'{"a":' * 60 + b"1" + b"}" * 60, "body"),
        ],
    )
    def test_reads_nothing_but_a_json_object(self, client: Partner, raw: bytes, field: str) -> None:
        before = books()
        response = client.post("/allocations/", raw, key="one")
        body = assert_refused(response, 400, "GC-012", before)
        assert field in body["errors"]

    def test_refuses_another_media_type_and_method(self, client: Partner) -> None:
        url = "/api/v1/allocations/"
        headers = {**client.headers, "Idempotency-Key": "one"}
        assert_problem(client.http.post(url, {"a": 1}, headers=headers), 415, "GC-117")
        assert_problem(client.http.get(url, headers=headers), 405, "GC-117")
