"""PostgreSQL and Redis for a machine that has neither, for as long as one process lives.

The first process that needs them takes a lock, starts what DATABASE_URL and REDIS_URL do not
name, and writes ``$VAR_DIR/demo.env``. Others find the lock taken and use what that file names.
The servers are children of the first process and end with it, also after kill -9.

Note [Two locks]
~~~~~~~~~~~~~~~~
``supervisor.lock`` belongs to the first process alone: who holds it may start servers.
``children.lock`` is inherited by every child, so it stays taken until the last one is gone. A
new supervisor waits for it: after kill -9 the old PostgreSQL needs a moment to shut down.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from config.children import ChildError
from config.demo_report import put_report_aside
from config.demo_settings import demo_settings
from config.envfile import read_env_file, write_env_file, write_private_file
from config.environment import given_settings, is_on, var_dir
from config.ports import free_port, port_of
from config.postgres import OWNER_ROLE, RUNTIME_ROLE, PostgresServer
from config.progress import step
from config.valkey import ValkeyServer

_FREE_BYTES_NEEDED: Final = 200_000_000
_HEADING: Final = """Written by Giftline for its embedded servers at each start; do not edit.
The keys open the data in this folder: they are kept, the rest is made anew."""


class AlreadyRunningError(Exception):
    """Another process runs the servers of this folder."""


class Server(Protocol):
    """An embedded server: :class:`PostgresServer` or :class:`ValkeyServer`."""

    name: str
    log: Path
    port: int
    process: subprocess.Popen[bytes] | None

    def start(self, *, port: int, keep_open: Sequence[int] = ()) -> subprocess.Popen[bytes]: ...
    def stop(self) -> None: ...


@dataclasses.dataclass
class Session:
    """What one supervising process runs.

    ``settings`` are the demo's own, ``given`` are people's, which win. ``postgres`` and
    ``valkey`` are ``None`` where an address was given. ``children_lock`` is the file descriptor
    every further child has to inherit.
    """

    home: Path
    given: dict[str, str]
    settings: dict[str, str]
    postgres: PostgresServer | None
    valkey: ValkeyServer | None
    children_lock: int

    @property
    def servers(self) -> list[Server]:
        return [server for server in (self.postgres, self.valkey) if server is not None]


def needs_servers(environ: Mapping[str, str]) -> bool:
    """Whether DATABASE_URL or REDIS_URL is left to us."""
    if is_on(environ.get("BUILD", "")):
        return False
    given = given_settings(environ)
    return not (given.get("DATABASE_URL") and given.get("REDIS_URL"))


_current: Session | None = None


def current_session() -> Session | None:
    """Return the session this process supervises, if it does."""
    return _current


@contextlib.contextmanager
def servers_for(command: str) -> Iterator[None]:
    """Have PostgreSQL and Redis up while a command of ``manage.py`` runs.

    Joins the servers of a process that runs already; else starts them and puts the settings
    they come with into this process's environment. ``demo`` must be the one that starts them.

    :raises AlreadyRunningError: the command is ``demo`` and another process runs the servers.
    :raises ChildError: a server did not start, or the folder cannot be used.
    """
    global _current
    is_demo = command == "demo"
    if is_on(os.environ.get("BUILD", "")) or not (is_demo or needs_servers(os.environ)):
        yield
        return
    if not is_demo and wait_for_supervisor(os.environ):
        yield
        return
    if not is_demo:
        # Not on standard output: that may be somebody's dump.
        sys.stderr.write("Starting the embedded servers for this command.\n")
    with supervise(os.environ, command=command, step=step if is_demo else _silently) as session:
        os.environ.update({**session.settings, **session.given})
        _current = session
        yield


def _silently(_what: str) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


@contextlib.contextmanager
def supervise(
    environ: Mapping[str, str],
    *,
    command: str,
    step: Callable[[str], contextlib.AbstractContextManager[None]],
) -> Iterator[Session]:
    """Start what is not given, hand out the session, and stop it at the end.

    :param step: wraps each long step, for the one who waits.
    :raises AlreadyRunningError: another process supervises this folder.
    :raises ChildError: a server did not start, or the folder cannot be used.
    """
    given = given_settings(environ)
    home = var_dir(given)
    _prepare(home)
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context(_supervisor_lock(home, command))
        if command == "demo":
            # The file says "ready" to scripts: it is there while the demo answers, and only then.
            put_report_aside(home)
            stack.callback(put_report_aside, home)
        children_lock = stack.enter_context(_children_lock(home))
        session = _session(home, given, children_lock)
        for server in session.servers:
            stack.callback(server.stop)
        _start(session, step)
        write_env_file(home / "demo.env", session.settings, heading=_HEADING)
        _describe(lock, command=command, ready=True)
        yield session


def wait_for_supervisor(environ: Mapping[str, str], *, seconds: float = 60) -> bool:
    """Wait until another process's servers are ready; false when there is no such process."""
    path = var_dir(given_settings(environ)) / "supervisor.lock"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not _is_locked(path):
            return False
        if _description(path).get("ready"):
            return True
        time.sleep(0.1)
    return False


