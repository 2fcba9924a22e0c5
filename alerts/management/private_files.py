"""Files of secrets that a command writes."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from django.core.management.base import CommandError


@contextlib.contextmanager
def new_private_file(path: Path) -> Iterator[TextIO]:
    """Open a new text file that only its owner can read.

    It is there when the block has ended well and written something; half a file never is.

    :raises CommandError: it exists (secrets are not to be overwritten), or can't be made.
    """
    if path.exists():
        raise CommandError(f"{path} is there already; name a new file.")
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
        if Path(name).stat().st_size:
            Path(name).rename(path)
    finally:
        Path(name).unlink(missing_ok=True)
