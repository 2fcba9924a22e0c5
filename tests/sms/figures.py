"""The figures of a storm, for whoever started it with ``make storm``."""

import os
import sys

import pytest


def show(capture: pytest.CaptureFixture[str], *lines: str) -> None:
    """Print lines to the terminal; within ``make test``, which has no use for them, nowhere."""
    if "STORM_REWARDS" in os.environ:
        with capture.disabled():
            sys.stdout.write("".join(f"\n  {line}" for line in lines) + "\n")
