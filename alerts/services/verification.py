"""Proving the whole database: by the clock, by a person's wish, before an upgrade."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import DatabaseError, IntegrityError, connection

from alerts.errors import ValidationFailedError
from alerts.models import Alert, Verification
from alerts.queue import ring_bell
from alerts.scope import EVERYTHING, seeing
from alerts.selectors.invariants import Broken, Invariant, find_broken, list_invariants
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.transactions import durable, savepoint, snapshot, transaction

log = structlog.get_logger()

TASK: Final = "alerts.tasks.verify_asked"
KIND: Final = "invariant"
# What a statement meets that reads a table or column of the next release.
_NOT_THERE_YET: Final = frozenset({"42P01", "42703", "42883"})
_KEPT_RUNS: Final = 100
_HEARD_WITHIN: Final = timedelta(minutes=1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What became of one invariant.

    :param count: how many things break it; None where it could not be asked.
    :param ids: the first of them.
    :param problem: why it could not be asked: a word of the database's; empty where it was.
    """

    name: str
    sentence: str
    things: str
    count: int | None
    ids: tuple[str, ...]
    seconds: float
    problem: str = ""

    @property
    def is_sound(self) -> bool:
        return self.count == 0

    @property
    def is_missing(self) -> bool:
        """Whether what it reads is not there yet: before an upgrade."""
        return self.problem in _NOT_THERE_YET


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """All proofs of a run."""

    proofs: tuple[Proof, ...]

    @property
    def broken(self) -> tuple[Proof, ...]:
        return tuple(proof for proof in self.proofs if not proof.is_sound)


def choose_invariants(only: Collection[str] = ()) -> list[Invariant]:
    """Return the invariants of some names, all without any.

    :raises ValidationFailedError: there is none of such a name (GC-012).
    """
    known = list_invariants()
    unknown = sorted(set(only) - set(known))
    if unknown:
        words = f"No invariant is named {', '.join(unknown)}. There are: {', '.join(known)}."
        raise ValidationFailedError(errors={"only": [words]})
    return [one for name, one in known.items() if not only or name in only]


@seeing(EVERYTHING)
@durable
def prove_invariants(
    *,
    now: datetime,
    only: Collection[str] = (),
    is_whole: bool = False,
    on_proof: Callable[[Proof], None] | None = None,
) -> Verified:
    """Prove invariants one by one, each in a snapshot of its own; changes nothing.

    :param only: names; all without any.
    :param is_whole: open every sealed column, not only a sample.
    :param on_proof: told of each as it is done.
    :raises ValidationFailedError: there is no invariant of such a name (GC-012).
    """
    proofs = []
    for invariant in choose_invariants(only):
        proof = _prove(invariant, now=now, is_whole=is_whole)
        proofs.append(proof)
        if on_proof is not None:
            on_proof(proof)
    return Verified(proofs=tuple(proofs))


def _prove(invariant: Invariant, *, now: datetime, is_whole: bool) -> Proof:
    began = time.monotonic()
    count: int | None
    problem = ""
    try:
        with snapshot():
            with connection.cursor() as cursor:
                # A hash of a million rows belongs into memory; compiling costs more than it saves.
                cursor.execute("SET LOCAL work_mem = '64MB'; SET LOCAL jit = off")
            found = find_broken(invariant, now=now, whole=is_whole)
        count = found.count
    except DatabaseError as error:
        # One that can't be asked must not keep the others from being.
        log.exception("[VERIFY] Failed", invariant=invariant.name)
        found, count = Broken(count=0, ids=()), None
        problem = getattr(error.__cause__, "sqlstate", None) or type(error).__name__
    return Proof(
        name=invariant.name,
        sentence=invariant.sentence,
        things=invariant.things,
        count=count,
        ids=found.ids,
        seconds=round(time.monotonic() - began, 3),
        problem=problem,
    )


