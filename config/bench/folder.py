"""The folder of the bench's own servers; manage.py needs it before Django is set up."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from config.environment import SETTINGS, given_settings, var_dir

_PREFIX: Final = "bench-"


@contextlib.contextmanager
def throw_away_folder() -> Iterator[None]:
    """Turn the process's settings to a fresh VAR_DIR, in which embedded servers are then made.

    It is a folder of the former VAR_DIR, so that it lies on the disk on which the demo's data
    would lie; /tmp may be memory, whose flushes cost nothing.
    """
    home = var_dir(given_settings(os.environ))
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(home)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=home))
    (folder / "static").mkdir()  # or the web server warns that there are no styles
    for setting in SETTINGS:
        os.environ.pop(setting.name, None)
    os.environ.update({"ENV_FILE": "", "VAR_DIR": str(folder), **measured_settings()})
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measured_settings() -> dict[str, str]:
    """Return the settings under which is measured: production's, with limits out of the way."""
    return {"SANDBOX": "0", "DEBUG": "0", "RATE_LIMIT_API_KEY": "1000000000/m"}


def _sweep(home: Path) -> None:
    """Remove what runs that were killed have left: nobody holds their lock any more."""
    for folder in home.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), (folder / "children.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
