"""``python -m loyalty.emulator``: the emulator as a process of its own."""

import argparse
import os
from pathlib import Path

from alerts.emulator.serving import serve_until_stopped
from loyalty.emulator.emulator import Emulator


def main() -> None:
    """Serve until SIGTERM or SIGINT, after one line that ends with the URL."""
    chosen = _parser().parse_args()
    emulator = Emulator(
        api_key=chosen.api_key,
        host=chosen.host,
        port=chosen.port,
        state_path=chosen.state,
        seed=chosen.seed,
    )
    serve_until_stopped(emulator, name="Stripe")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loyalty.emulator", description=str(__doc__))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    # From the environment it does not show in the list of processes.
    key = os.environ.get("STRIPE_API_KEY")
    parser.add_argument("--api-key", default=key, required=not key, help="else STRIPE_API_KEY")
    parser.add_argument("--state", type=Path, help="file where payments survive a restart")
    parser.add_argument("--seed", type=int, default=0, help="of faults with a probability")
    return parser


if __name__ == "__main__":
    main()
