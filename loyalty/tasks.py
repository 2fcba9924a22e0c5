"""What the clock asks of points; each is one line into a service, harmless when run twice."""

from celery import shared_task
from django.utils import timezone

from loyalty.services import erasing, expiry, payments, reconciliation, refund_calls, tiers

# More than a minute's work is left to the next minute.
_AT_MOST = 1000


@shared_task(name="loyalty.tasks.replay_points")
def replay_points() -> dict[str, int]:
    """Try again to apply the points that paid checkouts are owed."""
    run = reconciliation.replay_due(now=timezone.now(), limit=_AT_MOST)
    return {"tried": run.tried, "applied": run.applied}


@shared_task(name="loyalty.tasks.settle_payments")
def settle_payments() -> dict[str, int]:
    """Ask the gateways about payments and refunds whose end nobody knows yet."""
    now = timezone.now()
    asked = payments.settle_due(now=now, limit=_AT_MOST)
    given = refund_calls.refund_due(now=now, limit=_AT_MOST)
    return {
        "asked": asked.asked,
        "settled": asked.settled,
        "refunds": given.asked,
        "refunded": given.done,
        "refused": given.failed,
    }


@shared_task(name="loyalty.tasks.expire_points")
def expire_points() -> dict[str, int]:
    """Take points that are older than their programme keeps them."""
    run = expiry.expire_points(now=timezone.now())
    return {"customers": run.customers, "points": run.points, "failed": run.failed}


@shared_task(name="loyalty.tasks.recalculate_tiers")
def recalculate_tiers() -> int:
    """Put everybody into the tier that their points reach."""
    return tiers.recalculate_tiers(now=timezone.now())


@shared_task(name="loyalty.tasks.sweep_erasures")
def sweep_erasures() -> int:
    """Go on with emptying the provider's records of customers who were forgotten."""
    return erasing.work_off_customer_erasures(now=timezone.now(), limit=_AT_MOST)
