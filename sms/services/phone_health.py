"""Numbers that no text reaches, for whoever would type one again."""

from collections.abc import Sequence
from datetime import datetime

from alerts.transactions import transaction_required
from sms.models import MessageTemplate, PhoneHealth
from sms.services.parties import Outcome
from sms.services.standing import Consequences, Standing


@transaction_required
def note_phones(*, moved: Sequence[tuple[Standing, Consequences]], now: datetime) -> None:
    """Mark numbers of which the provider says that no text reaches them; unmark who got one."""
    texts = [
        (standing, consequences)
        for standing, consequences in moved
        # One of somebody who was erased meanwhile has no number any more.
        if standing.channel == MessageTemplate.Channel.SMS and standing.to
    ]
    reached = {one.to for one, said in texts if Outcome.DELIVERED in said.outcomes}
    bad = {one.to: one.error_code for one, said in texts if said.is_bad_address}
    if bad:
        PhoneHealth.objects.bulk_create(
            [
                PhoneHealth(phone=phone, error_code=bad[phone], failed_at=now)
                for phone in sorted(bad)
            ],
            update_conflicts=True,
            unique_fields=["phone"],
            update_fields=["error_code", "failed_at"],
        )
    if reached:
        PhoneHealth.objects.filter(phone__in=reached).delete()
