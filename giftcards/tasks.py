"""What the clock asks; each is one line into a service, harmless when run twice."""

from celery import shared_task
from django.utils import timezone

from giftcards.services import (
    buffers,
    expiry,
    floats,
    large_uploads,
    orders,
    pool_watch,
    provider_brands,
    upload_jobs,
)


@shared_task(name="giftcards.tasks.place_orders", ignore_result=True)
def place_orders() -> None:
    """Buy what was ordered: the bell has rung."""
    orders.place_due_orders(now=timezone.now())


@shared_task(name="giftcards.tasks.sweep_orders", ignore_result=True)
def sweep_orders() -> None:
    """Buy what was ordered and ask again about what is open, whether a bell was heard or not."""
    orders.place_due_orders(now=timezone.now())


@shared_task(name="giftcards.tasks.watch_pools")
def watch_pools() -> None:
    """Tell webhook endpoints of pools that have run low or empty."""
    pool_watch.watch_pools(now=timezone.now())


@shared_task(name="giftcards.tasks.expire_cards")
def expire_cards() -> None:
    """Take cards past their date out of stock."""
    expiry.expire_cards(now=timezone.now())


@shared_task(name="giftcards.tasks.refill_buffers")
def refill_buffers() -> None:
    """Order what is missing in the buffer pools."""
    buffers.refill_buffers(now=timezone.now())


@shared_task(name="giftcards.tasks.check_floats")
def check_floats() -> None:
    """Ask the providers for our money there."""
    floats.check_all_floats(now=timezone.now())


@shared_task(name="giftcards.tasks.sync_brands")
def sync_brands() -> None:
    """Ask the providers what they sell."""
    provider_brands.sync_all_brands(now=timezone.now())


@shared_task(name="giftcards.tasks.run_uploads", ignore_result=True)
def run_uploads() -> None:
    """Check and import large uploads, and take them out again."""
    upload_jobs.run_uploads(now=timezone.now())


@shared_task(name="giftcards.tasks.sweep_uploads")
def sweep_uploads() -> None:
    """Clear away uploads that broke off or were never confirmed."""
    large_uploads.sweep_uploads(now=timezone.now())
