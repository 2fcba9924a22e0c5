"""``python -m loyalty.emulator``: the emulator as a process of its own."""

from alerts.emulator.serving import new_parser, serve_until_stopped
from loyalty.emulator.emulator import Emulator


def main() -> None:
    """Serve until SIGTERM or SIGINT, after one line that ends with the URL."""
    chosen = new_parser(
        prog="python -m loyalty.emulator",
        description=str(__doc__),
        credentials=["api-key"],
        prefix="STRIPE",
        kept="payments",
    ).parse_args()
    emulator = Emulator(
        api_key=chosen.api_key,
        host=chosen.host,
        port=chosen.port,
        state_path=chosen.state,
        seed=chosen.seed,
    )
    serve_until_stopped(emulator, name="Stripe")


if __name__ == "__main__":
    main()
