"""``python -m sms.emulator``: the emulator as a process of its own."""

import argparse
import os
import signal
import sys
from pathlib import Path
from threading import Event

from sms.emulator.emulator import Emulator


def main() -> None:
    """Serve until SIGTERM or SIGINT, after one line that ends with the URL."""
    chosen = _parser().parse_args()
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    emulator = Emulator(
        account_sid=chosen.account_sid,
        auth_token=chosen.auth_token,
        host=chosen.host,
        port=chosen.port,
        senders=tuple(chosen.sender),
        state_path=chosen.state,
        step_delay_seconds=chosen.step_delay,
        seed=chosen.seed,
    )
    with emulator:
        # Whoever started this waits for the line to learn the port.
        sys.stdout.write(f"Twilio emulator ready at {emulator.base_url}\n")
        sys.stdout.flush()
        stopped.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sms.emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    # From the environment they do not show in the list of processes.
    for name in ("account-sid", "auth-token"):
        variable = f"TWILIO_{name.replace('-', '_').upper()}"
        default = os.environ.get(variable)
        parser.add_argument(
            f"--{name}", default=default, required=not default, help=f"else {variable}"
        )
    parser.add_argument("--state", type=Path, help="file that keeps the texts over restarts")
    parser.add_argument(
        "--step-delay", type=float, default=0.3, help="seconds from one status to the next"
    )
    parser.add_argument(
        "--sender", action="append", default=[], help="a number the account owns; none: any"
    )
    parser.add_argument("--seed", type=int, default=0, help="of faults with a probability")
    return parser


if __name__ == "__main__":
    main()