def _is_locked(path: Path) -> bool:
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no such file, or a folder of somebody else
        return False
    return False


def _prepare(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(home).free
    except OSError as error:
        raise ChildError(f"The folder {home} cannot be used: {error.strerror}.") from None
    if not os.access(home, os.W_OK):
        raise ChildError(f"The folder {home} belongs to someone else: set VAR_DIR to another one.")
    if free < _FREE_BYTES_NEEDED:
        raise ChildError(
            f"The disk is nearly full: {home} has {free // 1_000_000} MB left,"
            f" {_FREE_BYTES_NEEDED // 1_000_000} MB are needed."
        )


@contextlib.contextmanager
def _supervisor_lock(home: Path, command: str) -> Iterator[Path]:
    path = home / "supervisor.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = _description(path)
            raise AlreadyRunningError(
                f"`manage.py {other.get('command', '?')}` (process {other.get('pid', '?')})"
                f" already runs the servers of {home}."
            ) from None
        _describe(path, command=command, ready=False)
        try:
            yield path
        finally:
            path.write_text("")


def _describe(path: Path, *, command: str, ready: bool) -> None:
    path.write_text(json.dumps({"pid": os.getpid(), "command": command, "ready": ready}))


def _description(path: Path) -> dict[str, object]:
    try:
        return dict(json.loads(path.read_text()))
    except ValueError:  # being written
        return {}


@contextlib.contextmanager
def _children_lock(home: Path, *, seconds: float = 30) -> Iterator[int]:
    # Note [Two locks]
    descriptor = os.open(home / "children.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ChildError(
                        f"Processes of an earlier start still use {home}: end them first"
                        " (look for postgres, valkey-server, gunicorn and celery)."
                    ) from None
                time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)


def _session(home: Path, given: Mapping[str, str], children_lock: int) -> Session:
    passwords = _passwords(home / "passwords.json")
    log = home / "log"
    return Session(
        home=home,
        given=dict(given),
        settings=demo_settings(given, former=read_env_file(home / "demo.env")),
        postgres=None
        if given.get("DATABASE_URL")
        else PostgresServer(
            data=home / "postgres",
            log=log / "postgres.log",
            superuser_password=passwords["postgres"],
        ),
        valkey=None
        if given.get("REDIS_URL")
        else ValkeyServer(
            data=home / "valkey", log=log / "valkey.log", password=passwords["valkey"]
        ),
        children_lock=children_lock,
    )


def _passwords(path: Path) -> dict[str, str]:
    names = ("postgres", OWNER_ROLE, RUNTIME_ROLE, "valkey")
    try:
        passwords: dict[str, str] = json.loads(path.read_text())
    except FileNotFoundError:
        passwords = {}
    if not set(names) <= set(passwords):
        passwords = {name: secrets.token_urlsafe(24) for name in names} | passwords
        write_private_file(path, json.dumps(passwords))
    return passwords


def _start(
    session: Session, step: Callable[[str], contextlib.AbstractContextManager[None]]
) -> None:
    former = read_env_file(session.home / "demo.env")
    if session.postgres is not None:
        passwords = _passwords(session.home / "passwords.json")
        with step("PostgreSQL 18"):
            session.postgres.start(
                port=free_port(port_of(former.get("DATABASE_URL"))),
                keep_open=[session.children_lock],
            )
            session.postgres.ensure_roles(
                owner_password=passwords[OWNER_ROLE], runtime_password=passwords[RUNTIME_ROLE]
            )
        session.settings["DATABASE_URL"] = session.postgres.url(
            RUNTIME_ROLE, passwords[RUNTIME_ROLE]
        )
        session.settings["MIGRATION_DATABASE_URL"] = session.postgres.url(
            OWNER_ROLE, passwords[OWNER_ROLE]
        )
    if session.valkey is not None:
        with step("Valkey"):
            session.valkey.start(
                port=free_port(port_of(former.get("REDIS_URL"))),
                keep_open=[session.children_lock],
            )
        session.settings["REDIS_URL"] = session.valkey.url
