import base64
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment
from config.environment import SETTINGS, load
from config.kinds import Kind, Setting

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = base64.b64encode(bytes(range(32, 64))).decode()


@pytest.fixture
def complete(tmp_path: Path) -> dict[str, str]:
    """A production server's environment, with an empty folder for its data and no file."""
    return {
        "ENV_FILE": "",
        "VAR_DIR": str(tmp_path),
        "SECRET_KEY": "s" * 50,
        "CARD_ENCRYPTION_KEYS": f"2026-02:{OTHER_KEY},2026-01:{KEY}",
        "CODE_DIGEST_KEY": KEY,
        "DATABASE_URL": "postgresql://app:secret@db:5432/giftline",
        "REDIS_URL": "redis://:secret@redis:6379/0",
        "ALLOWED_HOSTS": "gifts.example, www.gifts.example",
        "PUBLIC_BASE_URL": "https://gifts.example",
    }


class TestLoad:
    def test_reads_each_kind_through_its_accessor(self, complete: dict[str, str]) -> None:
        env = load(complete)

        assert env.text("DATABASE_URL") == "postgresql://app:secret@db:5432/giftline"
        assert env.flag("SANDBOX") is False
        assert env.number("PORT") == 8000
        assert env.seconds("RATE_LIMIT_BLOCK_FOR") == 86400.0
        assert env.schedule("SMS_RETRY_SCHEDULE") == (0.0, 30.0, 300.0)
        assert env.names("ALLOWED_HOSTS") == ["gifts.example", "www.gifts.example"]
        assert env.keyring("CARD_ENCRYPTION_KEYS") == [
            ("2026-02", bytes(range(32, 64))),
            ("2026-01", bytes(range(32))),
        ]
        assert env.key("CODE_DIGEST_KEY") == bytes(range(32))
        assert env.rate("RATE_LIMIT_ADDRESS") == (5, 300.0)
        assert env.rate("RATE_LIMIT_CODE") == (10, 3600.0)
        assert env.sums("PROVIDER_FLOAT_WARNING") == {"USD": 1000, "GBP": 500, "EUR": 500}

    def test_refuses_to_read_a_setting_as_another_kind(self, complete: dict[str, str]) -> None:
        with pytest.raises(TypeError, match="PORT is a setting of kind number"):
            load(complete).text("PORT")

    def test_names_every_missing_setting_at_once(self, tmp_path: Path) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            load({"ENV_FILE": "", "VAR_DIR": str(tmp_path)})

        missing = [line for line in str(caught.value).splitlines() if "is missing" in line]
        assert [line.split()[1] for line in missing] == [
            "SECRET_KEY",
            "ALLOWED_HOSTS",
            "PUBLIC_BASE_URL",
            "DATABASE_URL",
            "REDIS_URL",
            "CARD_ENCRYPTION_KEYS",
            "CODE_DIGEST_KEY",
        ]

    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("PORT", "eighty", "a whole number, 0 or more"),
            ("DEBUG", "maybe", "1 or 0"),
            ("SMS_TIMEOUT", "10 minutes", "a duration such as 10s, 5m, 1h"),
            ("SMS_RETRY_SCHEDULE", "0s;30s", "durations by comma"),
            ("RATE_LIMIT_CODE", "10 per hour", "a rate such as 5/5m"),
            ("RATE_LIMIT_CODE", "0/h", "a rate such as 5/5m"),
            ("PROVIDER_FLOAT_WARNING", "1000", "whole sums by currency"),
            ("PROVIDER_FLOAT_WARNING", "USD=10.50", "whole sums by currency"),
            ("PROVIDER_FLOAT_WARNING", "USD=10,USD=20", "whole sums by currency"),
            ("ALERT_SLACK_SEVERITY", "hunter2", "info, warning or critical"),
            ("ALERT_SLACK_WEBHOOK_URL", "ftp://u:hunter2@slack/x", "http:// or https://"),
            ("ALERT_WEBHOOK_SECRET", "hunter2hunter2", "whsec_ and 24 to 64 random bytes"),
            ("ALERT_WEBHOOK_SECRET", "whsec_aHVudGVyMg==", "whsec_ and 24 to 64 random bytes"),
            ("CODE_DIGEST_KEY", "hunter2hunter2", "32 random bytes in base64"),
            ("CARD_ENCRYPTION_KEYS", "hunter2hunter2", "id:key,id:key with the newest first"),
            ("CARD_ENCRYPTION_KEYS", f"a:{KEY},a:{OTHER_KEY}", "each id once"),
            ("DATABASE_URL", "mysql://u:hunter2@db/x", "postgres:// or postgresql://"),
            ("DATABASE_URL", "hunter2", "a URL such as"),
            ("DATABASE_URL", "postgresql://u:hunter2@db:port/x", "a URL such as"),
            ("PUBLIC_BASE_URL", "gifts.example", "a URL such as"),
        ],
    )
    def test_says_what_is_expected_and_keeps_the_value_to_itself(
        self, complete: dict[str, str], name: str, value: str, expected: str
    ) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            load({**complete, name: value})

        problems = [line for line in str(caught.value).splitlines() if line.startswith("  - ")]
        assert len(problems) == 1
        assert problems[0].startswith(f"  - {name} is malformed: expected ")
        assert expected in problems[0]
        assert "hunter2" not in str(caught.value)
        assert OTHER_KEY not in str(caught.value)

    def test_takes_empty_for_unset(self, complete: dict[str, str]) -> None:
        env = load({**complete, "COMPANY_NAME": "", "SENTRY_DSN": " ", "PORT": ""})

        assert env.text("COMPANY_NAME") == "Giftline"
        assert env.text("SENTRY_DSN") == ""
        assert env.number("PORT") == 8000

    def test_has_local_names_in_the_sandbox_but_never_makes_up_a_key(
        self, complete: dict[str, str]
    ) -> None:
        del complete["ALLOWED_HOSTS"], complete["PUBLIC_BASE_URL"]
        env = load({**complete, "SANDBOX": "1"})

        assert env.names("ALLOWED_HOSTS") == ["localhost", "127.0.0.1", "[::1]"]
        assert env.text("PUBLIC_BASE_URL") == "http://127.0.0.1:8000"
        del complete["CODE_DIGEST_KEY"]
        with pytest.raises(ImproperlyConfigured, match="CODE_DIGEST_KEY is missing"):
            load({**complete, "SANDBOX": "1"})

    def test_builds_on_a_bare_clone_with_other_throw_away_keys_each_time(self) -> None:
        first, second = load({"BUILD": "1"}), load({"BUILD": "1"})

        assert first.text("SECRET_KEY") != second.text("SECRET_KEY")
        assert first.key("CODE_DIGEST_KEY") != second.key("CODE_DIGEST_KEY")
        assert first.flag("SANDBOX") is False
        assert first.flag("DEBUG") is False

    def test_builds_with_what_is_given(self, complete: dict[str, str]) -> None:
        assert load({**complete, "BUILD": "1"}).names("ALLOWED_HOSTS") == [
            "gifts.example",
            "www.gifts.example",
        ]


