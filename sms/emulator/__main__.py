"""``python -m sms.emulator``: the emulator as a process of its own."""

import argparse

from alerts.emulator.serving import new_parser, serve_until_stopped
from sms.emulator.emulator import Emulator


def main() -> None:
    """Serve until SIGTERM or SIGINT, after one line that ends with the URL."""
    chosen = _parser().parse_args()
    emulator = Emulator(
        account_sid=chosen.account_sid,
        auth_token=chosen.auth_token,
        host=chosen.host,
        port=chosen.port,
        senders=tuple(chosen.sender),
        state_path=chosen.state,
        step_delay_seconds=chosen.step_delay,
        seed=chosen.seed,
        smtp_port=chosen.smtp_port,
    )
    serve_until_stopped(emulator, name="Twilio")


def _parser() -> argparse.ArgumentParser:
    parser = new_parser(
        prog="python -m sms.emulator",
        description=str(__doc__),
        credentials=("account-sid", "auth-token"),
        prefix="TWILIO",
        kept="texts",
    )
    parser.add_argument(
        "--step-delay", type=float, default=0.3, help="seconds from one status to the next"
    )
    parser.add_argument(
        "--sender", action="append", default=[], help="a number the account owns; none: any"
    )
    parser.add_argument(
        "--smtp-port", type=int, help="a mail server beside it; 0 chooses a free port"
    )
    return parser


if __name__ == "__main__":
    main()
