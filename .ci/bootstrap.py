"""Make ``.venv`` with exactly the packages of ``requirements-dev.lock``.

Called by make with whatever ``python3`` there is, so it needs no package and says in a sentence
when that Python is too old.
"""

import os
import re
import shutil
import subprocess
import sys
import time

VENV = ".venv"
LOCK = "requirements-dev.lock"
OLDEST = (3, 11)


def main():
    if sys.version_info < OLDEST:
        sys.exit(
            "Giftline needs Python {}.{} or newer; {} is {}.{}. Name another one: "
            "make PYTHON=/path/to/python3.11 …".format(
                *OLDEST, sys.executable, *sys.version_info[:2]
            )
        )
    if not os.path.exists(LOCK):
        sys.exit("Run this in the project's folder: there is no {} here.".format(LOCK))
    print("  Installing the locked packages into .venv: about a minute, the first time only.")
    started = time.monotonic()
    shutil.rmtree(VENV, ignore_errors=True)
    # Without `python3-venv` (a package of its own on Debian) this says what to install.
    if subprocess.call([sys.executable, "-m", "venv", VENV]) != 0:
        sys.exit("The virtual environment could not be made; see above.")
    python = os.path.join(VENV, "bin", "python")
    install(python)
    let_project_be_found(python)
    print("  ✓ Packages ({:.0f} s)".format(time.monotonic() - started))


def install(python):
    """Install with pip, showing how far it is; its own words only when it fails."""
    with open(LOCK, encoding="utf-8") as lock:
        total = len(re.findall(r"^[A-Za-z0-9].*==", lock.read(), re.MULTILINE))
    command = [python, "-m", "pip", "install", "--require-hashes", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "-r", LOCK]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    lines = []
    collected = 0
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Collecting "):
            collected += 1
            show("… {} of {} packages".format(min(collected, total), total))
        elif line.startswith("Installing collected"):
            show("… unpacking {} packages".format(total))
    if process.wait() != 0:
        sys.exit("\n{}\nThe packages could not be installed.".format("".join(lines[-25:])))
    if sys.stdout.isatty():
        print("\r\033[K", end="")


def show(text):
    if sys.stdout.isatty():
        print("\r\033[K  " + text, end="", flush=True)
    elif re.match(r"… \d*[05]0 of|… unpacking", text):
        print("  " + text, flush=True)


def let_project_be_found(python):
    """Make the project importable from any folder, so that ``.venv/bin/pytest`` works too."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = subprocess.check_output([python, "-c", code], encoding="utf-8").strip()
    with open(os.path.join(folder, "giftline.pth"), "w", encoding="utf-8") as file:
        file.write(os.getcwd() + "\n")


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")
    main()
