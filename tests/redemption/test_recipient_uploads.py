"""Taking an upload of people back, and several uploads and customers at the same moment."""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from alerts.errors import ServiceError
from alerts.services.imports import FileAlreadyUploadedError, ImportReport
from credit.models import AuditEvent
from credit.selectors.viewers import SYSTEM
from redemption.models import CallSession, Recipient, RecipientBatch, Redemption, StagedRecipient
from redemption.services import imports, recipient_staging
from redemption.services.recipient_uploads import (
    PeopleNotUndoableError,
    undo_recipients,
    upload_recipients,
)
from redemption.services.recipients import open_redemption_code
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.redemption.asking import ask
from tests.redemption.desking import make_agent
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

RIVALS = 4
FILE = "first_name\n" + "".join(f"Ana {number}\n" for number in range(50))


@pytest.fixture
def world() -> World:
    return build_world()


def upload(world: World, text: str = FILE, **changes: Any) -> ImportReport:
    arguments: dict[str, Any] = {
        "viewer": SYSTEM,
        "campaign_id": world.campaign.pk,
        "source": io.BytesIO(text.encode()),
        "file_name": "people.csv",
        "mode": "all_or_nothing",
        "dry_run": False,
        "now": NOW,
    }
    return upload_recipients(**(arguments | changes))


def undo(now: Any = NOW) -> int:
    batch = RecipientBatch.objects.get(state="imported")
    return undo_recipients(batch_id=batch.pk, actor="user:1", now=now)


class TestUndoRecipients:
    def test_removes_everybody_of_the_file_and_nobody_else(self, world: World) -> None:
        world.invite(1)
        upload(world)
        assert undo() == 50
        assert Recipient.objects.count() == 1
        batch = RecipientBatch.objects.get()
        assert (batch.state, batch.accepted) == ("undone", 50)
        event = AuditEvent.objects.get(action="recipients.upload_undone")
        assert event.details["before"] == {"campaign_id": str(world.campaign.pk), "recipients": 50}
        assert upload(world).state == "imported"

    def test_is_possible_once(self, world: World) -> None:
        batch_id = upload(world).batch_id
        undo()
        with pytest.raises(PeopleNotUndoableError) as caught:
            undo_recipients(batch_id=batch_id, actor="user:1", now=NOW)  # type: ignore[arg-type]
        assert (caught.value.code.code, caught.value.reason) == (
            "GC-115",
            "There is nothing to undo.",
        )
        assert AuditEvent.objects.filter(action="recipients.upload_undone").count() == 1

    def test_is_possible_for_a_day(self, world: World) -> None:
        upload(world)
        with pytest.raises(PeopleNotUndoableError) as caught:
            undo(NOW + timedelta(hours=24, seconds=1))
        assert "more than 24 hours ago" in caught.value.reason
        assert Recipient.objects.count() == 50
        assert undo(NOW + timedelta(hours=24)) == 50

    def test_is_over_once_somebody_has_redeemed(self, world: World) -> None:
        world.stock(1)
        upload(world)
        ask(open_redemption_code(Recipient.objects.order_by("line")[7]))
        with pytest.raises(PeopleNotUndoableError) as caught:
            undo()
        assert caught.value.reason.startswith("1 of these people have redeemed already")
        assert Recipient.objects.count() == 50
        assert RecipientBatch.objects.get().state == "imported"

    def test_is_over_once_somebody_has_called(self, world: World) -> None:
        upload(world)
        CallSession.objects.create(
            agent=make_agent(world.client),
            client=world.client,
            recipient=Recipient.objects.order_by("line")[0],
        )
        with pytest.raises(PeopleNotUndoableError) as caught:
            undo()
        assert "have redeemed or called already" in caught.value.reason
        assert Recipient.objects.count() == 50

    def test_lets_whoever_redeems_at_that_moment_win_or_never_begin(self, world: World) -> None:
        world.stock(6)
        for _ in range(6):
            upload(world)
            [*_, code] = map(open_redemption_code, Recipient.objects.order_by("line"))
            work: list[Callable[[], Any]] = [undo, functools.partial(ask, code)]
            outcomes = run_at_once(2, functools.partial(_take_one, work))
            [refused] = [one for one in outcomes if isinstance(one, ServiceError)]
            if Redemption.objects.exists():
                assert isinstance(refused, PeopleNotUndoableError)
                assert Recipient.objects.count() == 50
                break
            assert refused.code.code == "GC-011"
            assert not Recipient.objects.exists()
        assert broken_invariants() == {}


def _take_one(work: list[Callable[[], Any]]) -> Any:
    return work.pop()()


class TestUndoCommand:
    def test_removes_them_and_says_why_where_it_does_not(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        batch_id = str(upload(world, now=datetime.now(UTC)).batch_id)
        call_command("undo_recipients", batch_id)
        assert capsys.readouterr().out == "50 people were removed again.\n"
        assert not Recipient.objects.exists()
        with pytest.raises(CommandError, match="There is nothing to undo"):
            call_command("undo_recipients", batch_id)
        with pytest.raises(CommandError, match="There is no such upload"):
            call_command("undo_recipients", str(world.campaign.pk))


class TestUploadsAtOnce:
    @pytest.fixture(autouse=True)
    def barrier(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have all rivals look for duplicates before the first of them writes anybody."""
        barrier = threading.Barrier(RIVALS)
        look = recipient_staging.take_out_duplicates

        def look_together(**arguments: Any) -> Any:
            found = look(**arguments)
            barrier.wait(timeout=20)
            return found

        monkeypatch.setattr(imports, "take_out_duplicates", look_together)

    def test_take_the_same_file_once(self, world: World) -> None:
        results = run_at_once(RIVALS, lambda: upload(world))
        imported = [one for one in results if isinstance(one, ImportReport)]
        refused = [one for one in results if isinstance(one, FileAlreadyUploadedError)]
        assert (len(imported), len(refused)) == (1, RIVALS - 1), results
        assert {one.batch_id for one in refused} == {imported[0].batch_id}
        assert Recipient.objects.count() == 50
        assert not StagedRecipient.objects.exists()

    def test_give_everybody_several_codes_where_no_file_is_known_again(self, world: World) -> None:
        # The control: the same people in files that differ by a blank line.
        files = [FILE + "\n" * number for number in range(RIVALS)]
        results = run_at_once(RIVALS, lambda: upload(world, files.pop()))
        assert [one.state for one in results if isinstance(one, ImportReport)] == [
            "imported"
        ] * RIVALS
        assert Recipient.objects.count() == 50 * RIVALS

    def test_add_nobody_twice_by_the_id_of_a_crm(self, world: World) -> None:
        text = "external_crm_id\n" + "".join(f"A-{number}\n" for number in range(50))
        files = [text + "\n" * number for number in range(RIVALS)]
        results = run_at_once(RIVALS, lambda: upload(world, files.pop()))
        codes = sorted(
            one.code.code if isinstance(one, ServiceError) else "imported" for one in results
        )
        assert codes == ["GC-115", "GC-115", "GC-115", "imported"]
        assert Recipient.objects.count() == 50
