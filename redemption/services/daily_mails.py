"""Sending the daily report to who asked for it.

Note [Daily mails]
For each person and day there is one row (``DailyReportMail``), set out when the hour that they
chose has come on their clock, and unique: so that nobody gets a day twice, however many beats and
workers run. What was not set out because nothing ran follows when something runs again, day by
day, for a week at most. A row is claimed, the mail handed over outside every transaction, and the
outcome recorded; who dies in between leaves a row whose time runs out, and the mail goes again
under the same Message-ID, by which mail programs know it for the same. A mail server that is away
is tried again, from a minute to an hour apart, for two days; so is a mail that can't be written,
and neither keeps the others waiting.

What the mail says is read when it is sent, with the rights that its reader has then: who has lost
them, was switched off or has unsubscribed gets nothing.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from django.conf import settings
from django.urls import reverse
from django.utils.module_loading import import_string

from alerts.transactions import durable, transaction
from credit.models import User
from credit.selectors.viewers import Viewer, viewing
from redemption.models import DailyReportMail, ReportSubscription
from redemption.selectors.daily import DailyReport, last_full_day, read_daily_report
from redemption.selectors.message_report import choose_message_scope
from redemption.selectors.spans import ONE_DAY, days_between
from redemption.services.subscriptions import sign_unsubscribing, viewer_of_reports
from sms.providers import OutgoingText, ProviderError, RefusedError
from sms.providers.smtp import EXCHANGES, Smtp

log = structlog.get_logger()

State = DailyReportMail.State
RETRY_SECONDS: Final = (60, 300, 900, 3600)
_GIVE_UP_AFTER: Final = timedelta(days=2)
_MOST_DAYS: Final = 7
# Of our own log-in: somebody puts it right, so it is tried again.
_LOG_IN: Final = frozenset({"smtp-530", "smtp-534", "smtp-535", "smtp-538"})
_SPARE_SECONDS: Final = 60
# Then the periodic task ends and the next one goes on; no lease of a run ends before that.
_RUN_SECONDS: Final = 240.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """The daily report as a mail."""

    subject: str
    text: str
    html: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where a letter leads to: the same report as a page, and the end of the subscription."""

    page_url: str
    unsubscribe_url: str


# ``settings.DAILY_REPORT_WRITER``: the words stand beside the page's, above this room.
Writer = Callable[[DailyReport, Viewer, Links], Letter]


@durable
def send_daily_reports(*, now: datetime, limit: int) -> int:
    """Set out what is due by now, and send up to ``limit`` mails; return how many were taken.

    Safe to run twice at once, and to be killed: Note [Daily mails].
    """
    _set_out(now)
    taken = 0
    ends_at = time.monotonic() + _RUN_SECONDS
    for _ in range(limit):
        mail = _claim(now)
        if mail is None:
            break
        taken += _send(mail, now)
        if time.monotonic() >= ends_at:
            break
    return taken


def _set_out(now: datetime) -> None:
    """Write the rows of the days whose hour has come since the last time."""
    for subscription in ReportSubscription.objects.filter(last_day__lt=last_full_day(now)):
        day = _due_day(subscription, now)
        if day <= subscription.last_day:
            continue
        first = max(subscription.last_day + ONE_DAY, day - (_MOST_DAYS - 1) * ONE_DAY)
        with transaction():
            DailyReportMail.objects.bulk_create(
                [
                    DailyReportMail(
                        user_id=subscription.user_id, day=one, created_at=now, next_attempt_at=now
                    )
                    for one in days_between(first, day)
                ],
                ignore_conflicts=True,
            )
            ReportSubscription.objects.filter(pk=subscription.pk).update(last_day=day)


def _due_day(subscription: ReportSubscription, now: datetime) -> date:
    """Return the day (UTC) that was the last full one when the chosen hour last struck."""
    try:
        local = now.astimezone(ZoneInfo(subscription.time_zone))
    except ZoneInfoNotFoundError:
        # A place that has changed its name since: nobody else must wait for that.
        local = now.astimezone(UTC)
    struck = local.replace(hour=subscription.hour, minute=0, second=0, microsecond=0)
    if struck > local:
        struck -= timedelta(days=1)
    return last_full_day(struck)


