"""Who may serve: a role that row-level security binds."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from pytest_django import Settings

from config.celery import RoleCheck, app
from config.roles import refuse_powerful_role
from tests.cluster import SUPERUSER

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def superuser() -> Iterator[None]:
    """Serve as the server's superuser."""
    if SUPERUSER not in os.environ:
        pytest.skip("the given server's superuser is not ours to use")
    parts = urlsplit(os.environ[SUPERUSER])
    connection = connections["default"]
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    before = dict(connection.settings_dict)
    connection.settings_dict.update(USER=parts.username, PASSWORD=parts.password)
    yield
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict.update(USER=before["USER"], PASSWORD=before["PASSWORD"])


class TestRefusePowerfulRole:
    @pytest.mark.two_roles
    def test_lets_the_runtime_role_serve(self, settings: Settings) -> None:
        settings.SANDBOX = False
        refuse_powerful_role()

    def test_stops_a_superuser(self, superuser: None, settings: Settings) -> None:
        settings.SANDBOX = False
        with pytest.raises(ImproperlyConfigured, match="superuser or has BYPASSRLS"):
            refuse_powerful_role()

    def test_only_warns_a_sandbox(
        self, superuser: None, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.SANDBOX = True
        refuse_powerful_role()
        assert "powerful role" in caplog.text

    def test_does_not_wait_for_a_database(self, settings: Settings) -> None:
        connection = connections["default"]
        port = connection.settings_dict["PORT"]
        options = connection.settings_dict["OPTIONS"]
        pool = options.pop("pool", None)
        connection.close()
        connection.settings_dict["PORT"] = 1
        try:
            refuse_powerful_role()
        finally:
            connection.close()
            connection.settings_dict["PORT"] = port
            if pool is not None:
                options["pool"] = pool

    def test_is_asked_before_a_worker_works(self) -> None:
        assert RoleCheck in app.steps["worker"]
