import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.children import ChildError, spawn
from config.supervisor import Child, end_all, interrupt_on_signals


def a_child(tmp_path: Path, *argv: str) -> Child:
    def start() -> subprocess.Popen[bytes]:
        return spawn(
            argv,
            env={"PATH": os.environ["PATH"]},
            cwd=tmp_path,
            log=tmp_path / "it.log",
            death_signal=signal.SIGTERM,
        )

    return Child(name="it", start=start, log=tmp_path / "it.log", process=start())


class TestKeepAlive:
    def test_leaves_a_living_child_alone(self, tmp_path: Path) -> None:
        child = a_child(tmp_path, "sleep", "60")
        process = child.process

        assert child.keep_alive(now=0.0) == ""
        assert child.process is process
        child.end()

    def test_starts_a_dead_one_again_after_a_wait_that_doubles(self, tmp_path: Path) -> None:
        child = a_child(tmp_path, "false")
        assert child.process is not None
        child.process.wait()
        first = child.process

        assert child.keep_alive(now=0.0) == "it ended with status 1; starting it again in 0.5 s."
        assert child.keep_alive(now=0.4) == ""
        assert child.process is first
        assert child.keep_alive(now=0.6) == ""
        assert child.process is not first
        child.process.wait()
        assert child.keep_alive(now=0.7) == "it ended with status 1; starting it again in 1 s."

    def test_shows_the_log_of_one_that_keeps_dying(self, tmp_path: Path) -> None:
        child = a_child(tmp_path, sys.executable, "-c", "print('why'); raise SystemExit(1)")
        reports = []
        for now in range(0, 40, 5):
            assert child.process is not None
            child.process.wait()
            reports.append(child.keep_alive(now=float(now)))

        child.end()

        assert len([report for report in reports if "It keeps dying" in report]) == 1
        assert "\n  why" in "".join(reports)

    def test_forgets_old_deaths(self, tmp_path: Path) -> None:
        child = a_child(tmp_path, "false")
        assert child.process is not None
        child.process.wait()
        child.keep_alive(now=0.0)
        child.keep_alive(now=1.0)
        child.process.wait()

        assert child.keep_alive(now=100.0).endswith("starting it again in 0.5 s.")

    def test_tries_again_when_it_could_not_start(self, tmp_path: Path) -> None:
        def start() -> subprocess.Popen[bytes]:
            raise ChildError("PostgreSQL ended with status 1.\nThe last lines of …")

        child = Child(name="it", start=start, log=tmp_path / "it.log")
        child.keep_alive(now=0.0)

        assert child.keep_alive(now=1.0) == (
            "it did not start: PostgreSQL ended with status 1.; starting it again in 1 s."
        )


class TestEndAll:
    def test_ends_every_child(self, tmp_path: Path) -> None:
        children = [a_child(tmp_path, "sleep", "60") for _ in range(2)]
        end_all(children)

        assert [child.process and child.process.returncode for child in children] == [-15, -15]


class TestInterruptOnSignals:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_ends_the_block_once_and_then_lets_it_end_in_peace(self, number: int) -> None:
        ended = []

        def block() -> None:
            with interrupt_on_signals():
                try:
                    os.kill(os.getpid(), number)
                    time.sleep(5)
                finally:
                    os.kill(os.getpid(), signal.SIGTERM)
                    time.sleep(0.01)
                    ended.append("in peace")

        with pytest.raises(KeyboardInterrupt):
            block()
        assert ended == ["in peace"]
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
