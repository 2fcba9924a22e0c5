"""Files of ``NAME=value`` lines: ``.env``, written by people, and ``demo.env``, by the demo."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_QUOTED = re.compile(r"""(["'])(.*?)\1\s*(?:#.*)?""")


class MalformedEnvFileError(ValueError):
    """A line of an environment file is not ``NAME=value``."""


def read_env_file(path: Path) -> dict[str, str]:
    """Return the settings a file gives; none when there is no such file.

    Comments, blank lines, a leading ``export`` and quotes around a value are understood.
    Nothing is expanded: a ``$`` stays a ``$``.

    :raises MalformedEnvFileError: a line is something else; it is named by number, its text
        is not repeated because it may be a secret.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    values: dict[str, str] = {}
    for number, raw in enumerate(lines, start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise MalformedEnvFileError(f"{path.name}, line {number}: expected NAME=value")
        values[match[1]] = _unquote(match[2])
    return values


def _unquote(value: str) -> str:
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        return quoted[2]
    # An unquoted value ends at a comment, but a # inside it (a password, a URL) belongs to it.
    return re.split(r"(?:^|\s+)#", value, maxsplit=1)[0].strip()


def write_private_file(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a reader sees the old text or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_env_file(path: Path, values: Mapping[str, str], *, heading: str) -> None:
    """Write ``NAME='value'`` lines to a file that only its owner can read."""
    lines = [f"# {line}" for line in heading.splitlines()]
    lines += [f"{name}='{value}'" for name, value in values.items()]
    write_private_file(path, "\n".join(lines) + "\n")
