"""A look at a code before anybody redeems it, which the operators hear of where it is in vain."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from redemption.selectors.codes import CodeFacts, find_code
from redemption.services.stock_alerts import report_empty


def look_at_code(
    *,
    code: str,
    now: datetime,
    scope_kind: str = "platform",
    scope_id: UUID | None = None,
) -> CodeFacts | None:
    """Return what a code is good for, None when there is no such code within the scope.

    Nothing is claimed and nobody waits for a claim: where no card is left and none can be
    bought, that is said at once, and the operators are told once.
    """
    facts = find_code(code=code, now=now, scope_kind=scope_kind, scope_id=scope_id)
    if facts is not None and facts.state == "out_of_stock":
        report_empty(
            campaign_id=facts.campaign_id,
            condition_numbers=[offer.number for offer in facts.offers],
            now=now,
        )
    return facts


def report_turned_away(
    *, code: str | None, recipient_id: UUID | None, condition_number: int | None, now: datetime
) -> None:
    """Tell the operators, once, that there is no card for somebody who may not wait for one."""
    facts = find_code(code=code, recipient_id=recipient_id, now=now, ignore_stock=True)
    if facts is not None:
        numbers = [offer.number for offer in facts.offers]
        report_empty(
            campaign_id=facts.campaign_id,
            condition_numbers=numbers if condition_number is None else [condition_number],
            now=now,
        )
