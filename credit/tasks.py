"""What the clock asks; each is one line into a service, harmless when run twice."""

from celery import shared_task
from django.utils import timezone

from credit.services import idempotency, ledger_audit, sessions, slots


@shared_task(name="credit.tasks.rebalance_accounts")
def rebalance_accounts() -> None:
    """Even out the slots of accounts that have been spent from unevenly."""
    slots.rebalance_accounts(now=timezone.now())


@shared_task(name="credit.tasks.audit_ledger")
def audit_ledger() -> None:
    """Prove that the ledger adds up, or raise the alarm."""
    ledger_audit.audit_ledger(now=timezone.now())


@shared_task(name="credit.tasks.clear_sign_ins")
def clear_sign_ins() -> None:
    """Delete sessions that have expired."""
    sessions.clear_sign_ins(now=timezone.now())


@shared_task(name="credit.tasks.clear_answers")
def clear_answers() -> None:
    """Forget the Idempotency-Keys that nobody repeats any more."""
    idempotency.clear_answers(now=timezone.now())
