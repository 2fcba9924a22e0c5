"""A partner who has the monitors run: once for each Idempotency-Key."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID

from alerts.models import MonitorRun
from alerts.scope import EVERYTHING, seeing
from alerts.services.monitor_runs import MonitorsResult, result_of, run_monitors
from alerts.transactions import durable
from credit.services.idempotency import KeyAnsweredError, KeyClaim, find_record, keep_answer

# A run takes less than a second; who has to wait for several is better told to come back.
_PATIENCE_SECONDS: Final = 10.0


@durable
def run_for_partner(*, claim: KeyClaim | None, now: datetime) -> MonitorsResult:
    """Run all monitors; who comes while they run waits, and then has them run again.

    :raises KeyAnsweredError: the key was answered before; its record names the run.
    :raises MonitorsRunningError: GC-108, others run them all the time.
    """
    if claim is None:
        return run_monitors(now=now, wait_seconds=_PATIENCE_SECONDS)
    asked = _Question(claim, now)
    asked.look()  # a repeat waits for nobody
    return run_monitors(now=now, wait_seconds=_PATIENCE_SECONDS, asked=asked)


@seeing(EVERYTHING)
def find_run(*, run_id: UUID) -> MonitorsResult | None:
    """Return what a run came to; None once it is no longer kept."""
    run = MonitorRun.objects.filter(pk=run_id, state=MonitorRun.State.DONE).first()
    return None if run is None else result_of(run)


@dataclasses.dataclass(frozen=True, slots=True)
class _Question:
    claim: KeyClaim
    now: datetime

    def look(self) -> None:
        # One run at a time: who had this key before us has kept their answer by now.
        if find_record(claim=self.claim) is not None:
            raise KeyAnsweredError

    def keep(self, *, run_id: UUID) -> None:
        keep_answer(claim=self.claim, object_id=run_id, status=200, now=self.now)
