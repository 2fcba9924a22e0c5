import json
import stat
from pathlib import Path
from typing import Any

import pytest

from config.demo_report import former_report, panel, put_report_aside, write_report

SETTINGS = {
    "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
    "DATABASE_URL": "postgresql://app@127.0.0.1:1/x",
    "MIGRATION_DATABASE_URL": "postgresql://owner@127.0.0.1:1/x",
    "REDIS_URL": "redis://127.0.0.1:2/0",
    "TWILIO_API_BASE_URL": "http://127.0.0.1:3",
    "TILLO_BASE_URL": "http://127.0.0.1:4/api/v2",
    "STRIPE_API_BASE_URL": "http://127.0.0.1:5",
}


@pytest.fixture
def seeded() -> dict[str, Any]:
    return {
        "admin": {"username": "admin", "password": "one"},
        "agency_manager": {"username": "maria", "password": "two"},
        "codes": ["AAAA-1", "BBBB-2", "CCCC-3", "DDDD-4"],
        "test_code": "TEST-1",
    }


class TestWriteReport:
    def test_adds_the_addresses_to_what_was_seeded(
        self, tmp_path: Path, seeded: dict[str, Any]
    ) -> None:
        write_report(tmp_path, seeded, SETTINGS)

        assert json.loads((tmp_path / "demo.json").read_text()) == {
            **seeded,
            "base_url": "http://127.0.0.1:8000",
            "database_url": "postgresql://app@127.0.0.1:1/x",
            "owner_database_url": "postgresql://owner@127.0.0.1:1/x",
            "redis_url": "redis://127.0.0.1:2/0",
            "twilio_emulator": "http://127.0.0.1:3",
            "tillo_emulator": "http://127.0.0.1:4",
            "stripe_emulator": "http://127.0.0.1:5",
            "sandbox_phone": "http://127.0.0.1:8000/sandbox/phone/",
        }
        assert stat.S_IMODE((tmp_path / "demo.json").stat().st_mode) == 0o600

    def test_names_the_one_role_twice_when_there_is_one(
        self, tmp_path: Path, seeded: dict[str, Any]
    ) -> None:
        write_report(tmp_path, seeded, {**SETTINGS, "MIGRATION_DATABASE_URL": ""})
        report = json.loads((tmp_path / "demo.json").read_text())

        assert report["owner_database_url"] == report["database_url"] == SETTINGS["DATABASE_URL"]


class TestPutReportAside:
    def test_leaves_the_passwords_for_the_next_start_only(
        self, tmp_path: Path, seeded: dict[str, Any]
    ) -> None:
        write_report(tmp_path, seeded, SETTINGS)
        put_report_aside(tmp_path)
        put_report_aside(tmp_path)

        assert not (tmp_path / "demo.json").exists()
        assert json.loads(former_report(tmp_path).read_text())["admin"]["password"] == "one"


class TestPanel:
    def test_shows_addresses_three_codes_and_every_login(
        self, tmp_path: Path, seeded: dict[str, Any]
    ) -> None:
        text = panel(tmp_path, seeded, SETTINGS)

        assert "http://127.0.0.1:8000/redeem/" in text
        assert "http://127.0.0.1:8000/sandbox/phone/" in text
        assert "AAAA-1  BBBB-2  CCCC-3\n" in text
        assert "DDDD-4" not in text
        assert "admin  one\n" in text
        assert "maria  two\n" in text
        assert str(tmp_path / "log") in text
        assert "postgresql://" not in text
