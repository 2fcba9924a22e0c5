"""What the clock asks; each is one line into a service, harmless when run twice."""

from celery import shared_task
from django.utils import timezone

from alerts.services import (
    escalation,
    history,
    job_switches,
    maintenance,
    monitor_runs,
    reminders,
    sending,
    verification,
    webhook_deliveries,
    webhook_sending,
)


@shared_task(name="alerts.tasks.recover_jobs", ignore_result=True)
def recover_jobs() -> job_switches.Recovery:
    """Find runs whose worker is gone, and run their jobs again; ring for proofs left unheard."""
    verification.ring_again(now=timezone.now())
    return job_switches.recover_jobs(now=timezone.now())


@shared_task(name="alerts.tasks.send_webhooks", ignore_result=True)
def send_webhooks() -> None:
    """Send webhooks that are due: the bell has rung."""
    webhook_sending.send_due_webhooks(now=timezone.now())


@shared_task(name="alerts.tasks.sweep_webhooks", ignore_result=True)
def sweep_webhooks() -> None:
    """Send webhooks that are due, and clear old ones, whether a bell was heard or not."""
    webhook_deliveries.clear_webhooks(now=timezone.now())
    webhook_sending.send_due_webhooks(now=timezone.now())


@shared_task(name="alerts.tasks.escalate_incidents")
def escalate_incidents() -> None:
    """Look after incidents that are not resolved, and tell whose turn it is."""
    escalation.escalate_incidents(now=timezone.now())


@shared_task(name="alerts.tasks.clear_history")
def clear_history() -> dict[str, int]:
    """Clear runs of jobs, notices and alerts that are older than they are kept."""
    return history.clear_history(now=timezone.now())


@shared_task(name="alerts.tasks.send_notices", ignore_result=True)
def send_notices() -> None:
    """Send what is due: the bell has rung."""
    sending.send_due_notices(now=timezone.now())


@shared_task(name="alerts.tasks.sweep_notices", ignore_result=True)
def sweep_notices() -> None:
    """Send what is due, whether a bell was heard or not."""
    sending.send_due_notices(now=timezone.now())


@shared_task(name="alerts.tasks.remind_of_alerts", ignore_result=True)
def remind_of_alerts() -> None:
    """Remind of critical alerts that nobody has taken on."""
    reminders.remind_of_alerts(now=timezone.now())


@shared_task(name="alerts.tasks.run_monitors")
def run_monitors() -> monitor_runs.MonitorsResult | None:
    """Look for what is wrong; who finds somebody looking leaves it to them."""
    return monitor_runs.run_unless_running(now=timezone.now())


@shared_task(name="alerts.tasks.vacuum_tables")
def vacuum_tables() -> maintenance.Maintenance:
    """Clean up the busy tables, and measure them for the planner."""
    return maintenance.vacuum_tables(now=timezone.now())


@shared_task(name="alerts.tasks.verify")
def verify() -> verification.Verified:
    """Prove the whole database."""
    return verification.verify(now=timezone.now(), asked_by="schedule")


@shared_task(name="alerts.tasks.verify_asked")
def verify_asked() -> int:
    """Prove the whole database for whoever has asked: the bell has rung."""
    return verification.verify_asked(now=timezone.now())
