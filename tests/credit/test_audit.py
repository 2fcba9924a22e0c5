"""Who changed what."""

import psycopg
import pytest
from django.db import DatabaseError

from alerts.scope import NOTHING, Scope, seeing
from alerts.transactions import MissingTransactionError, transaction
from credit.models import AuditEvent
from credit.services.audit import record_event
from tests.guards.raw import as_application, as_owner
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


def record(world: World) -> AuditEvent:
    with transaction():
        return record_event(
            actor="user:1",
            action="budget.switched",
            object_kind="campaign",
            object_id=world.campaign.pk,
            before={"mode": "shared"},
            after={"mode": "isolated"},
            reason="asked by phone",
            owner=world.client,
            now=NOW,
        )


class TestRecordEvent:
    def test_says_who_did_what_to_what(self, world: World) -> None:
        record(world)
        event = AuditEvent.objects.get()
        assert (event.actor, event.action, event.at) == ("user:1", "budget.switched", NOW)
        assert (event.object_kind, event.object_id) == ("campaign", str(world.campaign.pk))
        assert (event.agency_id, event.client_id) == (world.agency.pk, world.client.pk)
        assert event.details == {
            "before": {"mode": "shared"},
            "after": {"mode": "isolated"},
            "reason": "asked by phone",
        }

    def test_is_part_of_the_change(self, world: World) -> None:
        with pytest.raises(MissingTransactionError):
            record_event(actor="x", action="y", object_kind="z", object_id=1, now=NOW)
        assert not AuditEvent.objects.exists()

    def test_is_written_whatever_the_one_who_acts_may_see(self, world: World) -> None:
        with seeing(NOTHING):
            record(world)
            assert not AuditEvent.objects.exists()
        with seeing(Scope(organisation_ids=frozenset({world.client.pk}))):
            assert AuditEvent.objects.count() == 1


class TestAuditEvent:
    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE credit_auditevent SET actor = 'nobody'",
            "DELETE FROM credit_auditevent",
            "TRUNCATE credit_auditevent",
        ],
    )
    def test_stays_as_it_was_written(self, world: World, change: str) -> None:
        record(world)
        with as_owner() as database, pytest.raises(psycopg.errors.RestrictViolation):
            database.execute(change)
        with as_application() as database, pytest.raises(psycopg.Error):
            database.execute(change)
        with pytest.raises(DatabaseError):
            AuditEvent.objects.update(actor="nobody")
        assert AuditEvent.objects.get().actor == "user:1"
