"""Whether a form is slowed down."""

from __future__ import annotations

from datetime import datetime

from redemption.models import FormBreaker


def slowed_until(*, form: str, now: datetime) -> datetime | None:
    """Return until when a form is slowed down for everybody, None when it isn't.

    :param form: the id of the campaign whose form it is, ``""`` for the general one.
    """
    until = FormBreaker.objects.filter(form=form, slowed_until__gt=now).values_list(
        "slowed_until", flat=True
    )
    return until.order_by("form").first()
