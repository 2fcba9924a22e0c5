"""What the clock asks; each is one line into a service, harmless when run twice."""

from celery import shared_task
from django.utils import timezone

from alerts.services import webhook_deliveries, webhook_sending
from alerts.services import escalation, job_history, job_switches, reminders, sending


@shared_task(name="alerts.tasks.recover_jobs", ignore_result=True)
def recover_jobs() -> job_switches.Recovery:
    """Find runs whose worker is gone, and run their jobs again."""
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


@shared_task(name="alerts.tasks.clear_job_runs")
def clear_job_runs() -> int:
    """Clear runs of jobs that are older than they are kept."""
    return job_history.clear_job_runs(now=timezone.now())


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
