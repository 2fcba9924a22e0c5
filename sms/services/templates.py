"""The words of templates: every change with who and when, and the way back to earlier ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from alerts.transactions import transaction_required
from credit.models import AuditEvent
from credit.services.audit import record_event
from sms.models import MessageTemplate

KIND: Final = "message_template"
_KEPT: Final = (
    "purpose", "channel", "locale", "client_id", "campaign_id", "is_active", "subject", "body",
)  # fmt: skip
_SHOWN: Final = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EarlierWords:
    """The words that a template had until somebody changed them."""

    event_id: UUID
    until: datetime
    changed_by: str
    subject: str
    body: str


@transaction_required
def lock_template(template_id: int) -> dict[str, Any]:
    """Return a template as it is saved; nobody else changes it until the transaction ends."""
    return _facts(MessageTemplate.objects.select_for_update(of=("self",)).get(pk=template_id))


@transaction_required
def record_template(
    *, template: MessageTemplate, before: Mapping[str, Any] | None, actor: str, now: datetime
) -> None:
    """Write down what was changed on a template that was just saved; nothing where nothing was.

    :param before: as :func:`lock_template` returned it; None for a new one.
    """
    after = _facts(template)
    changed = [name for name in _KEPT if before is None or before[name] != after[name]]
    if not changed:
        return
    if before is None:
        action = "template.made"
    elif changed == ["is_active"]:
        action = "template.switched_on" if template.is_active else "template.switched_off"
    else:
        action = "template.changed"
    record_event(
        actor=actor,
        action=action,
        object_kind=KIND,
        object_id=template.pk,
        before=None if before is None else {name: before[name] for name in changed},
        after={name: after[name] for name in changed},
        owner=template.client,
        now=now,
    )


def list_earlier_words(*, template_id: int) -> list[EarlierWords]:
    """Return the words that a template had before, the latest first."""
    events = AuditEvent.objects.filter(
        object_kind=KIND, object_id=str(template_id), action="template.changed"
    ).order_by("-at")
    template = MessageTemplate.objects.get(pk=template_id)
    subject, body = template.subject, template.body
    earlier = []
    for event in events:
        before = event.details.get("before", {})
        if "body" not in before and "subject" not in before:
            continue
        # What an event does not name stayed as it was.
        subject, body = before.get("subject", subject), before.get("body", body)
        earlier.append(
            EarlierWords(
                event_id=event.pk,
                until=event.at,
                changed_by=event.actor,
                subject=subject,
                body=body,
            )
        )
        if len(earlier) == _SHOWN:
            break
    return earlier


def _facts(template: MessageTemplate) -> dict[str, Any]:
    facts = {name: getattr(template, name) for name in _KEPT}
    return {name: str(fact) if isinstance(fact, UUID) else fact for name, fact in facts.items()}
