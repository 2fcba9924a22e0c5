"""The embedded servers, started for real in a folder of their own."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.children import ChildError
from config.embedded import (
    AlreadyRunningError,
    Session,
    needs_servers,
    supervise,
    wait_for_supervisor,
)
from config.envfile import read_env_file
from config.environment import PROJECT_DIR, load
from config.ports import free_port

CODE = """
import os, sys, time
sys.path.insert(0, {project!r})
import contextlib
from config.embedded import supervise
with supervise(os.environ, command="demo", step=lambda what: contextlib.nullcontext()):
    print("ready", flush=True)
    time.sleep(60)
"""

_ADDRESSES = ("TWILIO_API_BASE_URL", "EMAIL_URL", "TILLO_BASE_URL", "STRIPE_API_BASE_URL")


def environ_of(folder: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "ENV_FILE": "", "VAR_DIR": str(folder), **more}


def light_environ_of(folder: Path, **more: str) -> dict[str, str]:
    """For what does not need a PostgreSQL of its own."""
    return environ_of(folder, DATABASE_URL=os.environ["DATABASE_URL"], **more)


@contextlib.contextmanager
def running(environ: Mapping[str, str], command: str = "demo") -> Iterator[Session]:
    with supervise(environ, command=command, step=lambda _: contextlib.nullcontext()) as session:
        yield session


class TestSupervise:
    def test_keeps_data_keys_and_addresses_over_a_restart(self, tmp_path: Path) -> None:
        # 0700, as a home may be: the servers of root run as somebody else, and must get there.
        tmp_path.chmod(0o700)
        environ = environ_of(tmp_path / "with space")
        with running(environ) as first:
            with psycopg.connect(first.settings["MIGRATION_DATABASE_URL"]) as owner:
                owner.execute("CREATE TABLE kept AS SELECT 1 AS number")
            with redis.Redis.from_url(first.settings["REDIS_URL"]) as client:
                client.set("kept", "yes")
        with running(environ) as second:
            with psycopg.connect(second.settings["MIGRATION_DATABASE_URL"]) as owner:
                assert owner.execute("SELECT number FROM kept").fetchall() == [(1,)]
            with redis.Redis.from_url(second.settings["REDIS_URL"]) as client:
                assert client.get("kept") == b"yes"

        assert second.settings == first.settings

    def test_gives_two_roles_of_which_neither_is_a_superuser(self, tmp_path: Path) -> None:
        with running(environ_of(tmp_path)) as session:
            with psycopg.connect(session.settings["MIGRATION_DATABASE_URL"]) as owner:
                owner.execute("CREATE TABLE owned (number int)")
            with psycopg.connect(session.settings["DATABASE_URL"]) as runtime:
                roles = runtime.execute(
                    "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb FROM pg_roles"
                    " WHERE rolname LIKE 'giftline%' ORDER BY 1"
                ).fetchall()
                durable = runtime.execute("SHOW fsync").fetchone()
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    runtime.execute("SELECT * FROM owned")

        assert roles == [
            ("giftline_app", False, False, False),
            ("giftline_owner", False, False, True),
        ]
        assert durable == ("on",)

    def test_asks_for_the_password(self, tmp_path: Path) -> None:
        with running(environ_of(tmp_path)) as session:
            assert session.postgres is not None
            wrong = session.postgres.url("postgres", "wrong")
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(wrong)
            assert session.valkey is not None
            with (
                redis.Redis(port=session.valkey.port, retry=Retry(NoBackoff(), 0)) as client,
                pytest.raises(redis.AuthenticationError),
            ):
                client.ping()

    def test_writes_settings_that_load_and_that_nobody_else_can_read(self, tmp_path: Path) -> None:
        with running(light_environ_of(tmp_path, PORT="8123")) as session:
            env = load(environ_of(tmp_path))

        assert env.flag("SANDBOX") is True
        assert env.text("DATABASE_URL") == session.settings["DATABASE_URL"]
        assert env.text("PUBLIC_BASE_URL") == "http://127.0.0.1:8123"
        assert len(env.key("CODE_DIGEST_KEY")) == 32
        for name in ("demo.env", "passwords.json"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600

    def test_starts_only_what_is_not_given(self, tmp_path: Path) -> None:
        with running(light_environ_of(tmp_path)) as session:
            assert session.postgres is None
            assert session.valkey is not None

        assert not (tmp_path / "postgres").exists()
        assert read_env_file(tmp_path / "demo.env")["DATABASE_URL"] == os.environ["DATABASE_URL"]

    def test_uses_a_given_address_for_one_run_only(self, tmp_path: Path) -> None:
        given = os.environ["REDIS_URL"]
        with running(light_environ_of(tmp_path)) as session:
            embedded = session.settings["REDIS_URL"]
        with running(light_environ_of(tmp_path, REDIS_URL=given)) as session:
            assert session.settings["REDIS_URL"] == given
        with running(light_environ_of(tmp_path)) as session:
            # The port may be another one by now, the password is not.
            assert session.settings["REDIS_URL"].split("@")[0] == embedded.split("@")[0]

    def test_never_replaces_the_keys_the_data_depends_on(self, tmp_path: Path) -> None:
        with running(light_environ_of(tmp_path)) as session:
            keys = session.settings["CARD_ENCRYPTION_KEYS"]
        other = "other:" + "A" * 43 + "="
        with running(light_environ_of(tmp_path, CARD_ENCRYPTION_KEYS=other)):
            pass

        assert read_env_file(tmp_path / "demo.env")["CARD_ENCRYPTION_KEYS"] == keys

    def test_points_at_a_tillo_of_its_own_unless_a_real_one_is_given(self, tmp_path: Path) -> None:
        with running(light_environ_of(tmp_path)) as session:
            first = session.settings
        with running(light_environ_of(tmp_path)) as session:
            again = session.settings
        names = ("TILLO_API_KEY", "TILLO_SECRET_KEY", "TILLO_SECTOR", "TILLO_BASE_URL")
        assert [again[name] for name in names[:3]] == [first[name] for name in names[:3]]
        assert again["TILLO_BASE_URL"] != again["TWILIO_API_BASE_URL"] + "/api/v2"
        given = "https://sandbox.tillo.dev/api/v2"
        with running(light_environ_of(tmp_path, TILLO_BASE_URL=given)) as session:
            assert not set(names) & set(session.settings)
            env = load(environ_of(tmp_path, TILLO_BASE_URL=given))

        # Its keys would be refused there, so nothing is bought until it has some.
        assert (env.text("TILLO_BASE_URL"), env.text("TILLO_API_KEY")) == (given, "")

    def test_points_at_a_stripe_of_its_own_unless_a_real_one_is_given(self, tmp_path: Path) -> None:
        names = {"STRIPE_API_KEY", "STRIPE_API_BASE_URL"}
        with running(light_environ_of(tmp_path)) as session:
            first = session.settings
        with running(light_environ_of(tmp_path)) as session:
            assert session.settings["STRIPE_API_KEY"] == first["STRIPE_API_KEY"]
            addresses = [session.settings[name] for name in _ADDRESSES]
        assert len({urlsplit(address).port for address in addresses}) == len(_ADDRESSES)
        with running(light_environ_of(tmp_path, STRIPE_API_KEY="sk_live_of_a_shop")) as session:
            assert not names & set(session.settings)

    def test_refuses_a_second_supervisor_and_names_the_first(self, tmp_path: Path) -> None:
        with (
            running(light_environ_of(tmp_path), command="shell"),
            pytest.raises(AlreadyRunningError, match=rf"`manage.py shell` \(process {os.getpid()}"),
            running(light_environ_of(tmp_path)),
        ):
            pass

    def test_refuses_a_folder_that_is_no_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with (
            pytest.raises(ChildError, match="cannot be used: File exists"),
            running(environ_of(tmp_path / "file")),
        ):
            pass

    def test_refuses_the_data_of_another_postgresql(self, tmp_path: Path) -> None:
        (tmp_path / "postgres").mkdir()
        (tmp_path / "postgres" / "PG_VERSION").write_text("16\n")
        with (
            pytest.raises(ChildError, match="was made by PostgreSQL 16, this is 18"),
            running(environ_of(tmp_path)),
        ):
            pass

    @pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
    def test_leaves_nothing_behind_when_it_is_killed_and_starts_again_at_once(
        self, tmp_path: Path
    ) -> None:
        environ = environ_of(tmp_path)
        code = CODE.format(project=str(PROJECT_DIR))
        with subprocess.Popen(
            [sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE
        ) as supervisor:
            assert supervisor.stdout is not None
            assert supervisor.stdout.readline() == b"ready\n"
            ports = [_port(tmp_path, name) for name in ("DATABASE_URL", "REDIS_URL")]
            assert all(_listens(port) for port in ports)
            supervisor.send_signal(signal.SIGKILL)
        with running(environ) as session, psycopg.connect(session.settings["DATABASE_URL"]) as app:
            assert app.execute("SELECT 1").fetchone() == (1,)

        assert not any(_listens(port) for port in ports)


class TestWaitForSupervisor:
    def test_finds_one_that_is_ready(self, tmp_path: Path) -> None:
        with running(light_environ_of(tmp_path)):
            assert wait_for_supervisor(light_environ_of(tmp_path)) is True

    def test_finds_none_after_it_has_ended(self, tmp_path: Path) -> None:
        with running(light_environ_of(tmp_path)):
            pass
        started = time.monotonic()

        assert wait_for_supervisor(light_environ_of(tmp_path)) is False
        assert time.monotonic() - started < 1

    def test_finds_none_where_there_never_was_one(self, tmp_path: Path) -> None:
        assert wait_for_supervisor(environ_of(tmp_path / "new")) is False


class TestNeedsServers:
    def test_is_true_until_both_addresses_are_given(self, tmp_path: Path) -> None:
        both = {"DATABASE_URL": "postgresql://a@b/c", "REDIS_URL": "redis://a"}

        assert needs_servers(environ_of(tmp_path)) is True
        assert needs_servers(environ_of(tmp_path, REDIS_URL="redis://a")) is True
        assert needs_servers(environ_of(tmp_path, **both)) is False
        assert needs_servers(environ_of(tmp_path, BUILD="1")) is False


class TestFreePort:
    def test_returns_the_wanted_one_unless_somebody_listens_there(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            assert free_port(port) != port
        assert free_port(port) == port


def _port(folder: Path, name: str) -> int:
    return int(read_env_file(folder / "demo.env")[name].rsplit(":", 1)[1].split("/")[0])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
