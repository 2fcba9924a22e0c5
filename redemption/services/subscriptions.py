"""Who gets the daily report by mail: they ask for it, and end it, themselves."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID
from zoneinfo import available_timezones

from django.core.signing import BadSignature, Signer
from django.utils.translation import gettext

from alerts.errors import ValidationFailedError
from alerts.transactions import durable, transaction
from credit.models import User
from credit.selectors.viewers import MONEY_READERS, Viewer, viewer_of_user
from redemption.models import DailyReportMail, ReportSubscription
from redemption.selectors.daily import last_full_day

LAST_HOUR: Final = 23
_SIGNER: Final = Signer(salt="redemption.daily_report")


class TimeZones:
    """The clocks that people may live by: places, not abbreviations and offsets."""

    NAMES: ClassVar[tuple[str, ...]] = (
        "UTC",
        *sorted(
            name
            for name in available_timezones()
            if "/" in name and not name.startswith(("Etc/", "SystemV/", "US/", "Canada/", "posix"))
        ),
    )


@durable
def subscribe(*, user: User, hour: int, time_zone: str, now: datetime) -> ReportSubscription:
    """Have the daily report sent to somebody from the next morning on, or change its hour.

    A repeat changes nothing. What they may not see now they may still ask for: what is sent is
    decided when it is sent.

    :param hour: of the day on the clock of ``time_zone``, from 0 to 23.
    :raises ValidationFailedError: there is no such hour or clock, or nowhere to write to (GC-012).
    """
    errors: dict[str, list[str]] = {}
    if not 0 <= hour <= LAST_HOUR:
        errors["hour"] = [gettext("Choose an hour from 0 to 23.")]
    if time_zone not in TimeZones.NAMES:
        errors["time_zone"] = [gettext("Choose a clock from the list.")]
    if not user.email:
        errors["email"] = [
            gettext("Your account has no e-mail address. Ask your administrator for one.")
        ]
    if errors:
        raise ValidationFailedError(errors=errors)
    with transaction():
        subscription, _ = ReportSubscription.objects.update_or_create(
            user=user,
            defaults={"hour": hour, "time_zone": time_zone},
            # Yesterday's can be read on the page: the first mail is about today.
            create_defaults={
                "hour": hour,
                "time_zone": time_zone,
                "last_day": last_full_day(now),
            },
        )
    return subscription


@durable
def unsubscribe(*, user_id: UUID) -> bool:
    """Send somebody no daily report any more, what is due included; tell whether they had one."""
    with transaction():
        deleted, _ = ReportSubscription.objects.filter(user_id=user_id).delete()
        DailyReportMail.objects.filter(user_id=user_id, state=DailyReportMail.State.DUE).update(
            state=DailyReportMail.State.NOT_WANTED, next_attempt_at=None
        )
    return bool(deleted)


def find_subscription(*, user_id: UUID) -> ReportSubscription | None:
    """Return somebody's own subscription, None without one."""
    return ReportSubscription.objects.filter(user_id=user_id).order_by("pk").first()


def viewer_of_reports(user_id: UUID) -> Viewer:
    """Return what somebody may see in reports at this moment; without grants it is nothing."""
    return viewer_of_user(user_id).narrowed_to(MONEY_READERS)


def sign_unsubscribing(user_id: UUID) -> str:
    """Return the token that ends somebody's subscription, without signing in."""
    return _SIGNER.sign(user_id.hex)


def read_unsubscribing(token: str) -> UUID | None:
    """Return whose token it is, None where we have not signed it."""
    try:
        return UUID(_SIGNER.unsign(token))
    except (BadSignature, ValueError):
        return None
