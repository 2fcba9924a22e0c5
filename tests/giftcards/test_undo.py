"""An upload is undone as a whole and only while nobody had a card of it, also in a race."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import IntegrityError, connection

from alerts.transactions import transaction
from credit.models import AuditEvent
from giftcards.models import CardBatch, GiftCard, Pool
from giftcards.services.imports import import_cards
from giftcards.services.uploads import UploadNotUndoableError, undo_upload
from redemption.models import Redemption
from redemption.services.redeem import Caller, Contact, redeem
from tests.database import owner_url
from tests.giftcards.selling import master_pool, sell
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

CLAIM = (
    "UPDATE giftcards_giftcard SET status = 'claimed', holder_kind = 'redemption',"
    " holder_id = gen_random_uuid(), claimed_at = now() WHERE last4 = '0001'"
)


@pytest.fixture
def world() -> World:
    return build_world()


def upload(world: World, count: int = 3, *, pool: Pool | None = None) -> CardBatch:
    text = "code\n" + "".join(f"GIFT-{number:04d}\n" for number in range(count))
    report = import_cards(
        pool=pool or world.pool,
        source=io.BytesIO(text.encode()),
        file_name="cards.csv",
        mode="all_or_nothing",
        dry_run=False,
        actor="user:1",
        now=NOW,
    )
    assert report.batch_id is not None
    return CardBatch.objects.get(pk=report.batch_id)


def undo(batch: CardBatch) -> int:
    return undo_upload(batch_id=batch.pk, actor="user:7", now=NOW)


def take(code: str) -> str:
    return redeem(
        caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
        contact=Contact(method="none"),
        code=code,
        now=NOW,
    ).state


class TestUndoUpload:
    def test_takes_the_cards_out_of_stock(self, world: World) -> None:
        others = world.stock(2)
        batch = upload(world)
        assert undo(batch) == 3
        assert set(GiftCard.objects.all()) == set(others)
        batch.refresh_from_db()
        assert (batch.state, batch.accepted) == ("undone", 3)

    def test_writes_down_who_did_it(self, world: World) -> None:
        batch = upload(world)
        undo(batch)
        event = AuditEvent.objects.get(action="cards.upload_undone")
        assert (event.actor, event.object_kind, event.object_id, event.client) == (
            "user:7",
            "cardbatch",
            str(batch.pk),
            world.client,
        )
        assert event.details == {"before": {"pool_id": str(world.pool.pk), "cards": 3}}

    def test_lets_the_file_come_again(self, world: World) -> None:
        undo(upload(world))
        assert upload(world).state == "imported"
        assert GiftCard.objects.count() == 3

    @pytest.mark.parametrize("change", ["claimed", "returned", "expired"])
    def test_leaves_an_upload_alone_of_which_a_card_was_used(
        self, world: World, change: str
    ) -> None:
        batch = upload(world)
        card = GiftCard.objects.filter(batch=batch, last4="0001")
        if change == "expired":
            card.update(status="expired")
        else:
            card.update(
                status="claimed", holder_kind="redemption", holder_id=uuid4(), claimed_at=NOW
            )
        if change == "returned":
            card.update(status="available", holder_kind=None, holder_id=None, claimed_at=None)
        with pytest.raises(UploadNotUndoableError) as caught:
            undo(batch)
        assert (caught.value.code.code, caught.value.used) == ("GC-115", 1)
        batch.refresh_from_db()
        assert batch.state == "imported"
        assert GiftCard.objects.count() == 3
        assert not AuditEvent.objects.filter(action="cards.upload_undone").exists()

    def test_leaves_an_upload_alone_of_which_a_card_was_sold(self, world: World) -> None:
        pool = master_pool(world)
        batch = upload(world, pool=pool)
        sell(world, pool, 2)
        with pytest.raises(UploadNotUndoableError) as caught:
            undo(batch)
        assert caught.value.used == 2
        assert GiftCard.objects.filter(batch=batch, status="available").count() == 3
        assert CardBatch.objects.get().state == "imported"

    def test_refuses_a_second_time(self, world: World) -> None:
        batch = upload(world)
        undo(batch)
        with pytest.raises(UploadNotUndoableError) as caught:
            undo(batch)
        assert caught.value.state == "undone"
        assert AuditEvent.objects.filter(action="cards.upload_undone").count() == 1

    def test_is_held_by_the_database(self, world: World) -> None:
        batch = upload(world)
        with pytest.raises(IntegrityError, match="none of its cards"), transaction():
            CardBatch.objects.filter(pk=batch.pk).update(state="undone")


class TestUndoBesideAClaim:
    def test_waits_for_the_claim_and_gives_way(self, world: World) -> None:
        batch = upload(world)
        outcome: list[Any] = []

        def run() -> None:
            try:
                outcome.append(undo(batch))
            except UploadNotUndoableError as error:
                outcome.append(error.used)
            finally:
                connection.close()

        with psycopg.connect(owner_url()) as claim:
            claim.execute(CLAIM)
            # The control: who only looked would find every card unused, and delete all three.
            assert GiftCard.objects.filter(batch=batch, status="available").count() == 3
            thread = threading.Thread(target=run)
            thread.start()
            wait_for_a_lock(claim)
            assert outcome == []
            claim.commit()
            thread.join(timeout=10)
        assert outcome == [1]
        assert GiftCard.objects.count() == 3
        assert CardBatch.objects.get().state == "imported"

    def test_ends_in_one_of_two_ways(self, world: World) -> None:
        codes = iter(world.invite(12))
        for _ in range(3):
            batch = upload(world, count=4)
            jobs: Iterator[Callable[[], Any]] = iter(
                [partial(try_to_undo, batch), *[lambda: take(next(codes))] * 4]
            )
            outcomes = run_at_once(5, partial(do_next, jobs))
            states = [outcome for outcome in outcomes if isinstance(outcome, str)]
            (result,) = (outcome for outcome in outcomes if not isinstance(outcome, str))
            batch.refresh_from_db()
            cards = GiftCard.objects.filter(batch=batch)
            if result is None:
                assert (batch.state, cards.count()) == ("imported", 4)
                assert states.count("issued") == cards.filter(status="claimed").count() > 0
                break
            assert (result, batch.state, cards.count()) == (4, "undone", 0)
            assert set(states) == {"waiting_stock"}
        assert broken_invariants() == {}


def do_next(jobs: Iterator[Callable[[], Any]]) -> Any:
    return next(jobs)()


def try_to_undo(batch: CardBatch) -> int | None:
    """Undo an upload; None when one of its cards is in use."""
    try:
        return undo(batch)
    except UploadNotUndoableError:
        return None


def wait_for_a_lock(connection: psycopg.Connection[Any]) -> None:
    for _ in range(200):
        if connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            return
        time.sleep(0.02)
    raise AssertionError("nobody waits")
