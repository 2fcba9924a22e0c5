"""``python -m giftcards.emulator``: the emulator as a process of its own."""

import argparse
import os
import signal
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from threading import Event

from giftcards.emulator.brands import STARTER_FLOATS
from giftcards.emulator.emulator import Emulator


def main() -> None:
    """Serve until SIGTERM or SIGINT, after one line that ends with the URL."""
    chosen = _parser().parse_args()
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    emulator = Emulator(
        api_key=chosen.api_key,
        secret_key=chosen.secret_key,
        host=chosen.host,
        port=chosen.port,
        sectors=tuple(chosen.sector),
        floats={**STARTER_FLOATS, **dict(chosen.float)},
        state_path=chosen.state,
        step_delay_seconds=chosen.step_delay,
        rate_limit=chosen.rate_limit,
        seed=chosen.seed,
    )
    with emulator:
        # Whoever started this waits for the line to learn the port.
        sys.stdout.write(f"Tillo emulator ready at {emulator.base_url}\n")
        sys.stdout.flush()
        stopped.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m giftcards.emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    # From the environment they do not show in the list of processes.
    for name in ("api-key", "secret-key"):
        variable = f"TILLO_{name.replace('-', '_').upper()}"
        default = os.environ.get(variable)
        parser.add_argument(
            f"--{name}", default=default, required=not default, help=f"else {variable}"
        )
    parser.add_argument("--state", type=Path, help="file that keeps the sales over restarts")
    parser.add_argument(
        "--step-delay", type=float, default=1.0, help="seconds an order stays in each state"
    )
    parser.add_argument(
        "--sector", action="append", default=[], help="a sector of the account; none: any"
    )
    parser.add_argument(
        "--float",
        action="append",
        type=_read_float,
        default=[],
        help="our money there, such as USD=10000.00",
    )
    parser.add_argument(
        "--rate-limit", type=int, default=3000, help="requests a minute at each door"
    )
    parser.add_argument("--seed", type=int, default=0, help="of faults with a probability")
    return parser


def _read_float(text: str) -> tuple[str, Decimal]:
    currency, _, amount = text.partition("=")
    try:
        return currency, Decimal(amount)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is not like USD=10000.00") from None


if __name__ == "__main__":
    main()
