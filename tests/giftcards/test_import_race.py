"""Imports of the same codes at the same moment, on connections of their own."""

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from alerts.services.imports import FileAlreadyUploadedError, ImportReport
from giftcards.models import CardBatch, GiftCard, StagedCard
from giftcards.services import card_staging, imports
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

RIVALS = 4


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def barrier(monkeypatch: pytest.MonkeyPatch) -> threading.Barrier:
    """Have all rivals staged before the first of them moves its cards into the pool."""
    barrier = threading.Barrier(RIVALS)
    move = card_staging.move_into_pool

    def move_together(**arguments: object) -> int:
        barrier.wait(timeout=10)
        return move(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(imports, "move_into_pool", move_together)
    return barrier


def at_once(work: Callable[[int], ImportReport]) -> list[ImportReport | Exception]:
    def run(number: int) -> ImportReport | Exception:
        try:
            return work(number)
        except FileAlreadyUploadedError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(RIVALS) as threads:
        return list(threads.map(run, range(RIVALS)))


def upload(world: World, text: str, *, valid_rows: bool = False) -> ImportReport:
    return imports.import_cards(
        pool=world.pool,
        source=io.BytesIO(text.encode()),
        file_name="cards.csv",
        mode="valid_rows" if valid_rows else "all_or_nothing",
        dry_run=False,
        actor="user:1",
        now=NOW,
    )


class TestImportCardsAtOnce:
    def test_takes_the_same_file_once(self, world: World, barrier: threading.Barrier) -> None:
        text = "code\n" + "".join(f"GIFT-{number:04d}\n" for number in range(500))
        results = at_once(lambda _: upload(world, text))
        imported = [one for one in results if isinstance(one, ImportReport)]
        refused = [one for one in results if isinstance(one, FileAlreadyUploadedError)]
        assert [one.state for one in imported] == ["imported"]
        assert {one.batch_id for one in refused} == {imported[0].batch_id}
        assert len(refused) == RIVALS - 1
        assert GiftCard.objects.count() == 500
        assert not StagedCard.objects.exists()

    def test_takes_each_code_once_of_files_that_overlap(
        self, world: World, barrier: threading.Barrier
    ) -> None:
        # In different orders, which is how two statements would wait for each other.
        shared = [f"GIFT-{number:04d}\n" for number in range(300)]

        def work(number: int) -> ImportReport:
            lines = shared[number * 50 :] + shared[: number * 50] + [f"OWN-{number:05d}\n"]
            return upload(world, "code\n" + "".join(lines), valid_rows=True)

        results = [one for one in at_once(work) if isinstance(one, ImportReport)]
        assert [one.state for one in results] == ["imported"] * RIVALS
        assert sum(one.accepted for one in results) == GiftCard.objects.count() == 304
        assert sum(one.rejected for one in results) == 300 * (RIVALS - 1)
        assert CardBatch.objects.count() == RIVALS

    def test_would_show_an_importer_that_looks_before_it_writes(
        self, world: World, barrier: threading.Barrier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The control: at the barrier every rival still finds the pool empty, so one that trusted
        # what it saw there would write the code a second time.
        seen: list[bool] = []
        move = card_staging.move_into_pool
        looked = threading.Barrier(RIVALS)

        def look_then_move(**arguments: object) -> int:
            seen.append(GiftCard.objects.exists())
            looked.wait(timeout=10)
            return move(**arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(imports, "move_into_pool", look_then_move)
        at_once(lambda _: upload(world, "code\nGIFT-0001\n"))
        assert seen == [False] * RIVALS
        assert GiftCard.objects.count() == 1
