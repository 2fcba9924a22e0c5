import stat
from pathlib import Path

import pytest

from config.envfile import MalformedEnvFileError, read_env_file, write_env_file


class TestReadEnvFile:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("NAME=value", "value"),
            ("export NAME=value", "value"),
            ("  NAME = value  ", "value"),
            ("NAME='a # b'", "a # b"),
            ('NAME="a b"  # why', "a b"),
            ("NAME=a#b", "a#b"),
            ("NAME=value # why", "value"),
            ("NAME=# why", ""),
            ("NAME=", ""),
            ("NAME=$HOME", "$HOME"),
            ("NAME=a=b", "a=b"),
        ],
    )
    def test_understands_what_people_write(self, tmp_path: Path, line: str, expected: str) -> None:
        file = tmp_path / ".env"
        file.write_text(f"# A comment\n\n{line}\n")

        assert read_env_file(file) == {"NAME": expected}

    def test_is_empty_without_a_file(self, tmp_path: Path) -> None:
        assert read_env_file(tmp_path / ".env") == {}

    def test_refuses_a_line_that_is_no_setting(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("NAME=value\nNOT A SETTING=1\n")

        with pytest.raises(MalformedEnvFileError, match=r"^\.env, line 2: expected NAME=value$"):
            read_env_file(file)


class TestWriteEnvFile:
    def test_is_read_back_as_it_was_and_is_private(self, tmp_path: Path) -> None:
        file = tmp_path / "demo.env"
        values = {"A": "with space", "B": "a#b", "C": "", "D": 'say "x"'}
        write_env_file(file, values, heading="One\nTwo")
        write_env_file(file, values, heading="One\nTwo")

        assert read_env_file(file) == values
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [path.name for path in tmp_path.iterdir()] == ["demo.env"]
