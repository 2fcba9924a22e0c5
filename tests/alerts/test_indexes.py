"""What grows for years is found by an index where it is asked for often."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import Q

from alerts.models import Alert, WebhookEndpoint
from tests.world import NOW

pytestmark = pytest.mark.django_db

SOMEBODY: Final = UUID("00000000-0000-4000-8000-000000000001")


def plan_of(rows: Any) -> str:
    """Return how PostgreSQL would read the rows, were the table too large to be read whole."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    return str(rows.explain())


class TestAlerts:
    def test_are_listed_by_an_index(self) -> None:
        page = Alert.objects.order_by("-last_seen_at", "-pk")[:50]
        assert "alerts_alert_newest" in plan_of(page)

    def test_are_counted_for_the_goals_by_an_index(self) -> None:
        found = Alert.objects.filter(
            kind__in=["pool_empty", "out_of_stock"], first_seen_at__gte=NOW, first_seen_at__lt=NOW
        )
        assert "alerts_alert_of_kind" in plan_of(found)


class TestWebhookEndpoints:
    def test_are_found_by_an_index_for_each_kind_of_owner(self) -> None:
        """As ``alerts_emit_webhook`` asks for them."""
        WebhookEndpoint.objects.bulk_create(
            WebhookEndpoint(client_id=uuid4(), url="https://example.com/", events=[])
            for _ in range(3_000)
        )
        plan = plan_of(
            WebhookEndpoint.objects.filter(
                ~Q(state="disabled"),
                Q(client_id=SOMEBODY)
                | Q(agency_id=SOMEBODY)
                | Q(client_id__isnull=True, agency_id__isnull=True),
            ).order_by()
        )
        indexes = ("by_client", "by_agency", "of_platform")
        assert [one for one in indexes if f"alerts_webhook_{one}" not in plan] == []
