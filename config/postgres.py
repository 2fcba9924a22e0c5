"""The embedded PostgreSQL: made once, started as a child, with an owner and a runtime role."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from config.binaries import SERVICE_USER, postgres_folder
from config.children import ChildError, open_log, spawn, stop, tail, wait_until

VERSION: Final = "18"
DATABASE: Final = "giftline"
OWNER_ROLE: Final = "giftline_owner"
RUNTIME_ROLE: Final = "giftline_app"
_SUPERUSER: Final = "postgres"
_ENVIRON: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

_OPTIONS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "200",
    # Statements and details hold codes and phone numbers: they have no place in a log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# For data that nobody will miss: a crash of the machine may lose or break it.
_THROW_AWAY_OPTIONS: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "10min",
}


class PostgresServer:
    """One cluster in one folder.

    :param data: the cluster's folder; made at the first start.
    :param durable: off only where the data may be lost.
    """

    def __init__(
        self, *, data: Path, log: Path, superuser_password: str, durable: bool = True
    ) -> None:
        self.name = "PostgreSQL"
        self.data = data
        self.log = log
        self.durable = durable
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._superuser_password = superuser_password

    @property
    def superuser_url(self) -> str:
        return self.url(_SUPERUSER, self._superuser_password, database="postgres")

    def url(self, user: str, password: str, *, database: str = DATABASE) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self, *, port: int, keep_open: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        """Make the cluster if there is none, start the server and wait until it is ready.

        :raises ChildError: it did not start; the text ends with the tail of its log.
        """
        programs = postgres_folder() / "bin"
        if not self.data.exists():
            self._make(programs / "initdb")
        self._check_version()
        self.port = port
        options = {**_OPTIONS, "port": str(port), **({} if self.durable else _THROW_AWAY_OPTIONS)}
        arguments = [f"--{name}={value}" for name, value in options.items()]
        self.process = spawn(
            [str(programs / "postgres"), "-D", _own_path(self.data), *arguments],
            env=_ENVIRON,
            cwd=self.data,
            log=self.log,
            # A fast shutdown: sessions are cut off, everything committed is kept.
            death_signal=signal.SIGINT,
            user=SERVICE_USER,
            keep_open=keep_open,
        )
        wait_until(self._is_ready, process=self.process, name=self.name, log=self.log, seconds=60)
        return self.process

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, ask=signal.SIGINT, grace_seconds=20)

    def ensure_roles(self, *, owner_password: str, runtime_password: str) -> None:
        """Make the two roles and the database where they are missing, and set the passwords.

        The runtime role owns nothing and is no superuser, so that triggers and row-level
        security hold for it; what it may touch is granted by our ``migrate``.
        """
        rights = {
            OWNER_ROLE: ("CREATEDB", owner_password),
            RUNTIME_ROLE: ("NOCREATEDB", runtime_password),
        }
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            for role, (createdb, password) in rights.items():
                exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
                connection.execute(
                    sql.SQL(
                        "{verb} ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE {createdb}"
                        " PASSWORD {password}"
                    ).format(
                        verb=sql.SQL("ALTER" if exists.fetchone() else "CREATE"),
                        role=sql.Identifier(role),
                        createdb=sql.SQL(createdb),
                        password=sql.Literal(password),
                    )
                )
            exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if not exists.fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(DATABASE), sql.Identifier(OWNER_ROLE)
                    )
                )

    def _make(self, initdb: Path) -> None:
        # Made beside its place and renamed: an interrupted initdb never counts.
        fresh = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        with tempfile.NamedTemporaryFile("w", prefix="giftline-initdb-") as password_file:
            password_file.write(self._superuser_password)
            password_file.flush()
            if SERVICE_USER is not None:
                os.chown(fresh, SERVICE_USER, SERVICE_USER)
                os.chown(password_file.name, SERVICE_USER, SERVICE_USER)
            command = [str(initdb), "-D", _own_path(fresh), "-U", _SUPERUSER]
            command += ["-A", "scram-sha-256", f"--pwfile={password_file.name}", "-E", "UTF8"]
            command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            command += [] if self.durable else ["--no-sync"]
            with open_log(self.log) as output:
                result = subprocess.run(
                    command,
                    cwd=fresh,
                    env=_ENVIRON,
                    user=SERVICE_USER,
                    group=SERVICE_USER,
                    extra_groups=None if SERVICE_USER is None else [],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
        if result.returncode != 0:
            raise ChildError(f"PostgreSQL's data could not be made.\n{tail(self.log)}")
        fresh.rename(self.data)

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != VERSION:
            raise ChildError(
                f"{self.data} was made by PostgreSQL {found}, this is {VERSION}:"
                " move it away (the demo starts anew) or upgrade it with pg_upgrade."
            )

    def _is_ready(self) -> bool:
        assert self.process is not None  # noqa: S101
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # Line 1 is the process, line 8 its state; an old file may still name a dead one.
        return len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"


def _own_path(folder: Path) -> str:
    """Return how a server that was started inside its folder calls that folder."""
    # Note [Embedded servers as root]
    return str(folder) if SERVICE_USER is None else "/proc/self/cwd"
