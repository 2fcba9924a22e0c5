"""Is the whole database as it must be?"""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from alerts.errors import ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.selectors.invariants import SHOWN, list_invariants
from alerts.services.verification import Proof, Verified, verify

_ROW: Final = "{:<10} {:<36} {:>9} {:>9}"


class Command(BaseCommand):
    help = (
        "Proves the whole database, invariant by invariant: prints each with its time and the ids"
        " that break it, keeps the result, raises a critical alert for each that is broken and"
        " resolves those that hold; exits with 1 on any. Everybody may work on meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only", action="append", default=[], metavar="NAME", help="Prove this one; repeat it."
        )
        parser.add_argument(
            "--whole", action="store_true", help="Open every sealed code, not only a sample."
        )
        parser.add_argument("--json", action="store_true", help="Print the result as JSON.")
        parser.add_argument("--list", action="store_true", help="Only say which there are.")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["list"]:
            for name, one in list_invariants().items():
                self.stdout.write(f"{name:<36} {one.sentence}")
            return
        if not options["json"]:
            self.stdout.write(_ROW.format("", "invariant", "broken", "seconds"))
        try:
            with seeing(EVERYTHING):
                verified = verify(
                    now=timezone.now(),
                    asked_by="command",
                    only=options["only"],
                    is_whole=options["whole"],
                    on_proof=None if options["json"] else self._print,
                )
        except ValidationFailedError as error:
            raise CommandError(error.errors["only"][0]) from None
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(verified), indent=2))
        else:
            self._print_end(verified)
        if verified.broken:
            sys.exit(1)

    def _print(self, proof: Proof) -> None:
        count = "?" if proof.count is None else f"{proof.count:,}"
        word = self.style.SUCCESS(f"{'holds':<10}")
        if not proof.is_sound:
            word = self.style.ERROR(f"{'BROKEN' if proof.count else 'NOT ASKED':<10}")
        line = _ROW.format("", proof.name, count, f"{proof.seconds:.2f}").strip()
        self.stdout.write(f"{word} {line}")
        if proof.is_sound:
            return
        self.stdout.write(f"           {proof.sentence}")
        if proof.count is None:
            self.stdout.write(f"           It could not be asked: {proof.problem}.")
            return
        for one in proof.ids:
            self.stdout.write(f"           {proof.things} {one}")
        if proof.count > SHOWN:
            self.stdout.write(f"           … and {proof.count - SHOWN:,} more")

    def _print_end(self, verified: Verified) -> None:
        seconds = sum(proof.seconds for proof in verified.proofs)
        self.stdout.write(f"\n{len(verified.proofs)} invariants in {seconds:.1f} s.")
        if not verified.broken:
            self.stdout.write(self.style.SUCCESS("All of them hold."))
            return
        names = ", ".join(proof.name for proof in verified.broken)
        self.stdout.write(self.style.ERROR(f"Broken: {names}. Critical alerts are open."))


def _as_json(verified: Verified) -> dict[str, Any]:
    return {
        "is_sound": not verified.broken,
        "invariants": [dataclasses.asdict(proof) for proof in verified.proofs],
    }
