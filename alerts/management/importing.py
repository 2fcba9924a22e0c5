"""What the commands that import a file have in common: arguments, progress, and the report."""

from __future__ import annotations

import abc
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alerts.errors import ServiceError
from alerts.services.imports import FileAlreadyUploadedError, ImportReport, Mode, Progress

_BAR_CELLS: Final = 24
_REDRAW_SECONDS: Final = 0.1


class ImportCommand(BaseCommand, abc.ABC):
    """A command that brings the rows of a CSV file in; ends with 1 when the file was refused."""

    fields: ClassVar[Sequence[str]]

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what every import takes."""
        parser.add_argument("file", type=Path, help="The CSV file.")
        parser.add_argument("--dry-run", action="store_true", help="Check and tell, write nothing.")
        parser.add_argument(
            "--valid-rows",
            action="store_true",
            help="Import the good rows and leave the others out; without it, one bad row refuses"
            " the whole file.",
        )
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="FIELD=HEADER",
            help="What the file calls a field, where it differs; may be given several times."
            f" Fields: {', '.join(self.fields)}.",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Import the file and tell what became of it."""
        mode: Mode = "valid_rows" if options["valid_rows"] else "all_or_nothing"
        mapping = _parse_mapping(options["map"])
        bar = ProgressBar(self.stdout)
        started = time.perf_counter()
        try:
            with options["file"].open("rb") as source, bar:
                report = self.run(
                    source=source, mode=mode, mapping=mapping, progress=bar, options=options
                )
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}.") from None
        except ServiceError as error:
            raise CommandError(_say_error(error)) from error
        self._print(report, seconds=time.perf_counter() - started)
        if report.rejected and mode == "all_or_nothing":
            raise CommandError(
                "Nothing was imported. Mend the rows above, or import the others with --valid-rows."
            )
        if report.state == "refused":
            raise CommandError("Nothing was imported: there is no good row.")

    @abc.abstractmethod
    def run(
        self,
        *,
        source: BinaryIO,
        mode: Mode,
        progress: Progress,
        mapping: dict[str, str],
        options: dict[str, Any],
    ) -> ImportReport:
        """Import the file; ``options`` are those of the command line."""

    def _print(self, report: ImportReport, *, seconds: float) -> None:
        for problem in report.problems:
            where = f"line {problem.line}" + (f", {problem.field}" if problem.field else "")
            self.stdout.write(f"  {self.style.ERROR(where)}: {problem.message}")
        left_out = report.problem_count - len(report.problems)
        if left_out:
            self.stdout.write(f"  … and {left_out:,} more.")
        for warning in report.warnings:
            self.stdout.write(self.style.WARNING(f"  {warning}"))
        done = "Would be imported" if report.state == "previewed" else "Imported"
        table = [
            ("Rows read", f"{report.rows:,}"),
            (done, f"{report.accepted:,}"),
            ("Refused", f"{report.rejected:,}"),
            ("Time", f"{seconds:.1f} s, {report.rows / seconds:,.0f} rows/s"),
        ]
        if report.batch_id is not None:
            table.append(("Batch", str(report.batch_id)))
        for name, value in table:
            self.stdout.write(f"  {name:<18}{value}")


class ProgressBar:
    """Shows on a terminal how far an import is; elsewhere it is silent."""

    def __init__(self, stream: Any) -> None:
        self._stream: TextIO = stream
        self._live = stream.isatty()
        self._started = time.monotonic()
        self._drawn_at = 0.0

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._live:
            self._draw("")

    def __call__(self, rows: int, share: float) -> None:
        """Show that ``rows`` rows were read, which is ``share`` of the file (0 to 1)."""
        now = time.monotonic()
        if not self._live or (now - self._drawn_at < _REDRAW_SECONDS and share < 1):
            return
        self._drawn_at = now
        filled = round(share * _BAR_CELLS)
        bar = "█" * filled + "░" * (_BAR_CELLS - filled)
        rate = rows / max(now - self._started, 0.001)
        rest = "writing" if share >= 1 else f"{share:4.0%}"
        self._draw(f"  {bar} {rest}  {rows:,} rows, {rate:,.0f} rows/s")

    def _draw(self, text: str) -> None:
        # Management's OutputWrapper ends each text with a newline unless told otherwise.
        self._stream.write(f"\r\x1b[K{text}", ending="")  # type: ignore[call-arg]
        self._stream.flush()


def _parse_mapping(pairs: Sequence[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        field, equals, header = pair.partition("=")
        if not (field.strip() and equals and header.strip()):
            raise CommandError(f"--map {pair}: write it as field=header, such as code=Card.")
        mapping[field.strip()] = header.strip()
    return mapping


def _say_error(error: ServiceError) -> str:
    if isinstance(error, FileAlreadyUploadedError):
        batch = f", as batch {error.batch_id}" if error.batch_id else ""
        return f"{error} It was on {error.imported_at:%Y-%m-%d %H:%M} UTC{batch}."
    said = [f"{field}: {text}" for field, texts in error.errors.items() for text in texts]
    return "\n".join(said) or f"{error} {error.code.action}"
