"""What the clock asks; each is one line into a service, harmless when run twice."""

from celery import shared_task
from django.utils import timezone

from giftcards.services import expiry


@shared_task(name="giftcards.tasks.expire_cards")
def expire_cards() -> None:
    """Take cards past their date out of stock."""
    expiry.expire_cards(now=timezone.now())
