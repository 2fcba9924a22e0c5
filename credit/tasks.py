"""What the clock asks; each is one line into a service, harmless when run twice."""

from celery import shared_task
from django.utils import timezone

from credit.services import idempotency, ledger_audit, sessions, slots


@shared_task(name="credit.tasks.rebalance_accounts")
def rebalance_accounts() -> int:
    """Even out the slots of accounts that have been spent from unevenly."""
    return slots.rebalance_accounts(now=timezone.now())


@shared_task(name="credit.tasks.audit_ledger")
def audit_ledger() -> ledger_audit.LedgerAudit:
    """Prove that the ledger adds up, or raise the alarm."""
    return ledger_audit.audit_ledger(now=timezone.now())


@shared_task(name="credit.tasks.clear_sign_ins")
def clear_sign_ins() -> None:
    """Delete sessions that have expired."""
    sessions.clear_sign_ins(now=timezone.now())


@shared_task(name="credit.tasks.clear_answers")
def clear_answers() -> int:
    """Forget the Idempotency-Keys that nobody repeats any more."""
    return idempotency.clear_answers(now=timezone.now())
