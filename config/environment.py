"""Every setting Giftline takes from its environment, in one place.

A setting comes from the process environment, else from ``.env`` in the project's folder, else
from ``$VAR_DIR/demo.env``, which ``make demo`` writes. ``load`` reads and checks all of them at
once, so that a start with three mistakes names three mistakes.

Note [Whose demo.env]
~~~~~~~~~~~~~~~~~~~~~
The demo's file switches on SANDBOX, which shows everybody's texts on a page. A server that
brings its own SECRET_KEY is not that demo, so the file is read only while SECRET_KEY is not
given elsewhere, or is the same as in the file. A forgotten ``var/`` can then never turn a
production server into a sandbox.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from django.core.exceptions import ImproperlyConfigured

from config.envfile import MalformedEnvFileError, read_env_file
from config.kinds import KEY_BYTES, PARSERS, Kind, Setting
from config.registry import SETTINGS

__all__ = ["PROJECT_DIR", "SETTINGS", "Environment", "Setting", "load"]

PROJECT_DIR: Final = Path(__file__).resolve().parent.parent


_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}


class Environment:
    """The parsed settings, read by name through the accessor of their kind."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = dict(values)

    def _get(self, name: str, *kinds: Kind) -> object:
        # A KeyError or TypeError here is a mistake in the code, not in the environment.
        if _BY_NAME[name].kind not in kinds:
            raise TypeError(f"{name} is a setting of kind {_BY_NAME[name].kind}")
        return self._values[name]

    def text(self, name: str) -> str:
        kinds = (Kind.TEXT, Kind.URL, Kind.SEVERITY, Kind.SIGNATURE)
        return cast(str, self._get(name, *kinds))

    def flag(self, name: str) -> bool:
        return cast(bool, self._get(name, Kind.FLAG))

    def number(self, name: str) -> int:
        return cast(int, self._get(name, Kind.NUMBER))

    def seconds(self, name: str) -> float:
        return cast(float, self._get(name, Kind.SECONDS))

    def schedule(self, name: str) -> tuple[float, ...]:
        return cast(tuple[float, ...], self._get(name, Kind.SCHEDULE))

    def names(self, name: str) -> list[str]:
        return list(cast(tuple[str, ...], self._get(name, Kind.NAMES)))

    def keyring(self, name: str) -> list[tuple[str, bytes]]:
        return list(cast(tuple[tuple[str, bytes], ...], self._get(name, Kind.KEYRING)))

    def key(self, name: str) -> bytes:
        return cast(bytes, self._get(name, Kind.KEY))

    def rate(self, name: str) -> tuple[int, float]:
        return cast(tuple[int, float], self._get(name, Kind.RATE))

    def sums(self, name: str) -> dict[str, int]:
        return dict(cast(dict[str, int], self._get(name, Kind.SUMS)))


def load(environ: Mapping[str, str] | None = None) -> Environment:
    """Read and check every setting.

    :param environ: the process environment, ``os.environ`` when not given.
    :raises ImproperlyConfigured: names every setting that is missing or malformed and what is
        expected of it; a value is never repeated.
    """
    try:
        given = layers(os.environ if environ is None else environ)
    except MalformedEnvFileError as error:
        raise ImproperlyConfigured(str(error)) from None
    values: dict[str, object] = {}
    problems: list[str] = []
    for setting in SETTINGS:
        text = _text_of(setting, given)
        if text is None:
            problems.append(f"{setting.name} is missing: {setting.description}")
            continue
        try:
            values[setting.name] = _parse(setting, text)
        except ValueError as error:
            problems.append(f"{setting.name} is malformed: expected {error}.")
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise ImproperlyConfigured(
            f"Giftline cannot start, its settings are not complete:\n{lines}\n"
            "Give them in the environment or in .env (see .env.example), or run `make demo` "
            "to have a demo with its own. BUILD=1 stands in for them in checks and builds."
        )
    return Environment(values)


def layers(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the environment and the files say, the stronger word on each setting.

    :raises MalformedEnvFileError: a file has a line that is not ``NAME=value``.
    """
    if is_on(environ.get("BUILD", "")):
        return _overlay(_throw_away_values(), environ)
    given = given_settings(environ)
    demo = read_env_file(var_dir(given) / "demo.env")
    if given.get("SECRET_KEY") in {None, demo.get("SECRET_KEY")}:  # Note [Whose demo.env]
        return _overlay(demo, given)
    return given


def given_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what people gave: the process environment over ``.env``, without the demo's file."""
    name = environ.get("ENV_FILE", ".env")
    return _overlay(read_env_file(PROJECT_DIR / name) if name else {}, environ)


def _overlay(lower: Mapping[str, str], upper: Mapping[str, str]) -> dict[str, str]:
    # Empty means unset (compose passes empty values on), so it hides nothing below it.
    return {**lower, **{name: value for name, value in upper.items() if value.strip()}}


def var_dir(given: Mapping[str, str]) -> Path:
    """Return the folder of the demo's data; a relative one is below the project's folder."""
    return PROJECT_DIR / Path(given.get("VAR_DIR") or "var").expanduser()


def _text_of(setting: Setting, given: Mapping[str, str]) -> str | None:
    text = given.get(setting.name, "").strip()
    if text:
        return text
    if setting.sandbox_default is not None and (
        is_on(given.get("DEBUG", "")) or is_on(given.get("SANDBOX", ""))
    ):
        return setting.sandbox_default
    return setting.default


def _parse(setting: Setting, text: str) -> object:
    if not text and setting.kind is Kind.URL:
        return ""
    value = PARSERS[setting.kind](text)
    if setting.schemes and text.split("://", 1)[0].lower() not in setting.schemes:
        raise ValueError(
            f"a URL that starts with {' or '.join(f'{s}://' for s in setting.schemes)}"
        )
    return value


def is_on(text: str) -> bool:
    """Whether a flag's text says yes; ``load`` is who complains about a malformed one."""
    try:
        return bool(PARSERS[Kind.FLAG](text.strip()))
    except ValueError:
        return False


def _throw_away_values() -> dict[str, str]:
    """Values of a production server that leads nowhere: nothing listens on port 1."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(64),
        "CARD_ENCRYPTION_KEYS": f"build:{random_key()}",
        "CODE_DIGEST_KEY": random_key(),
        "DATABASE_URL": "postgresql://build@127.0.0.1:1/build",
        "MIGRATION_DATABASE_URL": "postgresql://build-owner@127.0.0.1:1/build",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "ALLOWED_HOSTS": "giftline.example",
        "PUBLIC_BASE_URL": "https://giftline.example",
    }


def random_key() -> str:
    """Return a new key in base64, as CODE_DIGEST_KEY and the key ring take it."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")
