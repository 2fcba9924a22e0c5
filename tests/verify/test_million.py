"""All promises, proven over as many rewards as VERIFY_REDEMPTIONS says."""

from __future__ import annotations

import time

import pytest

from alerts.selectors.invariants import list_invariants
from alerts.services.verification import Proof, prove_invariants
from redemption.models import Redemption
from tests.database import is_superuser
from tests.verify.million import REDEMPTIONS, build_million

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not is_superuser(), reason="written past the triggers"),
]


class TestProve:
    def test_takes_minutes_at_most(self, capsys: pytest.CaptureFixture[str]) -> None:
        began = time.monotonic()
        now = build_million()
        lines = [f"{REDEMPTIONS:,} rewards were written in {time.monotonic() - began:.0f} s."]

        def tell(proof: Proof) -> None:
            line = f"{proof.seconds:8.2f} s  {proof.name} {proof.count} {proof.problem}"
            lines.append(line)
            if REDEMPTIONS >= 100_000:
                with capsys.disabled():
                    print(line, flush=True)  # noqa: T201  it is to be read

        verified = prove_invariants(now=now, on_proof=tell)
        total = sum(proof.seconds for proof in verified.proofs)
        with capsys.disabled():
            if REDEMPTIONS >= 100_000:
                print(f"{lines[0]} {total:.1f} s in all.", flush=True)  # noqa: T201
        assert Redemption.objects.count() == REDEMPTIONS
        assert len(verified.proofs) == len(list_invariants())
        assert verified.broken == ()
        assert total < 600
