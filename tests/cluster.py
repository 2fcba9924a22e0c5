"""A throw-away PostgreSQL and Valkey for the tests, up before Django reads its settings.

Loaded by ``-p tests.cluster``. Where DATABASE_URL or REDIS_URL is given, the tests use that
server instead, in databases of their own. Every other setting of the environment is replaced:
neither a developer's ``.env`` nor his demo has a say in a test.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from config.environment import SETTINGS, random_key
from config.ports import free_port
from config.postgres import OWNER_ROLE, RUNTIME_ROLE, PostgresServer
from config.valkey import ValkeyServer

_PREFIX = "giftline-tests-"
# The environment variable with the template database's name, another one in each run: two runs
# may share a server.
TEMPLATE = "TEST_TEMPLATE_DATABASE"
# The address of the server for its superuser, where it is our own.
SUPERUSER = "TEST_SUPERUSER_URL"
GIVEN = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL")


# Wrappers come before every other implementation, so before pytest-django loads the settings.
@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Iterator[None]:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        _start()
    else:
        _use_own_redis_database(worker)
    yield


def _start() -> None:
    """Start what is not given and set this process's environment; its children inherit it."""
    given = {name: os.environ[name] for name in GIVEN if os.environ.get(name)}
    for setting in SETTINGS:
        os.environ.pop(setting.name, None)
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(_throw_away_folder())
    os.environ.update(_settings(folder))
    os.environ.update(given)
    lock = stack.enter_context((folder / "lock").open("w"))
    fcntl.flock(lock, fcntl.LOCK_EX)
    keep_open = [lock.fileno()]
    if "DATABASE_URL" in given:
        owner_url = given.get("MIGRATION_DATABASE_URL") or given["DATABASE_URL"]
        if "MIGRATION_DATABASE_URL" not in given:
            stack.enter_context(_runtime_role(owner_url))
        stack.callback(_drop_database, owner_url, os.environ[TEMPLATE])
    else:
        postgres = PostgresServer(
            data=folder / "postgres",
            log=folder / "postgres.log",
            superuser_password=secrets.token_hex(16),
            durable=False,
        )
        stack.callback(postgres.stop)
        postgres.start(port=free_port(), keep_open=keep_open)
        passwords = {role: secrets.token_hex(16) for role in (OWNER_ROLE, RUNTIME_ROLE)}
        postgres.ensure_roles(
            owner_password=passwords[OWNER_ROLE], runtime_password=passwords[RUNTIME_ROLE]
        )
        os.environ[SUPERUSER] = postgres.superuser_url
        os.environ["DATABASE_URL"] = postgres.url(RUNTIME_ROLE, passwords[RUNTIME_ROLE])
        os.environ["MIGRATION_DATABASE_URL"] = postgres.url(OWNER_ROLE, passwords[OWNER_ROLE])
    if "REDIS_URL" not in given:
        valkey = ValkeyServer(
            data=folder / "valkey",
            log=folder / "valkey.log",
            password=secrets.token_hex(16),
            durable=False,
        )
        stack.callback(valkey.stop)
        valkey.start(port=free_port(), keep_open=keep_open)
        os.environ["REDIS_URL"] = valkey.url


@contextlib.contextmanager
def _runtime_role(owner_url: str) -> Iterator[None]:
    """Make a runtime role for this run, where the one role that was given may make roles.

    Where it may not, the tests run with one role, and those marked ``two_roles`` are skipped.
    """
    name, password = os.environ[TEMPLATE], secrets.token_hex(16)
    role = sql.Identifier(name)
    with psycopg.connect(owner_url, autocommit=True) as owner:
        found = owner.execute(
            "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        if not (found and found[0]):
            yield
            return
        owner.execute(
            sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD {}").format(
                role, sql.Literal(password)
            )
        )
    parts = urlsplit(owner_url)
    server = parts.netloc.rpartition("@")[2]
    runtime_url = urlunsplit(parts._replace(netloc=f"{name}:{password}@{server}"))
    os.environ["DATABASE_URL"], os.environ["MIGRATION_DATABASE_URL"] = runtime_url, owner_url
    try:
        yield
    finally:
        with psycopg.connect(owner_url, autocommit=True) as owner:
            owner.execute(sql.SQL("DROP ROLE {}").format(role))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "two_roles: needs a runtime role that is not the tables' owner"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("MIGRATION_DATABASE_URL"):
        return
    skip = pytest.mark.skip(reason="the given server has one role for everything")
    for item in items:
        if item.get_closest_marker("two_roles"):
            item.add_marker(skip)


def _drop_database(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        statement = sql.SQL("DROP DATABASE IF EXISTS {}")
        connection.execute(statement.format(sql.Identifier(name)))


def _settings(folder: Path) -> dict[str, str]:
    return {
        TEMPLATE: f"test_giftline_{secrets.token_hex(4)}",
        "ENV_FILE": "",
        "VAR_DIR": str(folder / "var"),
        "SANDBOX": "1",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "CARD_ENCRYPTION_KEYS": f"test:{random_key()}",
        "CODE_DIGEST_KEY": random_key(),
        "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
        "PUBLIC_BASE_URL": "http://testserver",
        "TWILIO_ACCOUNT_SID": f"AC{secrets.token_hex(16)}",
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "TWILIO_FROM_NUMBER": "+15005550006",
        # Nothing listens there: a test that means to send starts the emulator and says so.
        "TWILIO_API_BASE_URL": "http://127.0.0.1:1",
        # The guard is on, but nearly all tests ask from one address: those about it say what
        # they limit (tests/redemption/guarding.py).
        "RATE_LIMIT_ADDRESS": "100000/5m",
        "RATE_LIMIT_CODE": "100000/h",
        "RATE_LIMIT_BLOCK_AFTER": "100000/24h",
        "RATE_LIMIT_API_KEY": "100000/m",
        "RATE_LIMIT_API_KEY_FAILURES": "100000/h",
        "RATE_LIMIT_AGENT": "100000/m",
        "RATE_LIMIT_LINK": "100000/m",
        "SLOW_FORM_AFTER": "100000/5m",
    }


@contextlib.contextmanager
def _throw_away_folder() -> Iterator[Path]:
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Remove what runs that were killed have left: nobody holds their lock any more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), (folder / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _use_own_redis_database(worker: str) -> None:
    """Give each worker of xdist a Redis database of its own (there are 16)."""
    parts = urlsplit(os.environ["REDIS_URL"])
    number = int(parts.path.strip("/") or 0) + 1 + int(worker.removeprefix("gw"))
    os.environ["REDIS_URL"] = urlunsplit(parts._replace(path=f"/{number % 16}"))
