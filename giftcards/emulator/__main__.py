"""``python -m giftcards.emulator``: the emulator as a process of its own."""

import argparse
from decimal import Decimal, InvalidOperation

from alerts.emulator.serving import new_parser, serve_until_stopped
from giftcards.emulator.brands import STARTER_FLOATS
from giftcards.emulator.emulator import Emulator


def main() -> None:
    """Serve until SIGTERM or SIGINT, after one line that ends with the URL."""
    chosen = _parser().parse_args()
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
    serve_until_stopped(emulator, name="Tillo")


def _parser() -> argparse.ArgumentParser:
    parser = new_parser(
        prog="python -m giftcards.emulator",
        description=str(__doc__),
        credentials=("api-key", "secret-key"),
        prefix="TILLO",
        kept="sales",
    )
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
    return parser


def _read_float(text: str) -> tuple[str, Decimal]:
    currency, _, amount = text.partition("=")
    try:
        return currency, Decimal(amount)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is not like USD=10000.00") from None


if __name__ == "__main__":
    main()
