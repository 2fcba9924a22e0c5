from __future__ import annotations

import pytest
from django.db import connection

from alerts.scope import EVERYTHING, seeing

pytestmark = pytest.mark.django_db


class TestPolicies:
    def test_of_a_tenant_are_not_asked_of_who_sees_everything(self) -> None:
        with seeing(EVERYTHING), connection.cursor() as cursor:
            cursor.execute(
                "SELECT c.relname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
                " WHERE p.polname <> 'unlimited' AND p.polname >= 'unlimited'"
            )
            assert cursor.fetchall() == []
            cursor.execute("EXPLAIN (COSTS OFF) SELECT 1 FROM redemption_provisioningtrace")
            plan = " ".join(line for (line,) in cursor.fetchall())
        condition = plan.split("Filter: ", 1)[1]
        assert condition.index("InitPlan") < condition.index("SubPlan")
