"""The documents a newcomer reads: what they say of settings, files and commands is so."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.environment import PROJECT_DIR
from config.kinds import Setting
from config.registry import SETTINGS

README = (PROJECT_DIR / "README.md").read_text("utf-8")
DOCUMENTS = sorted([*PROJECT_DIR.glob("*.md"), *PROJECT_DIR.glob("docs/**/*.md")])
ROW = re.compile(r"^\| `(?P<name>[A-Z_]+)`(?P<mark> †)? \| (?P<default>.*?) \| (?P<words>.*) \|$")
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)|(?:src|srcset|href)=\"(?!https?://|#)([^\"#]+)")


def rows() -> Iterator[re.Match[str]]:
    """Return the rows of the README's table of settings."""
    return filter(None, map(ROW.match, README.splitlines()))


def default_of(setting: Setting) -> str:
    """Return how the table prints a default."""
    if setting.default is not None:
        return f"`{setting.default}`" if setting.default else "none"
    if setting.sandbox_default is not None:
        return f"**must be given**; in the demo `{setting.sandbox_default}`"
    return "**must be given**"


def is_used(setting: Setting) -> bool:
    """Tell whether anything but the registry asks for a setting."""
    registry = {"registry.py", "intervals.py"}
    modules = (p for p in (PROJECT_DIR / "config").glob("*.py") if p.name not in registry)
    return any(f'"{setting.name}"' in module.read_text("utf-8") for module in modules)


class TestConfigurationTable:
    def test_has_every_setting_once_in_the_registrys_order(self) -> None:
        assert [row["name"] for row in rows()] == [setting.name for setting in SETTINGS]

    @pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
    def test_says_what_the_registry_says(self, setting: Setting) -> None:
        (row,) = (row for row in rows() if row["name"] == setting.name)
        assert row["default"] == default_of(setting)
        assert row["words"] == setting.description

    @pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
    def test_marks_what_nothing_uses_yet(self, setting: Setting) -> None:
        (row,) = (row for row in rows() if row["name"] == setting.name)
        assert (row["mark"] is None) == is_used(setting)


class TestDocuments:
    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
    def test_link_to_files_that_exist(self, document: Path) -> None:
        found = [first or second for first, second in LINK.findall(document.read_text("utf-8"))]
        # What begins with a slash is a page of the site: tests/alerts/test_runbook_text.py.
        files = [link for link in found if not link.startswith("/")]
        missing = [link for link in files if not (document.parent / link).exists()]
        assert missing == []

    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
    def test_name_commands_that_exist(self, document: Path) -> None:
        makefile = (PROJECT_DIR / "Makefile").read_text("utf-8")
        targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
        text = document.read_text("utf-8")
        named = set(re.findall(r"(?:^|`|[A-Z]+=\S+ )make ([a-z-]*[a-z])", text, re.MULTILINE))
        assert named <= targets

    def test_list_every_decision(self) -> None:
        index = (PROJECT_DIR / "docs/adr/README.md").read_text("utf-8")
        for record in PROJECT_DIR.glob("docs/adr/0*.md"):
            number, title = record.read_text("utf-8").splitlines()[0].removeprefix("# ").split(". ")
            assert f"| [{number}]({record.name}) | {title} |" in index
