"""The same request again: the first answer, and nothing more."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from alerts.errors import ValidationFailedError
from credit.models import IdempotencyRecord
from credit.selectors.viewers import SYSTEM
from credit.services.allocations import (
    allocate_credit,
)
from credit.services.idempotency import (
    KeyAnsweredError,
    KeyReusedError,
    claim_key,
    keep_refusal,
)
from credit.services.slots import split_account
from credit.services.transfers import (
    InsufficientCreditError,
)
from tests.credit.tree import Tree, claim, heard, partner, request, viewer
from tests.world import NOW

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ears")]


class TestRepeat:
    def test_returns_the_first_answer(self, tree: Tree) -> None:
        mover = viewer(tree.world, "agency_manager")
        asked = request(mover, tree.agency, tree.client, 600)
        first = allocate_credit(**asked)
        allocate_credit(**request(mover, tree.client, tree.campaign, 50))
        again = allocate_credit(**asked)
        assert again == dataclasses.replace(first, is_replay=True)
        assert tree.balances() == [400, 10_550, 0, 50]

    def test_is_another_request_from_somebody_else(self, tree: Tree) -> None:
        for role in ("agency_manager", "platform_admin"):
            mover = viewer(tree.world, role)
            allocate_credit(**request(mover, tree.agency, tree.client, key="1"))
        assert tree.balances() == [800, 10_200, 0, 0]

    @pytest.mark.parametrize("changes", [{"amount_minor": 101}, {"note": "June"}])
    def test_with_other_content_is_refused(self, tree: Tree, changes: dict[str, Any]) -> None:
        asked = request(viewer(tree.world, "agency_manager"), tree.agency, tree.client)
        allocate_credit(**asked)
        with pytest.raises(KeyReusedError):
            allocate_credit(**{**asked, **changes})
        assert tree.balances() == [900, 10_100, 0, 0]

    def test_of_a_claim_leads_to_what_was_made(self, tree: Tree) -> None:
        mover = partner(tree.world, "agency", "credit:allocate")
        asked = request(mover, tree.agency, tree.client, key="k", claim=claim())
        first = allocate_credit(**asked)
        record = IdempotencyRecord.objects.get()
        assert (record.owner, record.key, record.status) == ("agency:1", "k", 201)
        assert record.object_id == first.transaction_id
        rotated = partner(tree.world, "agency", "credit:allocate")
        again = allocate_credit(**{**asked, "viewer": rotated})
        assert again == dataclasses.replace(first, is_replay=True)
        assert tree.balances() == [900, 10_100, 0, 0]
        assert IdempotencyRecord.objects.count() == 1

    def test_of_a_long_key_is_one_too(self, tree: Tree) -> None:
        mover = partner(tree.world, "agency", "credit:allocate")
        long = "k" * 255
        asked = request(mover, tree.agency, tree.client, key=long, claim=claim(key=long))
        assert allocate_credit(**asked).is_replay is False
        assert allocate_credit(**asked).is_replay is True
        other = long[:-1] + "l"
        asked |= {"key": other, "claim": claim(key=other)}
        assert allocate_credit(**asked).is_replay is False

    def test_of_a_claim_with_another_body_is_refused(self, tree: Tree) -> None:
        mover = partner(tree.world, "agency", "credit:allocate")
        asked = request(mover, tree.agency, tree.client, key="k")
        allocate_credit(**asked, claim=claim({"amount": "1.00"}))
        with pytest.raises(KeyReusedError):
            allocate_credit(**asked, claim=claim({"amount": "1.0"}))
        assert tree.balances() == [900, 10_100, 0, 0]

    def test_of_a_key_that_redeemed_moves_nothing(self, tree: Tree) -> None:
        # The record is another endpoint's: found only when ours is written.
        mover = partner(tree.world, "agency", "credit:allocate")
        redeemed = claim_key(owner="agency:1", key="k", method="POST", path="/x", body={})
        keep_refusal(claim=redeemed, error=ValidationFailedError(), status=400, now=NOW)
        with pytest.raises(KeyReusedError):
            allocate_credit(**request(mover, tree.agency, tree.client, key="k", claim=claim()))
        assert tree.balances() == [1_000, 10_000, 0, 0]

    def test_of_a_refusal_is_left_to_its_record(self, tree: Tree) -> None:
        mover = partner(tree.world, "agency", "credit:allocate")
        keep_refusal(claim=claim(), error=ValidationFailedError(), status=400, now=NOW)
        with pytest.raises(KeyAnsweredError):
            allocate_credit(**request(mover, tree.agency, tree.client, key="k", claim=claim()))
        assert (tree.balances(), heard) == ([1_000, 10_000, 0, 0], [])

    def test_keeps_no_claim_of_what_was_refused(self, tree: Tree) -> None:
        mover = partner(tree.world, "agency", "credit:allocate")
        asked = request(mover, tree.agency, tree.client, 1_001, key="k", claim=claim())
        with pytest.raises(InsufficientCreditError):
            allocate_credit(**asked)
        assert IdempotencyRecord.objects.count() == 0
        allocate_credit(**request(SYSTEM, tree.issuing, tree.agency, 1))
        assert allocate_credit(**asked).is_replay is False

    def test_on_a_split_account_counts_all_of_its_slots(self, tree: Tree) -> None:
        split_account(account_id=tree.agency.pk, slots=3, actor="system", now=NOW)
        split_account(account_id=tree.client.pk, slots=4, actor="system", now=NOW)
        asked = request(viewer(tree.world, "agency_manager"), tree.agency, tree.client, 999)
        first = allocate_credit(**asked)
        assert (first.out_entry.amount_minor, first.in_entry.amount_minor) == (-999, 999)
        assert (first.from_balance_minor, first.to_balance_minor) == (1, 10_999)
        allocate_credit(**request(SYSTEM, tree.issuing, tree.agency, 1))
        assert allocate_credit(**asked) == dataclasses.replace(first, is_replay=True)
