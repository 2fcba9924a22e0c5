"""Fixtures for every test."""

from tests.database import django_db_setup

__all__ = ["django_db_setup"]

pytest_plugins = ["tests.sms.emulator_fixture"]
