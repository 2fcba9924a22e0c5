"""Who may hand credit down, once for a key, and who hears of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from alerts.errors import ValidationFailedError
from alerts.transactions import UnexpectedTransactionError, transaction
from credit.models import Account, AuditEvent, Entry, Transaction
from credit.selectors.viewers import SYSTEM, Viewer
from credit.services.allocations import (
    Allocation,
    adjust_account,
    allocate_credit,
    issue_credit,
)
from credit.services.transfers import (
    AccountNotActiveError,
    AccountNotFoundError,
    InsufficientCreditError,
)
from tests.credit.tree import Tree, heard, partner, request, viewer
from tests.world import NOW

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ears")]


class TestAllocateCredit:
    def test_moves_money_and_says_what_it_did(self, tree: Tree) -> None:
        mover = viewer(tree.world, "agency_manager")
        made = allocate_credit(**request(mover, tree.agency, tree.client))
        assert tree.balances() == [900, 10_100, 0, 0]
        assert (made.from_balance_minor, made.to_balance_minor) == (900, 10_100)
        assert (made.currency, made.is_replay) == ("USD", False)
        assert (made.out_entry.account_id, made.out_entry.amount_minor) == (tree.agency.pk, -100)
        assert (made.in_entry.account_id, made.in_entry.amount_minor) == (tree.client.pk, 100)
        assert (made.in_entry.kind, made.in_entry.note) == ("allocation", "May")
        row = Transaction.objects.get(pk=made.transaction_id)
        assert row.actor == mover.actor
        assert row.reference == f"account:{tree.client.pk}"

    def test_is_written_down_once(self, tree: Tree) -> None:
        mover = viewer(tree.world, "agency_manager")
        asked = request(mover, tree.agency, tree.client)
        made = allocate_credit(**asked)
        allocate_credit(**asked)
        with pytest.raises(InsufficientCreditError):
            allocate_credit(**request(mover, tree.agency, tree.client, 10_000))
        (event,) = AuditEvent.objects.filter(actor=mover.actor)
        assert (event.action, event.object_id) == ("credit.allocated", str(tree.client.pk))
        assert (event.client_id, event.agency_id) == (tree.world.client.pk, tree.world.agency.pk)
        assert event.details["after"] == {
            "transaction_id": str(made.transaction_id),
            "amount": "1.00",
            "currency": "USD",
        }

    @pytest.mark.parametrize(
        ("role", "payer", "payee"),
        [
            ("platform_admin", "issuing", "agency"),
            ("platform_admin", "agency", "client"),
            ("agency_manager", "agency", "sister"),
            ("agency_manager", "client", "campaign"),
            ("client_manager", "client", "campaign"),
        ],
    )
    def test_is_for_who_manages_the_payer(
        self, tree: Tree, role: str, payer: str, payee: str
    ) -> None:
        mover = viewer(tree.world, role)
        made = allocate_credit(**request(mover, getattr(tree, payer), getattr(tree, payee)))
        assert made.in_entry.account_id == getattr(tree, payee).pk
        assert (made.from_balance_minor is None) == (payer == "issuing")

    @pytest.mark.parametrize(
        ("roles", "payer", "payee"),
        [
            (("agency_manager",), "issuing", "agency"),
            (("client_manager",), "agency", "client"),
            (("client_manager",), "agency", "sister"),
            (("client_manager",), "sister", "campaign"),
            (("client_manager",), "client", "sister"),
            (("agent",), "client", "campaign"),
            (("auditor",), "issuing", "agency"),
            (("auditor:agency",), "agency", "client"),
            (("auditor:client",), "client", "campaign"),
            # What somebody only audits does not become theirs by managing something else.
            (("auditor", "client_manager"), "agency", "client"),
            (("auditor:agency", "client_manager"), "agency", "client"),
            ((), "client", "campaign"),
        ],
    )
    def test_is_nobody_elses(
        self, tree: Tree, roles: tuple[str, ...], payer: str, payee: str
    ) -> None:
        mover = viewer(tree.world, *roles)
        before = tree.balances()
        with pytest.raises(AccountNotFoundError):
            allocate_credit(**request(mover, getattr(tree, payer), getattr(tree, payee)))
        assert (tree.balances(), heard) == (before, [])

    def test_knows_no_stranger(self, tree: Tree) -> None:
        for role in ("agency_manager", "client_manager"):
            stranger = viewer(tree.stranger, role)
            for payer, payee in (
                (tree.agency, tree.client),
                (tree.client, tree.campaign),
                (tree.stranger.account, tree.campaign),
                (tree.client, tree.stranger.account),
            ):
                with pytest.raises(AccountNotFoundError):
                    allocate_credit(**request(stranger, payer, payee))
        assert tree.balances() == [1_000, 10_000, 0, 0]

    @pytest.mark.parametrize(
        ("kind", "payer", "payee"),
        [
            ("platform", "issuing", "agency"),
            ("agency", "agency", "client"),
            ("client", "client", "campaign"),
        ],
    )
    def test_is_a_partners_whose_key_has_the_scope(
        self, tree: Tree, kind: str, payer: str, payee: str
    ) -> None:
        sides = getattr(tree, payer), getattr(tree, payee)
        for scopes in ((), ("credit:read", "redeem")):
            with pytest.raises(AccountNotFoundError):
                allocate_credit(**request(partner(tree.world, kind, *scopes), *sides))
        allocate_credit(**request(partner(tree.world, kind, "credit:allocate"), *sides))

    def test_is_no_partners_beyond_its_owner(self, tree: Tree) -> None:
        mover = partner(tree.world, "client", "credit:allocate")
        with pytest.raises(AccountNotFoundError):
            allocate_credit(**request(mover, tree.agency, tree.client))
        assert tree.balances() == [1_000, 10_000, 0, 0]

    @pytest.mark.parametrize(
        ("payer", "payee"),
        [("client", "agency"), ("client", "sister"), ("agency", "campaign"), ("client", "client")],
    )
    def test_refuses_every_direction_but_one_level_down(
        self, tree: Tree, payer: str, payee: str
    ) -> None:
        mover = viewer(tree.world, "agency_manager")
        with pytest.raises(ValidationFailedError) as caught:
            allocate_credit(**request(mover, getattr(tree, payer), getattr(tree, payee)))
        assert list(caught.value.errors) == ["to_account_id"]
        assert tree.balances() == [1_000, 10_000, 0, 0]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"amount_minor": 0}, "amount"),
            ({"amount_minor": -5}, "amount"),
            ({"amount_minor": 2**63}, "amount"),
            ({"currency": "EUR"}, "currency"),
            ({"note": "n" * 501}, "note"),
        ],
    )
    def test_refuses_what_makes_no_sense(
        self, tree: Tree, changes: dict[str, Any], field: str
    ) -> None:
        mover = viewer(tree.world, "agency_manager")
        with pytest.raises(ValidationFailedError) as caught:
            allocate_credit(**{**request(mover, tree.agency, tree.client), **changes})
        assert list(caught.value.errors) == [field]
        assert (tree.balances(), heard) == ([1_000, 10_000, 0, 0], [])

    def test_refuses_more_than_there_is_and_what_is_paused(self, tree: Tree) -> None:
        mover = viewer(tree.world, "agency_manager")
        with pytest.raises(InsufficientCreditError):
            allocate_credit(**request(mover, tree.agency, tree.client, 1_001))
        Account.objects.filter(pk=tree.client.pk).update(status="paused")
        with pytest.raises(AccountNotActiveError):
            allocate_credit(**request(mover, tree.agency, tree.client))
        assert tree.balances() == [1_000, 10_000, 0, 0]

    def test_owns_its_transaction(self, tree: Tree) -> None:
        with transaction(), pytest.raises(UnexpectedTransactionError):
            allocate_credit(**request(SYSTEM, tree.agency, tree.client))


class TestIssueCredit:
    def issue(self, mover: Viewer, account: Account, **changes: Any) -> Allocation:
        facts = {"amount_minor": 5, "note": "", "key": "k", "now": NOW}
        return issue_credit(**{"viewer": mover, "to_account_id": account.pk, **facts, **changes})

    def test_gives_an_agency_what_the_platform_sells(self, tree: Tree) -> None:
        mover = viewer(tree.world, "platform_admin")
        issued = self.issue(mover, tree.agency)
        assert (issued.in_entry.kind, issued.from_balance_minor) == ("issue", None)
        assert self.issue(mover, tree.agency) == dataclasses.replace(issued, is_replay=True)
        assert tree.balances() == [1_005, 10_000, 0, 0]
        assert {*heard} == {tree.agency.pk}

    def test_gives_nothing_to_a_client(self, tree: Tree) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            self.issue(viewer(tree.world, "platform_admin"), tree.client)
        assert list(caught.value.errors) == ["to_account_id"]

    @pytest.mark.parametrize("role", ["agency_manager", "client_manager", "agent", "auditor"])
    def test_is_nobody_elses(self, tree: Tree, role: str) -> None:
        with pytest.raises(AccountNotFoundError):
            self.issue(viewer(tree.world, role), tree.agency)
        assert tree.balances() == [1_000, 10_000, 0, 0]


class TestAdjustAccount:
    def adjust(self, mover: Viewer, account: Account, **changes: Any) -> Allocation:
        facts = {"amount_minor": -5, "reason": "counted twice", "key": "k", "now": NOW}
        return adjust_account(**{"viewer": mover, "account_id": account.pk, **facts, **changes})

    def test_corrects_a_balance_once(self, tree: Tree) -> None:
        mover = viewer(tree.world, "platform_admin")
        made = self.adjust(mover, tree.client)
        assert self.adjust(mover, tree.client) == dataclasses.replace(made, is_replay=True)
        assert tree.balances() == [1_000, 9_995, 0, 0]
        assert (made.out_entry.kind, made.out_entry.note) == ("adjustment", "counted twice")
        assert (made.from_balance_minor, made.to_balance_minor) == (9_995, None)
        assert heard == [tree.client.pk] * 2

    @pytest.mark.parametrize("role", ["agency_manager", "client_manager", "agent", "auditor"])
    def test_is_nobody_elses(self, tree: Tree, role: str) -> None:
        with pytest.raises(AccountNotFoundError):
            self.adjust(viewer(tree.world, role), tree.client)
        assert tree.balances() == [1_000, 10_000, 0, 0]

    def test_is_no_partners(self, tree: Tree) -> None:
        with pytest.raises(AccountNotFoundError):
            self.adjust(partner(tree.world, "platform", "credit:allocate"), tree.client)
        assert tree.balances() == [1_000, 10_000, 0, 0]


class TestTellAccountChanged:
    def test_comes_after_the_commit_to_both_accounts(self, tree: Tree) -> None:
        allocate_credit(**request(viewer(tree.world, "agency_manager"), tree.agency, tree.client))
        assert heard == [tree.client.pk, tree.agency.pk]

    def test_comes_again_after_a_repeat(self, tree: Tree) -> None:
        # The first call may have died between its commit and this.
        asked = request(viewer(tree.world, "agency_manager"), tree.agency, tree.client)
        allocate_credit(**asked)
        heard.clear()
        allocate_credit(**asked)
        assert heard == [tree.client.pk, tree.agency.pk]

    @pytest.mark.parametrize("path", [None, "tests.credit.tree.fail"])
    def test_failing_takes_nothing_back(self, tree: Tree, settings: Any, path: str | None) -> None:
        settings.CREDIT_EVENTS = {"account_changed": path} if path else {}
        mover = viewer(tree.world, "agency_manager")
        made = allocate_credit(**request(mover, tree.agency, tree.client))
        assert Entry.objects.filter(transaction_id=made.transaction_id).count() == 2
        assert tree.balances() == [900, 10_100, 0, 0]
