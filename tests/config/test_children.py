import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.children import ChildError, open_log, spawn, stop, tail, wait_until
from config.environment import PROJECT_DIR

PYTHON = sys.executable


def run_python(code: str, tmp_path: Path, **options: object) -> subprocess.Popen[bytes]:
    arguments = {
        "env": {"PATH": os.environ["PATH"]},
        "cwd": tmp_path,
        "log": tmp_path / "child.log",
        "death_signal": signal.SIGTERM,
        **options,
    }
    return spawn([PYTHON, "-u", "-c", code], **arguments)  # type: ignore[arg-type]


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status != "Z"


class TestSpawn:
    def test_gives_the_child_its_input_its_log_and_a_session_of_its_own(
        self, tmp_path: Path
    ) -> None:
        code = "import os, sys; print(sys.stdin.read(), os.getsid(0) == os.getpid(), os.getcwd())"
        child = run_python(code, tmp_path, stdin=b"hello")

        assert child.wait(10) == 0
        assert (tmp_path / "child.log").read_text() == f"hello True {tmp_path}\n"
        assert (tmp_path / "child.log").stat().st_mode & 0o077 == 0

    def test_passes_nothing_of_our_environment_on(self, tmp_path: Path) -> None:
        child = run_python("import os; print('SECRET_KEY' in os.environ)", tmp_path)

        assert child.wait(10) == 0
        assert (tmp_path / "child.log").read_text() == "False\n"

    @pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
    def test_ends_the_child_when_its_parent_is_killed(self, tmp_path: Path) -> None:
        code = f"""
import signal, sys, time
from pathlib import Path
sys.path.insert(0, {str(PROJECT_DIR)!r})
from config.children import spawn
child = spawn(["sleep", "60"], env={{"PATH": "/usr/bin:/bin"}}, cwd=Path("/"),
              log=Path({str(tmp_path / "sleep.log")!r}), death_signal=signal.SIGTERM)
print(child.pid, flush=True)
time.sleep(60)
"""
        parent = run_python(code, tmp_path, env=dict(os.environ))
        wait_until(
            lambda: (tmp_path / "child.log").read_text().endswith("\n"),
            process=parent,
            name="parent",
            log=tmp_path / "child.log",
            seconds=20,
        )
        pid = int((tmp_path / "child.log").read_text())
        assert is_alive(pid)

        parent.kill()
        parent.wait()
        deadline = time.monotonic() + 5
        while is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not is_alive(pid)


class TestStop:
    def test_asks_first(self, tmp_path: Path) -> None:
        code = (
            "import signal, sys, time\n"
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
            "print('ready')\n"
            "time.sleep(60)\n"
        )
        log = tmp_path / "child.log"
        child = run_python(code, tmp_path)
        wait_until(
            lambda: "ready" in log.read_text(), process=child, name="child", log=log, seconds=20
        )
        stop(child, ask=signal.SIGTERM, grace_seconds=10)

        assert child.returncode == 7

    def test_kills_what_does_not_listen(self, tmp_path: Path) -> None:
        code = (
            "import signal, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "print('ready')\n"
            "time.sleep(60)\n"
        )
        log = tmp_path / "child.log"
        child = run_python(code, tmp_path)
        wait_until(
            lambda: "ready" in log.read_text(), process=child, name="child", log=log, seconds=20
        )
        stop(child, ask=signal.SIGTERM, grace_seconds=0.1)

        assert child.returncode == -signal.SIGKILL


class TestWaitUntil:
    def test_tells_the_status_and_the_end_of_the_log_of_a_child_that_died(
        self, tmp_path: Path
    ) -> None:
        child = run_python("print('No space left on device'); raise SystemExit(3)", tmp_path)
        with pytest.raises(ChildError) as caught:
            wait_until(
                lambda: False, process=child, name="It", log=tmp_path / "child.log", seconds=20
            )

        assert str(caught.value) == (
            "It ended with status 3.\n"
            f"The last lines of {tmp_path / 'child.log'}:\n"
            "  No space left on device\n"
            "The disk is full: make room and start again."
        )

    def test_gives_up_in_time(self, tmp_path: Path) -> None:
        child = run_python("import time; time.sleep(60)", tmp_path)
        with pytest.raises(ChildError, match=r"It was not ready after 0 s"):
            wait_until(
                lambda: False, process=child, name="It", log=tmp_path / "child.log", seconds=0.1
            )
        stop(child, ask=signal.SIGTERM, grace_seconds=5)


class TestOpenLog:
    def test_puts_a_large_log_aside(self, tmp_path: Path) -> None:
        log = tmp_path / "logs" / "web.log"
        with open_log(log) as file:
            file.write(b"x" * 5_000_001)
        with open_log(log) as file:
            file.write(b"new")

        assert log.read_bytes() == b"new"
        assert (tmp_path / "logs" / "web.log.1").stat().st_size == 5_000_001


class TestTail:
    def test_shows_the_last_lines_only(self, tmp_path: Path) -> None:
        log = tmp_path / "web.log"
        log.write_text("\n".join(map(str, range(100))))

        assert tail(log, lines=2) == f"The last lines of {log}:\n  98\n  99"

    def test_says_so_when_there_is_no_log(self, tmp_path: Path) -> None:
        assert tail(tmp_path / "web.log") == f"({tmp_path / 'web.log'} was not written.)"
