"""Fixtures for every test."""

from collections.abc import Iterator
from contextvars import ContextVar

import pytest
from django.conf import settings
from django.test import override_settings

from alerts import scope
from tests.database import django_db_setup

__all__ = ["django_db_setup"]

pytest_plugins = [
    "tests.giftcards.ordering",
    "tests.giftcards.tillo_fixture",
    "tests.sms.emulator_fixture",
    "tests.sms.texting_fixture",
    "tests.sms.mail_fixture",
]


@pytest.fixture(scope="session", autouse=True)
def see_everything() -> Iterator[None]:
    """Let a test and its threads look at every row; a request still starts by seeing nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scope, "_current", ContextVar("scope", default=scope.EVERYTHING))
        yield


@pytest.fixture(scope="session", autouse=True)
def plain_settings() -> Iterator[None]:
    """Serve static files as they lie, since no test collects them, and hash passwords quickly."""
    with override_settings(
        STATIC_ROOT=None,
        STORAGES={
            **settings.STORAGES,
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        },
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ):
        yield
