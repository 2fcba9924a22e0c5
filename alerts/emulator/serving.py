"""An emulator as a process of its own: ``python -m <app>.emulator``."""

import argparse
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import Any


def new_parser(
    *, prog: str, description: str, credentials: Iterable[str], prefix: str, kept: str
) -> argparse.ArgumentParser:
    """Return a parser of what every emulator is told when it is started.

    :param credentials: options that are taken from the environment where they are not given.
    :param prefix: of their variables: ``account-sid`` is ``TWILIO_ACCOUNT_SID``.
    :param kept: what survives a restart.
    """
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    # From the environment they do not show in the list of processes.
    for name in credentials:
        variable = f"{prefix}_{name.replace('-', '_').upper()}"
        default = os.environ.get(variable)
        parser.add_argument(
            f"--{name}", default=default, required=not default, help=f"else {variable}"
        )
    parser.add_argument("--state", type=Path, help=f"file that keeps the {kept} over restarts")
    parser.add_argument("--seed", type=int, default=0, help="of faults with a probability")
    return parser


def serve_until_stopped(emulator: AbstractContextManager[Any], *, name: str) -> None:
    """Serve until SIGTERM or SIGINT, after one line that ends with the URL."""
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with emulator as serving:
        # Whoever started this waits for the line to learn the port.
        sys.stdout.write(f"{name} emulator ready at {serving.base_url}\n")
        sys.stdout.flush()
        stopped.wait()
