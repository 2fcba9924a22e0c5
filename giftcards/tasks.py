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
def place_orders() -> int:
    """Buy what was ordered: the bell has rung."""
    return orders.place_due_orders(now=timezone.now())


@shared_task(name="giftcards.tasks.sweep_orders", ignore_result=True)
def sweep_orders() -> int:
    """Buy what was ordered and ask again about what is open, whether a bell was heard or not."""
    return orders.place_due_orders(now=timezone.now())


@shared_task(name="giftcards.tasks.watch_pools")
def watch_pools() -> None:
    """Tell webhook endpoints of pools that have run low or empty."""
    pool_watch.tell_pool_levels(now=timezone.now())


@shared_task(name="giftcards.tasks.expire_cards")
def expire_cards() -> int:
    """Take cards past their date out of stock."""
    return expiry.expire_cards(now=timezone.now())


@shared_task(name="giftcards.tasks.refill_buffers")
def refill_buffers() -> dict[str, int]:
    """Order what is missing in the buffer pools."""
    refills = buffers.refill_buffers(now=timezone.now())
    return {"ordered": sum(refill.ordered for refill in refills)}


@shared_task(name="giftcards.tasks.check_floats")
def check_floats() -> dict[str, int]:
    """Ask the providers for our money there."""
    read = floats.check_all_floats(now=timezone.now())
    return {provider: len(levels) for provider, levels in read.items()}


@shared_task(name="giftcards.tasks.sync_brands")
def sync_brands() -> dict[str, int]:
    """Ask the providers what they sell."""
    synced = provider_brands.sync_all_brands(now=timezone.now())
    return {provider: sync.listed for provider, sync in synced.items()}


@shared_task(name="giftcards.tasks.run_uploads", ignore_result=True)
def run_uploads() -> int:
    """Check and import large uploads, and take them out again."""
    return upload_jobs.run_uploads(now=timezone.now())


@shared_task(name="giftcards.tasks.sweep_uploads")
def sweep_uploads() -> int:
    """Clear away uploads that broke off or were never confirmed."""
    return large_uploads.sweep_uploads(now=timezone.now())