def _claim(now: datetime) -> DailyReportMail | None:
    """Take the mail that is due longest, for as long as handing it over may last.

    :param now: when the run began, which may be ``_RUN_SECONDS`` ago.
    """
    lease = timedelta(seconds=_RUN_SECONDS + EXCHANGES * settings.EMAIL_TIMEOUT + _SPARE_SECONDS)
    with transaction():
        mail = (
            DailyReportMail.objects.select_for_update(skip_locked=True)
            .filter(next_attempt_at__lte=now)
            .order_by("next_attempt_at", "pk")
            .first()
        )
        if mail is None:
            return None
        mail.state, mail.attempts = State.SENDING, mail.attempts + 1
        mail.next_attempt_at = now + lease
        mail.save(update_fields=["state", "attempts", "next_attempt_at"])
    return mail


def _send(mail: DailyReportMail, now: datetime) -> bool:
    if now - mail.created_at >= _GIVE_UP_AFTER + ONE_DAY:
        # Nobody who began has ever come to its end.
        return _record(mail, State.GIVEN_UP, note=mail.note)
    user = User.objects.get(pk=mail.user_id)
    if not ReportSubscription.objects.filter(user=user).exists():
        return _record(mail, State.NOT_WANTED)
    viewer = viewer_of_reports(user.pk)
    if not user.is_active or not viewer.grants or not user.email:
        return _record(mail, State.NOT_ENTITLED)
    if not settings.EMAIL_ENABLED:
        return _put_off(mail, "No mail server is set (EMAIL_URL).", now)
    try:
        letter = _compose(mail, user, viewer)
    except Exception as error:
        # Whatever it was: the others' mails have to go out.
        log.exception("[REPORT] Daily mail can't be written", mail_id=str(mail.pk))
        return _put_off(mail, f"It could not be written: {type(error).__name__}.", now)
    try:
        Smtp().send(letter)
    except RefusedError as error:
        if _is_final(error):
            return _record(mail, State.REFUSED, note=error.message)
        return _put_off(mail, error.message, now)
    except ProviderError as error:
        return _put_off(mail, f"The mail server: {error}", now)
    return _record(mail, State.SENT, sent_at=now)


def _compose(mail: DailyReportMail, user: User, viewer: Viewer) -> OutgoingText:
    base, token = settings.PUBLIC_BASE_URL, sign_unsubscribing(user.pk)
    links = Links(
        page_url=f"{base}{reverse('report-daily')}?day={mail.day.isoformat()}",
        unsubscribe_url=f"{base}{reverse('report-unsubscribe', args=[token])}",
    )
    with viewing(viewer):
        scope = choose_message_scope(viewer=viewer, client_id=None, campaign_id=None)
        report = read_daily_report(scope=scope, day=mail.day)
    write = cast(Writer, import_string(settings.DAILY_REPORT_WRITER))
    letter = write(report, viewer, links)
    return OutgoingText(
        to=user.email,
        subject=letter.subject,
        body=letter.text,
        html=letter.html,
        callback_url="",
        # The same at every try, and another one for each person and day.
        message_id=mail.pk,
        from_name=settings.COMPANY_NAME,
        headers={
            # One press in the mail program, as RFC 8058 has it.
            "List-Unsubscribe": f"<{links.unsubscribe_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )


def _is_final(error: RefusedError) -> bool:
    return error.code.startswith(("smtp-5", "smtp-address", "smtp-sender")) and (
        error.code not in _LOG_IN
    )


def _put_off(mail: DailyReportMail, note: str, now: datetime) -> bool:
    """Have a mail tried again later, or give it up when its time is over."""
    if now - mail.created_at >= _GIVE_UP_AFTER:
        return _record(mail, State.GIVEN_UP, note=note)
    wait = RETRY_SECONDS[min(mail.attempts, len(RETRY_SECONDS)) - 1]
    return _record(mail, State.DUE, note=note, next_attempt_at=now + timedelta(seconds=wait))


def _record(
    mail: DailyReportMail,
    state: State,
    *,
    note: str = "",
    next_attempt_at: datetime | None = None,
    sent_at: datetime | None = None,
) -> bool:
    """Write down what became of our try, unless it is no longer ours; tell whether it was taken."""
    with transaction():
        DailyReportMail.objects.filter(
            pk=mail.pk, state=State.SENDING, attempts=mail.attempts
        ).update(state=state, note=note[:120], next_attempt_at=next_attempt_at, sent_at=sent_at)
    log.info("[REPORT] Daily mail", mail_id=str(mail.pk), day=str(mail.day), state=state, note=note)
    return state == State.SENT
