"""Who came with an upload."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from redemption.models import Recipient


def people_of(batch_id: UUID) -> QuerySet[Recipient]:
    """Return the people of an upload in the order of their lines; nobody of one undone."""
    return Recipient.objects.filter(batch_id=batch_id).order_by("line")
