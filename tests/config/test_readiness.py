"""Readiness with its parts really gone: a Valkey that is killed or frozen, a silent database."""

from __future__ import annotations

import secrets
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from config.ports import free_port
from config.valkey import ValkeyServer

pytestmark = pytest.mark.django_db(transaction=True)

WELL = {"database": "ok", "migrations": "ok", "redis": "ok", "broker": "ok"}
PASSWORD = secrets.token_hex(16)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(
        data=tmp_path / "valkey", log=tmp_path / "valkey.log", password=PASSWORD, durable=False
    )
    server.start(port=free_port())
    yield server
    assert server.process is not None
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGCONT)
    server.stop()


def hurt(server: ValkeyServer, how: signal.Signals) -> None:
    assert server.process is not None
    server.process.send_signal(how)
    if how == signal.SIGKILL:
        server.process.wait(10)


class TestReady:
    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
    @pytest.mark.parametrize("part", ["redis", "broker"])
    def test_names_a_server_that_is_gone_or_frozen(
        self, valkey: ValkeyServer, settings: Settings, part: str, how: signal.Signals
    ) -> None:
        name = {"redis": "REDIS_URL", "broker": "CELERY_BROKER_URL"}[part]
        setattr(settings, name, valkey.url)
        whole = Client().get("/health/ready")
        assert (whole.status_code, whole.json()["parts"]) == (200, WELL)
        hurt(valkey, how)
        began = time.monotonic()
        broken = Client().get("/health/ready")
        assert time.monotonic() - began < 5
        assert broken.status_code == 503
        assert broken.json() == {
            "status": "unavailable",
            "parts": {**WELL, part: "unreachable"},
        }
        assert PASSWORD not in broken.content.decode()
        assert Client().get("/health/live").status_code == 200

    def test_names_a_database_that_takes_connections_and_never_answers(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
            monkeypatch.setitem(connection.settings_dict, "PORT", silent.getsockname()[1])
            began = time.monotonic()
            broken = Client().get("/health/ready")
            assert time.monotonic() - began < 10
        assert broken.status_code == 503
        assert broken.json()["parts"] == {
            **WELL,
            "database": "unreachable",
            "migrations": "unknown",
        }
