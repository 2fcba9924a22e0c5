"""What is wrong now."""

from __future__ import annotations

from django.db.models import Case, IntegerField, QuerySet, Value, When

from alerts.models import Alert


def list_unresolved() -> QuerySet[Alert]:
    """Return the alerts that are not resolved, the gravest first, then the latest."""
    grave = Case(
        When(severity=Alert.Severity.CRITICAL, then=Value(0)),
        When(severity=Alert.Severity.WARNING, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return Alert.objects.exclude(state=Alert.State.RESOLVED).order_by(grave, "-last_seen_at")
