"""What people do with jobs: run one now, switch one off and on again."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

import structlog
from django.db.models import Q
from django_celery_beat.models import PeriodicTask

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.models import JobLease, RungBy
from alerts.queue import send_job
from alerts.selectors.job_schedules import find_job
from alerts.selectors.jobs import list_switched_off
from alerts.services.job_leases import free_lost_leases, make_leases
from alerts.transactions import durable, transaction_required

log = structlog.get_logger()

# A job whose worker dies each time would take one worker after the other with it.
LOSSES_BEFORE_REST: Final = 3
_RING_AGAIN_AFTER: Final = timedelta(seconds=30)


@dataclasses.dataclass(eq=False, kw_only=True)
class UnknownJobError(ServiceError):
    """There is no such job."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    job: str


@transaction_required
def switch_job(*, job: str, is_on: bool, reason: str, user_id: UUID, now: datetime) -> bool:
    """Switch a job on or off; return False when it was that already.

    Off holds at once for the clock, and within seconds for the bell; a run that has begun goes on.

    :param reason: why, for those who look at it later; at most 200 characters.
    :raises UnknownJobError: there is none of that name.
    """
    make_leases(jobs=[job])
    lease = JobLease.objects.select_for_update().get(job=job)
    rows = list(PeriodicTask.objects.select_for_update().filter(name=job))
    if not rows:
        raise UnknownJobError(job=job)
    was_on = rows[0].enabled and lease.switched_off_at is None
    if was_on == is_on:
        return False
    rows[0].enabled = is_on
    rows[0].save()  # which also tells a running beat
    lease.switched_off_at = None if is_on else now
    lease.switched_off_by = None if is_on else user_id
    lease.switch_reason = "" if is_on else reason[:200]
    lease.expected_since = now
    lease.save(
        update_fields=[
            "switched_off_at", "switched_off_by", "switch_reason", "expected_since",
        ]
    )  # fmt: skip
    log.warning("[JOB] Switched", job=job, is_on=is_on, user_id=str(user_id))
    return True


@durable
def run_job_now(*, job: str, user_id: UUID, now: datetime) -> bool:
    """Ask for a run; return whether a worker was rung. If not, one is as soon as that can be.

    A wish is a row: a ring that is lost is repeated by the recovery.

    :raises UnknownJobError: there is none of that name.
    """
    row = find_job(job)
    if row is None:
        raise UnknownJobError(job=job)
    make_leases(jobs=[job])
    JobLease.objects.filter(job=job).update(wanted_at=now, wanted_by=user_id)
    return _ring(row, rung_by=RungBy.PERSON, asked_by=user_id)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What a recovery did: runs it marked lost, jobs it rang for."""

    lost: int
    rung: int


@durable
def recover_jobs(*, now: datetime) -> Recovery:
    """Mark runs lost whose worker is gone, and ring again for them and for what people asked for.

    A job that was lost three times in a row waits for the clock. Safe to run twice at once.
    """
    names = PeriodicTask.objects.values_list("name", flat=True)
    known = set(JobLease.objects.values_list("job", flat=True))
    make_leases(jobs=sorted(set(names) - known))
    rung = 0
    off = list_switched_off()
    lost = free_lost_leases()
    for job, losses in lost:
        log.error("[JOB] Lost", job=job, losses_in_a_row=losses)
        row = find_job(job)
        if row is not None and job not in off and losses <= LOSSES_BEFORE_REST:
            rung += _ring(row, rung_by=RungBy.RECOVERY, asked_by=None)
    waiting = Q(wanted_at__lt=now - _RING_AGAIN_AFTER, holder__isnull=True)
    for lease in JobLease.objects.filter(waiting).order_by("job"):
        row = find_job(lease.job)
        if row is not None:
            rung += _ring(row, rung_by=RungBy.PERSON, asked_by=lease.wanted_by)
    return Recovery(lost=len(lost), rung=rung)


def _ring(row: Any, *, rung_by: RungBy, asked_by: UUID | None) -> bool:
    return send_job(
        task=row.task,
        args=json.loads(row.args or "[]"),
        kwargs=json.loads(row.kwargs or "{}"),
        queue=row.queue,
        headers={
            "giftline_job": row.name,
            "giftline_rung_by": str(rung_by),
            "giftline_asked_by": str(asked_by) if asked_by else "",
        },
    )