class TestLayers:
    """The process environment over ``.env`` over the demo's file."""

    def test_prefers_the_process_to_the_file(
        self, complete: dict[str, str], tmp_path: Path
    ) -> None:
        file = tmp_path / "settings.env"
        file.write_text("COMPANY_NAME='From the file'\nPORT=9000\n")
        env = load({**complete, "ENV_FILE": str(file), "PORT": "7000"})

        assert env.text("COMPANY_NAME") == "From the file"
        assert env.number("PORT") == 7000

    def test_reads_the_demos_file_below_everything_else(
        self, complete: dict[str, str], tmp_path: Path
    ) -> None:
        (tmp_path / "demo.env").write_text(
            f"SECRET_KEY='{'d' * 50}'\nSANDBOX='1'\nCOMPANY_NAME='Demo'\nCODE_DIGEST_KEY='{KEY}'\n"
        )
        del complete["SECRET_KEY"], complete["CODE_DIGEST_KEY"]
        env = load({**complete, "COMPANY_NAME": "Mine"})

        assert env.text("SECRET_KEY") == "d" * 50
        assert env.flag("SANDBOX") is True
        assert env.text("COMPANY_NAME") == "Mine"

    def test_never_lets_a_forgotten_demo_turn_a_server_into_a_sandbox(
        self, complete: dict[str, str], tmp_path: Path
    ) -> None:
        (tmp_path / "demo.env").write_text(f"SECRET_KEY='{'d' * 50}'\nSANDBOX='1'\n")

        assert load(complete).flag("SANDBOX") is False

    def test_names_a_broken_line_by_number_and_does_not_repeat_it(
        self, complete: dict[str, str], tmp_path: Path
    ) -> None:
        file = tmp_path / "settings.env"
        file.write_text("PORT=9000\nhunter2\n")
        with pytest.raises(ImproperlyConfigured) as caught:
            load({**complete, "ENV_FILE": str(file)})

        assert "settings.env, line 2: expected NAME=value" in str(caught.value)
        assert "hunter2" not in str(caught.value)


class TestSettings:
    def test_has_each_name_once(self) -> None:
        names = [setting.name for setting in SETTINGS]
        assert len(names) == len(set(names))

    @pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
    def test_describes_each_in_one_sentence(self, setting: Setting) -> None:
        assert setting.description.endswith(".")
        assert "\n" not in setting.description

    @pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
    def test_marks_what_must_not_be_shown(self, setting: Setting) -> None:
        sounds_secret = setting.name.endswith(("_KEY", "_TOKEN", "_DSN", "DATABASE_URL"))
        if setting.kind in {Kind.KEY, Kind.KEYRING} or (
            sounds_secret and setting.kind is not Kind.RATE
        ):
            assert setting.secret

    def test_is_what_the_example_file_lists(self) -> None:
        lines = (environment.PROJECT_DIR / ".env.example").read_text().splitlines()
        listed = [line for line in lines if "=" in line and not line.startswith("# ")]
        compose = {"POSTGRES_PASSWORD", "OWNER_PASSWORD", "RUNTIME_PASSWORD", "REDIS_PASSWORD"}

        expected = {
            f"{setting.name}=" if setting.default is None else f"#{setting.name}={setting.default}"
            for setting in SETTINGS
        }
        assert set(listed) - {f"#{name}=" for name in compose} == expected
        assert {f"# {setting.description}" for setting in SETTINGS} <= set(lines)
