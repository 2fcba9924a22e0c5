"""Who changed what: written in the transaction of the change, and never changed again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from alerts.scope import EVERYTHING, seeing
from alerts.transactions import transaction_required
from credit.models import Agency, AuditEvent, Client


@seeing(EVERYTHING)
@transaction_required
def record_event(
    *,
    actor: str,
    action: str,
    object_kind: str,
    object_id: UUID | int | str,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    owner: Agency | Client | None = None,
) -> AuditEvent:
    """Write down that somebody changed something.

    It is the platform that keeps the record, so it is written whatever the one who acts may see.

    :param action: an object and a past participle: ``"budget.switched"``.
    :param before: the fields that changed, as JSON can hold them; no code, key, password or
        phone number.
    :param owner: the organisation it concerns, which may read about it.
    """
    details: dict[str, Any] = {}
    if before is not None:
        details["before"] = dict(before)
    if after is not None:
        details["after"] = dict(after)
    if reason:
        details["reason"] = reason
    return AuditEvent.objects.create(
        at=now,
        actor=actor,
        action=action,
        object_kind=object_kind,
        object_id=str(object_id),
        details=details,
        agency_id=owner.agency_id if isinstance(owner, Client) else owner.pk if owner else None,
        client=owner if isinstance(owner, Client) else None,
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
    )
