"""The page of proofs of the whole database: ask for one, watch it, read what was found."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from alerts.admin.cells import link_to_named
from alerts.models import Verification
from alerts.selectors.invariants import list_invariants
from alerts.services.verification import ask_for_verification

_SHOWN: Final = 10
# From so long a silence on it will not go on: its worker was stopped.
_SILENT_AFTER: Final = timedelta(minutes=15)
_WAITS_AFTER: Final = timedelta(seconds=30)
_WHO: Final = {"schedule": "the schedule", "command": "manage.py verify"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as the page shows it.

    :param state: "waiting", "running", "broken_off", "sound" or "broken".
    """

    asked_at: datetime
    who: str
    is_whole: bool
    state: str
    is_unheard: bool
    done: int
    total: int
    seconds: float
    broken: tuple[dict[str, Any], ...]
    proofs: tuple[dict[str, Any], ...]

    @property
    def is_under_way(self) -> bool:
        return self.state in ("waiting", "running")


def show_verifications(site: Any, request: HttpRequest) -> HttpResponse:
    """Show the runs, live; a POST asks for another."""
    now = timezone.now()
    if request.method == "POST":
        is_whole = request.POST.get("whole") == "1"
        ask_for_verification(asked_by=f"user:{request.user.pk}", is_whole=is_whole, now=now)
        messages.success(request, "A worker proves the database now; this page follows it.")
        return redirect("admin:verify")
    runs = [_run(row, now=now) for row in Verification.objects.order_by("-asked_at")[:_SHOWN]]
    is_part = request.headers.get("HX-Request") == "true"
    context: dict[str, Any] = {
        "runs": runs,
        "latest": runs[0] if runs else None,
        "is_live": any(run.is_under_way for run in runs),
        "invariants": len(list_invariants()),
    }
    if is_part:
        return TemplateResponse(request, "admin/parts/verifications.html", context)
    request.current_app = site.name
    context |= {**site.each_context(request), "title": "Proof of the database"}
    return TemplateResponse(request, "admin/verify.html", context)


def _run(row: Verification, *, now: datetime) -> Run:
    proofs = tuple(row.proofs)
    broken = tuple(proof for proof in proofs if proof["count"] != 0)
    if row.finished_at is not None:
        state = "broken" if broken else "sound"
    elif row.started_at is None:
        state = "waiting"
    else:
        is_silent = now - (row.seen_at or row.started_at) > _SILENT_AFTER
        state = "broken_off" if is_silent else "running"
    return Run(
        asked_at=row.asked_at,
        who=_WHO.get(row.asked_by) or link_to_named(row.asked_by) or row.asked_by,
        is_whole=row.is_whole,
        state=state,
        is_unheard=state == "waiting" and now - row.asked_at > _WAITS_AFTER,
        done=len(proofs),
        total=len(row.names),
        seconds=sum(proof["seconds"] for proof in proofs),
        broken=broken,
        proofs=tuple(sorted(proofs, key=lambda proof: -proof["seconds"])),
    )
