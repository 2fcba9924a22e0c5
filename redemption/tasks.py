"""What the clock asks of redemptions; each is one line into a service."""

from celery import shared_task
from django.utils import timezone

from redemption.services import (
    approvals,
    attempts,
    budgets,
    canaries,
    claim_expiry,
    daily_mails,
    duplicates,
    erasing,
    form_alerts,
    inbound_events,
    message_days,
    report_days,
    retention,
    serving,
    stuck,
)

# More than a minute's work is left to the next minute.
_AT_MOST = 1000
# The first run on old data goes through the years in some of these.
_DAYS_AT_MOST = 400
# Once a day, so it should be all; the rest is taken back the day after.
_CLAIMS_AT_MOST = 100_000


@shared_task(name="redemption.tasks.serve_waiting")
def serve_waiting() -> serving.ServingResult:
    """Give cards that have come to those who wait for them."""
    return serving.serve_waiting(now=timezone.now(), limit=_AT_MOST)


@shared_task(name="redemption.tasks.review_budgets")
def review_budgets() -> None:
    """Find campaigns and balances that nobody has looked at since their money moved."""
    budgets.review_budgets(now=timezone.now())


@shared_task(name="redemption.tasks.expire_claims")
def expire_claims() -> dict[str, int]:
    """Take back what nobody opened in time, and end what was turned down."""
    expired = claim_expiry.expire_claims(now=timezone.now(), limit=_CLAIMS_AT_MOST)
    ended = approvals.end_rejected(now=timezone.now())
    return {"taken_back": expired.taken_back, "failed": expired.failed, "ended": ended}


@shared_task(name="redemption.tasks.remind_claims")
def remind_claims() -> int:
    """Remind whoever has not opened their card, some days before it is taken back."""
    return claim_expiry.remind_claims(now=timezone.now(), limit=_CLAIMS_AT_MOST)


@shared_task(name="redemption.tasks.clean_up_stuck")
def clean_up_stuck() -> stuck.CleanUp:
    """Take back cards that were claimed and went nowhere."""
    return stuck.clean_up_stuck(now=timezone.now(), limit=_AT_MOST)


@shared_task(name="redemption.tasks.count_report_days")
def count_report_days() -> dict[str, int]:
    """Count the days that are over, and those that have changed since."""
    spans = report_days.count_report_days(now=timezone.now(), limit=_DAYS_AT_MOST)
    messages = message_days.count_message_days(now=timezone.now(), limit=_DAYS_AT_MOST)
    return {"days": spans.days, "months": spans.months, "message_days": messages}


@shared_task(name="redemption.tasks.send_daily_reports")
def send_daily_reports() -> None:
    """Send the daily report to those whose hour has come."""
    daily_mails.send_daily_reports(now=timezone.now(), limit=_AT_MOST)


@shared_task(name="redemption.tasks.process_events")
def process_events() -> int:
    """Act on CRM events that nobody has finished, and on those to be replayed."""
    return inbound_events.process_events(now=timezone.now(), limit=_AT_MOST)


@shared_task(name="redemption.tasks.review_forms")
def review_forms() -> None:
    """End the alerts of forms that are no longer slowed down."""
    form_alerts.review_forms(now=timezone.now())


@shared_task(name="redemption.tasks.clear_attempts")
def clear_attempts() -> int:
    """Clear tries at codes that are older than they are kept."""
    canaries.clear_canary_tries(now=timezone.now())
    return attempts.clear_attempts(now=timezone.now())


@shared_task(name="redemption.tasks.apply_retention")
def apply_retention() -> dict[str, int]:
    """Empty what is about people and older than it is kept."""
    return retention.apply_retention(now=timezone.now())


@shared_task(name="redemption.tasks.sweep_erasures")
def sweep_erasures() -> int:
    """Go on with forgetting people where it broke off or had to wait."""
    return erasing.work_off_erasures(now=timezone.now(), limit=_AT_MOST)


@shared_task(name="redemption.tasks.find_duplicates")
def find_duplicates() -> int:
    """Look for codes that two people hold, and raise the alarm."""
    return duplicates.alert_duplicates(now=timezone.now())


@shared_task(name="redemption.tasks.watch_canaries")
def watch_canaries() -> int:
    """Raise the alarm when somebody has tried a canary code."""
    return canaries.watch_canaries(now=timezone.now())
