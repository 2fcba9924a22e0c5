"""All promises, proven over as many rewards as VERIFY_REDEMPTIONS says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
from django.db import connection

from alerts.selectors.invariants import list_invariants
from alerts.services.verification import Proof, prove_invariants
from redemption.models import Redemption
from tests.database import is_superuser
from tests.verify.million import REDEMPTIONS, build_million

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not is_superuser(), reason="written past the triggers"),
]


_TICKS: Final = os.sysconf("SC_CLK_TCK")


def processor_seconds() -> float:
    """Return what our own connection's server process has used of a processor so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class TestProveInvariants:
    def test_take_minutes_at_most(self, capsys: pytest.CaptureFixture[str]) -> None:
        now = build_million()
        with connection.cursor() as cursor:
            # What helpers do would be counted for nobody.
            cursor.execute("SET max_parallel_workers_per_gather = 0")
        spent = [processor_seconds()]

        def tell(proof: Proof) -> None:
            spent.append(processor_seconds())
            if REDEMPTIONS >= 100_000:
                used = spent[-1] - spent[-2]
                with capsys.disabled():
                    print(  # noqa: T201  it is to be read
                        f"{used:8.2f} s of processor {proof.seconds:8.2f} s  {proof.name}",
                        flush=True,
                    )

        verified = prove_invariants(now=now, on_proof=tell)
        if REDEMPTIONS >= 100_000:
            with capsys.disabled():
                print(  # noqa: T201  it is to be read
                    f"{spent[-1] - spent[0]:8.2f} s of processor in all, {REDEMPTIONS:,} rewards"
                )
        assert Redemption.objects.count() == REDEMPTIONS
        assert len(verified.proofs) == len(list_invariants())
        assert verified.broken == ()
        assert spent[-1] - spent[0] < 600
