"""What a client's rewards cost by month, against the ledger and against strangers."""

from datetime import UTC, date, datetime
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from credit.models import Client
from credit.selectors.viewers import SYSTEM, Viewer
from redemption.models import Redemption
from redemption.selectors.recent import list_recent_redemptions
from redemption.selectors.spending import spending_by_month, spent_this_month_by_campaign
from redemption.services.redeem import Caller, Contact, redeem
from tests.database import owner_url
from tests.redemption.rewarding import take_back
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
# One in the second before a month, one in its first; one twelve months ago and one too long ago.
MOMENTS = [
    datetime(2025, 3, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2025, 4, 1, tzinfo=UTC),
    datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 2, 1, tzinfo=UTC),
    datetime(2026, 2, 28, 12, tzinfo=UTC),
    datetime(2026, 3, 1, tzinfo=UTC),
]


def live_through(world: World, moments: list[datetime]) -> list[Redemption]:
    world.stock(len(moments))
    for code, at in zip(world.invite(len(moments)), moments, strict=True):
        redeem(
            caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
            contact=Contact(method="sms", to="+12025550123"),
            code=code,
            now=at,
        )
    return list(Redemption.objects.filter(client=world.client).order_by("created_at"))


def by_the_ledger(account_id: UUID) -> dict[date, tuple[int, int]]:
    """The same by another way: what the ledger took from the account, month by month."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_trunc('month', t.created_at AT TIME ZONE 'UTC')::date, count(*),"
            " -sum(e.amount_minor) FROM credit_entry e"
            " JOIN credit_transaction t ON t.id = e.transaction_id"
            " WHERE e.account_id = %s AND t.kind = 'redemption' GROUP BY 1",
            [account_id],
        )
        return {month: (count, int(total)) for month, count, total in cursor.fetchall()}


class TestSpendingByMonth:
    def test_is_what_the_ledger_took_in_each_of_twelve_months(self) -> None:
        world = build_world()
        live_through(world, MOMENTS)
        (spending,) = spending_by_month(viewer=SYSTEM, client_id=world.client.pk, now=NOW)
        assert spending.currency == "USD"
        assert [m.month for m in spending.months[:2]] == [date(2025, 4, 1), date(2025, 5, 1)]
        assert len(spending.months) == 12
        assert spending.this_month.month == date(2026, 3, 1)
        assert (spending.last_month.redemptions, spending.last_month.charged_minor) == (2, 5000)
        shown = {
            m.month: (m.redemptions, m.charged_minor) for m in spending.months if m.redemptions
        }
        taken = by_the_ledger(world.account.pk)
        assert taken.pop(date(2025, 3, 1)) == (1, 2500)
        assert shown == taken

    def test_counts_a_reward_when_it_is_issued_not_when_it_was_asked_for(self) -> None:
        world = build_world()
        (waited,) = live_through(world, [MOMENTS[3]])
        Redemption.objects.filter(pk=waited.pk).update(created_at=MOMENTS[0])
        (spending,) = spending_by_month(viewer=SYSTEM, client_id=world.client.pk, now=NOW)
        assert spending.last_month.charged_minor == 2500

    @pytest.mark.parametrize("state", ["cancelled", "failed"])
    def test_leaves_out_what_no_longer_stands(self, state: str) -> None:
        world = build_world()
        first, _ = live_through(world, MOMENTS[-2:])
        take_back(first, state)
        (spending,) = spending_by_month(viewer=SYSTEM, client_id=world.client.pk, now=NOW)
        assert [m.redemptions for m in spending.months] == [0] * 11 + [1]

    def test_leaves_out_tests_and_those_who_wait(self) -> None:
        world = build_world()
        for code in (*world.invite(is_test=True), *world.invite()):
            redeem(
                caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
                contact=Contact(method="none"),
                code=code,
                now=NOW,
            )
        assert set(Redemption.objects.values_list("state", flat=True)) == {
            "issued",
            "waiting_stock",
        }
        assert spending_by_month(viewer=SYSTEM, client_id=world.client.pk, now=NOW) == []

    def test_never_adds_two_currencies(self) -> None:
        world = build_world()
        first, _ = live_through(world, MOMENTS[-2:])
        # A fact no longer changes, so that it takes the tables' owner to make it another.
        with psycopg.connect(owner_url()) as owner:
            table = "ALTER TABLE redemption_redemption"
            owner.execute(f"{table} DISABLE TRIGGER redemption_transition")
            owner.execute(
                "UPDATE redemption_redemption SET currency = 'EUR' WHERE id = %s", [first.pk]
            )
            owner.execute(f"{table} ENABLE TRIGGER redemption_transition")
        rows = spending_by_month(viewer=SYSTEM, client_id=world.client.pk, now=NOW)
        assert [
            (row.currency, row.last_month.charged_minor, row.this_month.charged_minor)
            for row in rows
        ] == [("EUR", 2500, 0), ("USD", 0, 2500)]

    def test_is_nobody_elses_business(self) -> None:
        world, other = build_world(), build_world(name="Birch")
        live_through(world, MOMENTS[-1:])
        mine = Viewer(actor="user:1", client_ids=frozenset({world.client.pk}))
        agency = Viewer(actor="user:2", agency_ids=frozenset({world.agency.pk}))
        for viewer in (mine, agency):
            (spending,) = spending_by_month(viewer=viewer, client_id=world.client.pk, now=NOW)
            assert spending.this_month.charged_minor == 2500
            with pytest.raises(Client.DoesNotExist):
                spending_by_month(viewer=viewer, client_id=other.client.pk, now=NOW)
        with pytest.raises(Client.DoesNotExist):
            spending_by_month(viewer=Viewer(actor="x"), client_id=world.client.pk, now=NOW)

    def test_takes_a_year_boundary(self) -> None:
        world = build_world()
        live_through(world, [datetime(2025, 12, 31, 23, 59, tzinfo=UTC)])
        (spending,) = spending_by_month(
            viewer=SYSTEM, client_id=world.client.pk, now=datetime(2026, 1, 1, tzinfo=UTC)
        )
        assert (spending.last_month.month, spending.last_month.redemptions) == (
            date(2025, 12, 1),
            1,
        )
        assert spending.this_month.redemptions == 0

    def test_reads_an_index_that_holds_it_all(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'redemption_spent'")
            (definition,) = cursor.fetchone()
        assert "(client_id, issued_at) INCLUDE (charged_minor, currency, campaign_id)" in definition


class TestSpentThisMonthByCampaign:
    def test_has_only_this_months(self) -> None:
        world = build_world()
        live_through(world, MOMENTS)
        found = spent_this_month_by_campaign(viewer=SYSTEM, client_id=world.client.pk, now=NOW)
        assert set(found) == {world.campaign.pk}
        month = found[world.campaign.pk]
        assert (month.redemptions, month.charged_minor) == (1, 2500)


class TestListRecentRedemptions:
    def test_is_newest_first_and_for_the_clients_viewers_only(self) -> None:
        world, other = build_world(), build_world(name="Birch")
        live_through(world, MOMENTS)
        live_through(other, MOMENTS[:1])
        viewer = Viewer(actor="user:1", client_ids=frozenset({world.client.pk}))
        rows = list_recent_redemptions(viewer=viewer, client_id=world.client.pk, limit=2)
        assert [row.at for row in rows] == [MOMENTS[5], MOMENTS[4]]
        assert rows[0].campaign == "Acorn campaign"
        assert "+1202" not in repr(rows)
        assert list_recent_redemptions(viewer=viewer, client_id=other.client.pk, limit=2) == []