@durable
def verify(
    *,
    now: datetime,
    asked_by: str,
    only: Collection[str] = (),
    is_whole: bool = False,
    on_proof: Callable[[Proof], None] | None = None,
) -> Verified:
    """Prove invariants, keep what was found, and raise or resolve an alert for each.

    :raises ValidationFailedError: there is no invariant of such a name (GC-012).
    """
    names = [one.name for one in choose_invariants(only)]
    row = Verification.objects.create(
        asked_by=asked_by, asked_at=now, started_at=now, seen_at=now, is_whole=is_whole, names=names
    )
    return _run(row, now=now, on_proof=on_proof)


@durable
def ask_for_verification(*, asked_by: str, is_whole: bool, now: datetime) -> UUID:
    """Have a worker prove everything soon; who asks twice waits for one."""
    row = None
    # A worker may start what stands in our way before we have read it: then ask anew.
    while row is None:
        try:
            with transaction(), savepoint():
                row = Verification.objects.create(
                    asked_by=asked_by,
                    asked_at=now,
                    is_whole=is_whole,
                    names=list(list_invariants()),
                )
        except IntegrityError:
            asked = Verification.objects.filter(started_at=None, is_whole=is_whole)
            row = asked.order_by("asked_at").first()
    ring_bell(TASK)
    return row.pk


def ring_again(*, now: datetime) -> bool:
    """Ring once more for what nobody has begun a minute after it was asked for: no bell was heard.

    Return whether there is such.
    """
    is_waiting = Verification.objects.filter(
        started_at=None, asked_at__lte=now - _HEARD_WITHIN
    ).exists()
    if is_waiting:
        ring_bell(TASK)
    return is_waiting


@durable
def verify_asked(*, now: datetime) -> int:
    """Do what somebody has asked for; return how many proofs were made. Each is done once."""
    done = 0
    while True:
        with transaction():
            row = (
                Verification.objects.select_for_update(skip_locked=True, no_key=True)
                .filter(started_at=None)
                .order_by("asked_at")
                .first()
            )
            if row is None:
                return done
            row.started_at = row.seen_at = now
            row.save(update_fields=["started_at", "seen_at"])
        done += len(_run(row, now=now).proofs)


def _run(
    row: Verification, *, now: datetime, on_proof: Callable[[Proof], None] | None = None
) -> Verified:
    kept: list[dict[str, Any]] = []

    def keep(proof: Proof) -> None:
        kept.append(dataclasses.asdict(proof))
        Verification.objects.filter(pk=row.pk).update(proofs=kept, seen_at=datetime.now(UTC))
        tell(proof, now=now)
        if on_proof is not None:
            on_proof(proof)

    verified = prove_invariants(now=now, only=row.names, is_whole=row.is_whole, on_proof=keep)
    Verification.objects.filter(pk=row.pk).update(finished_at=datetime.now(UTC))
    old = Verification.objects.order_by("-asked_at").values_list("pk", flat=True)[_KEPT_RUNS:]
    Verification.objects.filter(pk__in=list(old)).delete()
    log.info("[VERIFY] Done", invariants=len(verified.proofs), broken=len(verified.broken))
    return verified


def tell(proof: Proof, *, now: datetime) -> None:
    """Raise one critical alert while an invariant is broken, and resolve it once it holds."""
    key = f"{KIND}:{proof.name}"
    if proof.is_sound:
        resolve_alert(dedupe_key=key, now=now)
        return
    shown = ", ".join(proof.ids)
    raise_alert(
        kind=KIND,
        severity=Alert.Severity.CRITICAL,
        subject=f"The database breaks a promise: {proof.name}",
        message=f"{proof.sentence} It could not be asked: {proof.problem}."
        if proof.count is None
        else f"{proof.sentence} Not so of {proof.count:,} ({proof.things}): {shown}"
        f"{' …' if proof.count > len(proof.ids) else '.'}\nRun manage.py verify --only"
        f" {proof.name} for the ids as they are now.",
        data={
            "invariant": proof.name,
            "things": proof.things,
            "count": proof.count,
            "ids": list(proof.ids),
            "problem": proof.problem,
        },
        dedupe_key=key,
        now=now,
    )
