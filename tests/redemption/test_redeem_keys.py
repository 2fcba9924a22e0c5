"""What an Idempotency-Key promises: one effect, and the first answer again."""

import pytest

from alerts.codes import ErrorCode
from credit.models import IdempotencyRecord
from credit.services.idempotency import (
    KeyAnsweredError,
    KeyReusedError,
    find_record,
    keep_refusal,
)
from redemption.services.redeem import UnknownCodeError
from tests.redemption.asking import ask, key_for, refused, snapshot
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


class TestKey:
    def test_is_answered_from_its_record(self, world: World) -> None:
        world.stock(2)
        (code,) = world.invite()
        claim = key_for(code)
        result = ask(code, key=claim)
        before = snapshot()
        with pytest.raises(KeyAnsweredError):
            ask(code, key=claim)
        assert snapshot() == before
        record = find_record(claim=claim)
        assert record is not None
        assert (record.object_id, record.status, record.state) == (
            result.redemption_id,
            201,
            "issued",
        )

    def test_keeps_that_it_waits(self, world: World) -> None:
        (code,) = world.invite()
        claim = key_for(code)
        result = ask(code, key=claim)
        record = find_record(claim=claim)
        assert record is not None
        assert (record.status, record.state) == (202, "waiting_stock")
        assert record.object_id == result.redemption_id
        with pytest.raises(KeyAnsweredError):
            ask(code, key=claim)

    def test_stands_for_one_request(self, world: World) -> None:
        world.stock(2)
        one, other = world.invite(2)
        ask(one, key=key_for(one))
        before = snapshot()
        with pytest.raises(KeyAnsweredError):
            ask(other, key=key_for(other))
        assert snapshot() == before
        with pytest.raises(KeyReusedError):
            find_record(claim=key_for(other))

    def test_is_not_used_up_by_a_refusal_that_may_pass(self) -> None:
        world = build_world(credit_minor=0)
        world.stock(1)
        (code,) = world.invite()
        claim = key_for(code)
        with refused(ErrorCode.INSUFFICIENT_CREDIT) as refusal:
            ask(code, key=claim)
        keep_refusal(claim=claim, error=refusal.value, status=402, now=NOW)
        assert find_record(claim=claim) is None

    @pytest.mark.parametrize("status", [400, 404, 410, 422])
    def test_keeps_a_refusal_that_will_not_pass(self, world: World, status: int) -> None:
        claim = key_for("x")
        keep_refusal(claim=claim, error=UnknownCodeError(), status=status, now=NOW)
        record = find_record(claim=claim)
        assert record is not None
        assert (record.status, record.error_code, record.object_id) == (status, "GC-011", None)

    def test_keeps_the_id_of_what_was_redeemed_before(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        first = ask(code)
        claim = key_for(code)
        with refused(ErrorCode.ALREADY_REDEEMED) as refusal:
            ask(code, key=claim)
        keep_refusal(claim=claim, error=refusal.value, status=409, now=NOW)
        record = find_record(claim=claim)
        assert record is not None
        assert (record.status, record.object_id) == (409, first.redemption_id)

    def test_keeps_its_first_answer_whatever_comes_later(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        claim = key_for(code)
        ask(code, key=claim)
        keep_refusal(claim=claim, error=UnknownCodeError(), status=404, now=NOW)
        assert IdempotencyRecord.objects.get().status == 201
