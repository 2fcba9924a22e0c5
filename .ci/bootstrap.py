"""Make ``.venv`` with exactly the packages of ``requirements-dev.lock``.

Called by make with whatever ``python3`` there is, so it needs no package and says in a sentence
when that Python is too old.
"""

import io
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

VENV = Path(".venv")
LOCK = Path("requirements-dev.lock")
OLDEST = (3, 11)


def main() -> None:
    if sys.version_info < OLDEST:
        sys.exit(
            f"Giftline needs Python {OLDEST[0]}.{OLDEST[1]} or newer; {sys.executable} is"
            f" {sys.version.split()[0]}. Name another one: make PYTHON=/path/to/python3.11 …"
        )
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without a tick
    if not LOCK.exists():
        sys.exit(f"Run this in the project's folder: there is no {LOCK} here.")
    say("  Installing the locked packages into .venv: about a minute, the first time only.\n")
    started = time.monotonic()
    shutil.rmtree(str(VENV), ignore_errors=True)
    # Without `python3-venv` (a package of its own on Debian) this says what to install.
    if subprocess.call([sys.executable, "-m", "venv", str(VENV)]) != 0:
        sys.exit("The virtual environment could not be made; see above.")
    python = str(VENV / "bin" / "python")
    install(python)
    let_project_be_found(python)
    say(f"  ✓ Packages ({time.monotonic() - started:.0f} s)\n")


def install(python: str) -> None:
    """Install with pip, showing how far it is; its own words only when it fails."""
    total = len(re.findall(r"^[A-Za-z0-9].*==", LOCK.read_text("utf-8"), re.MULTILINE))
    command = [python, "-m", "pip", "install", "--require-hashes", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "-r", str(LOCK)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    lines = []
    collected = 0
    for line in process.stdout or ():
        lines.append(line)
        if line.startswith("Collecting "):
            collected += 1
            show(f"… {min(collected, total)} of {total} packages")
        elif line.startswith("Installing collected"):
            show(f"… unpacking {total} packages")
    if process.wait() != 0:
        sys.exit("\n" + "".join(lines[-25:]) + "\nThe packages could not be installed.")
    if sys.stdout.isatty():
        say("\r\033[K")


def show(text: str) -> None:
    if sys.stdout.isatty():
        say(f"\r\033[K  {text}")
    elif re.match(r"… \d*[05]0 of|… unpacking", text):
        say(f"  {text}\n")


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def let_project_be_found(python: str) -> None:
    """Make the project importable from any folder, so that ``.venv/bin/pytest`` works too."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = subprocess.check_output([python, "-c", code], encoding="utf-8").strip()
    Path(folder, "giftline.pth").write_text(f"{Path.cwd()}\n", "utf-8")


if __name__ == "__main__":
    main()
