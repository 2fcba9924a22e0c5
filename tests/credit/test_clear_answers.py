"""Idempotency-Keys are forgotten, but not before what was promised."""

from datetime import timedelta

import pytest

from credit.models import IdempotencyRecord
from credit.services import idempotency
from credit.services.idempotency import clear_answers
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def keep(owner: str, age: timedelta) -> str:
    record = IdempotencyRecord.objects.create(
        owner=owner, key=f"{age}", fingerprint=b"x" * 32, status=201, created_at=NOW - age
    )
    return record.key


def left() -> set[tuple[str, str]]:
    return set(IdempotencyRecord.objects.values_list("owner", "key"))


class TestClearAnswers:
    def test_forgets_partners_keys_after_three_days(self) -> None:
        owners = ("platform", "agency:1", "client:1")
        young = {(owner, keep(owner, timedelta(hours=71))) for owner in owners}
        for owner in owners:
            keep(owner, timedelta(days=3, seconds=1))
        assert clear_answers(now=NOW) == 3
        assert left() == young

    def test_keeps_for_good_which_files_were_taken(self) -> None:
        mark = ("campaign:1", keep("campaign:1", timedelta(days=900)))
        assert clear_answers(now=NOW) == 0
        assert left() == {mark}

    def test_goes_on_until_all_are_gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(idempotency, "_CLEARED_AT_ONCE", 2)
        for days in range(4, 9):
            keep("platform", timedelta(days=days))
        assert clear_answers(now=NOW) == 5
        assert left() == set()
