"""What PostgreSQL itself shows to whom, whatever a query forgets (Note [Row-level security])."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from alerts.models import Alert
from alerts.scope import EVERYTHING, NOTHING, Scope, seeing
from alerts.services.alerts import raise_alert
from alerts.transactions import savepoint, transaction
from credit.models import Client, ClientLook
from redemption.models import CallSession, Campaign, ConditionMet, Redemption
from redemption.services.desk_tasks import open_task
from redemption.services.imports import import_recipients
from tests.alerts.hooking import subscribe
from tests.guards.raw import as_application, as_owner
from tests.loyalty.deeds import use_shop
from tests.loyalty.shop import open_shop
from tests.redemption.asking import ask
from tests.redemption.desking import make_agent
from tests.redemption.reporting import connect_crm
from tests.redemption.taking_back import replace
from tests.world import NOW, World, build_world

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.two_roles]

# Of these a tenant sees rows that are not its own: words that the platform shares.
SHARED = frozenset({"sms_messagetemplate"})


@pytest.fixture
def acorn() -> World:
    return build_lively_world("Acorn")


@pytest.fixture
def birch() -> World:
    return build_lively_world("Birch")


def build_lively_world(name: str) -> World:
    """Build a world in which one redemption was served, and served again, and one waits."""
    world = build_world(name=name)
    ClientLook.objects.create(client=world.client, colour="#0f5c4c")
    # Is told of what follows.
    subscribe(world.client, "http://127.0.0.1:9/")
    world.stock(1)
    served, _ = [ask(code) for code in world.invite(2)]
    world.stock(1)
    replace(served)
    take_a_call(world, served.redemption_id)
    import_recipients(
        campaign=world.campaign,
        source=io.BytesIO(b"first_name\nBo\n"),
        mode="all_or_nothing",
        dry_run=False,
        now=NOW,
    )
    with transaction():
        open_task(
            kind="call_back",
            client_id=world.client.pk,
            redemption_id=served.redemption_id,
            due_at=NOW,
            actor="system",
            now=NOW,
        )
    # Nobody knows this contact: an event without a reward.
    connect_crm(world, stock=0).report(contact_id="nobody")
    use_shop(open_shop(world), world)
    raise_alert(
        kind="x",
        severity=Alert.Severity.INFO,
        subject=name,
        dedupe_key=f"x:{world.client.pk}",
        client_id=world.client.pk,
        now=NOW,
    )
    return world


def take_a_call(world: World, redemption_id: UUID) -> None:
    """Let an agent have the recipient of a redemption on the phone."""
    agent = make_agent(world.client)
    reward = Redemption.objects.get(pk=redemption_id)
    about = {"agent": agent, "client": world.client, "recipient_id": reward.recipient_id}
    ConditionMet.objects.create(
        call=CallSession.objects.create(**about),
        campaign_id=reward.campaign_id,
        condition_id=reward.condition_id,
        **about,
    )


def guarded_tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relrowsecurity ORDER BY relname"
        )
        return [name for (name,) in cursor.fetchall()]


def rows_of(connection: psycopg.Connection[Any], table: str) -> set[str]:
    return {row for (row,) in connection.execute(f"SELECT ctid::text FROM {table}")}


class TestEveryTable:
    def test_shows_no_row_of_a_stranger(self, acorn: World, birch: World) -> None:
        seen: dict[str, list[set[str]]] = {}
        for world in (acorn, birch):
            for owner in (world.agency.pk, world.client.pk):
                with as_application(str(owner)) as database:
                    for table in guarded_tables():
                        seen.setdefault(table, []).append(rows_of(database, table))
        for table, (agency, client, other_agency, other_client) in seen.items():
            if table in SHARED:
                continue
            assert not (agency | client) & (other_agency | other_client), table
            assert client <= agency, table
        # Not because there was nothing: the promise is about rows that are there.
        lively = {table for table, sets in seen.items() if all(sets)}
        assert lively >= {
            "alerts_alert",
            "alerts_webhookdelivery",
            "alerts_webhookendpoint",
            "credit_account",
            "credit_agency",
            "credit_client",
            "credit_clientlook",
            "credit_entry",
            "credit_transaction",
            "giftcards_cardevent",
            "giftcards_giftcard",
            "giftcards_pool",
            "loyalty_checkout",
            "loyalty_checkoutline",
            "loyalty_customer",
            "loyalty_loyaltyprogram",
            "loyalty_loyaltytransaction",
            "loyalty_payment",
            "loyalty_reconciliationitem",
            "loyalty_refund",
            "loyalty_registersession",
            "loyalty_reward",
            "loyalty_stockitem",
            "loyalty_tier",
            "redemption_callsession",
            "redemption_campaign",
            "redemption_condition",
            "redemption_conditionmet",
            "redemption_eventsource",
            "redemption_eventtry",
            "redemption_inboundevent",
            "redemption_desktask",
            "redemption_pendingreward",
            "redemption_provisioningtrace",
            "redemption_recipient",
            "redemption_recipientbatch",
            "redemption_redemption",
            "redemption_replacement",
            "redemption_reveallink",
            "sms_message",
        }

    def test_shows_nothing_until_somebody_looks(self, acorn: World) -> None:
        with as_application("") as database:
            for table in guarded_tables():
                if table not in SHARED:
                    assert rows_of(database, table) == set(), table

    def test_shows_everything_to_the_platform(self, acorn: World, birch: World) -> None:
        with as_application("*") as database, as_owner() as owner:
            for table in guarded_tables():
                assert rows_of(database, table) == rows_of(owner, table), table

    def test_would_show_all_without_its_policies(self, acorn: World, birch: World) -> None:
        # The control: it is the policies that hide the rows, not the way they are asked for.
        with as_owner() as owner:
            owner.execute("ALTER TABLE redemption_redemption DISABLE ROW LEVEL SECURITY")
            owner.commit()
            try:
                with as_application(str(acorn.client.pk)) as database:
                    assert len(rows_of(database, "redemption_redemption")) == 4
            finally:
                owner.execute("ALTER TABLE redemption_redemption ENABLE ROW LEVEL SECURITY")
                owner.commit()


class TestWriting:
    def test_into_a_strangers_rows_changes_nothing(self, acorn: World, birch: World) -> None:
        with as_application(str(acorn.client.pk)) as database:
            changed = database.execute(
                "UPDATE redemption_campaign SET name = 'mine' WHERE id = %s", [birch.campaign.pk]
            )
            assert changed.rowcount == 0

    def test_a_row_for_a_stranger_is_refused(self, acorn: World, birch: World) -> None:
        with (
            as_application(str(acorn.client.pk)) as database,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            database.execute(
                "UPDATE giftcards_pool SET client_id = %s WHERE id = %s",
                [birch.client.pk, acorn.pool.pk],
            )


class TestScope:
    def test_travels_with_every_statement(self, acorn: World, birch: World) -> None:
        with seeing(NOTHING):
            assert not Redemption.objects.exists()
            with seeing(Scope(organisation_ids=frozenset({acorn.agency.pk}))):
                assert {c.pk for c in Client.objects.all()} == {acorn.client.pk}
                with transaction():
                    assert Redemption.objects.count() == 2
                    with seeing(EVERYTHING):
                        assert Redemption.objects.count() == 4
                    assert Redemption.objects.count() == 2
            assert not Redemption.objects.exists()

    def test_outlives_a_savepoint_that_is_rolled_back(self, acorn: World) -> None:
        scope = Scope(organisation_ids=frozenset({acorn.client.pk}))
        with seeing(NOTHING), transaction():
            with pytest.raises(ZeroDivisionError), savepoint(), seeing(scope):
                assert Campaign.objects.count() == 1
                raise ZeroDivisionError
            assert Campaign.objects.count() == 0
            with seeing(scope):
                assert Campaign.objects.count() == 1

    def test_does_not_stay_with_the_connection(self, acorn: World) -> None:
        assert Campaign.objects.count() == 1
        # Not our own cursor: it says nothing of a scope.
        setting = psycopg.Cursor(connection.connection).execute(
            "SELECT coalesce(current_setting('giftline.scope', true), ''),"
            " (SELECT count(*) FROM redemption_campaign)"
        )
        assert setting.fetchone() == ("", 0)

    def test_is_not_what_a_redemption_needs(self, acorn: World) -> None:
        # The hot path's functions have their owner's rights: nothing is asked of the session.
        acorn.stock(1)
        (code,) = acorn.invite()
        with seeing(NOTHING):
            result = ask(code)
        assert result.state == "issued"
