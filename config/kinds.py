"""What kinds of value a setting can have, and how each is read from text.

Every parser takes the text of a setting and returns its value, or raises ``ValueError`` with
a phrase that completes "expected …". The phrase never repeats the value: it may be a secret.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import enum
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

KEY_BYTES: Final = 32
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_RATE = re.compile(r"(\d+)/(\d*)([smhd])")
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off", ""})


class Kind(enum.StrEnum):
    TEXT = "text"
    FLAG = "flag"
    NUMBER = "number"
    SECONDS = "seconds"
    SCHEDULE = "schedule"
    NAMES = "names"
    URL = "url"
    KEYRING = "keyring"
    KEY = "key"
    RATE = "rate"
    SUMS = "sums"
    SEVERITY = "severity"
    SIGNATURE = "signature"


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting.

    ``default`` is text, read by the same parser as a given value; ``None`` means that it must
    be given. ``sandbox_default`` replaces it while DEBUG or SANDBOX is on.
    """

    name: str
    kind: Kind
    default: str | None
    description: str
    secret: bool = False
    sandbox_default: str | None = None
    schemes: tuple[str, ...] = ()


def parse_text(text: str) -> str:
    return text


def parse_flag(text: str) -> bool:
    lowered = text.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError("1 or 0 (also true, false, yes, no, on, off)")


def parse_number(text: str) -> int:
    if not re.fullmatch(r"\d+", text, re.ASCII):
        raise ValueError("a whole number, 0 or more")
    return int(text)


def parse_seconds(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("a duration such as 10s, 5m, 1h, 24h, or a plain number of seconds")
    return float(match[1]) * _UNIT_SECONDS[match[2] or "s"]


def parse_schedule(text: str) -> tuple[float, ...]:
    try:
        return tuple(parse_seconds(part.strip()) for part in text.split(","))
    except ValueError:
        raise ValueError("durations by comma, such as 0s,30s,5m") from None


def parse_names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_url(text: str) -> str:
    expected = "a URL such as scheme://host:port/path"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(expected) from None
    if not parts.scheme or "://" not in text or re.search(r"\s", text):
        raise ValueError(expected)
    return text


def parse_key(text: str) -> bytes:
    expected = f"{KEY_BYTES} random bytes in base64 (openssl rand -base64 {KEY_BYTES})"
    try:
        # Both alphabets are in use: `openssl rand -base64` and Python's token_urlsafe.
        key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(expected) from None
    if len(key) != KEY_BYTES:
        raise ValueError(expected)
    return key


def parse_keyring(text: str) -> tuple[tuple[str, bytes], ...]:
    expected = f"id:key,id:key with the newest first, each key {KEY_BYTES} random bytes in base64"
    ring: list[tuple[str, bytes]] = []
    for part in text.split(","):
        key_id, _, encoded = part.strip().partition(":")
        if not _KEY_ID.fullmatch(key_id) or any(key_id == known for known, _ in ring):
            raise ValueError(f"{expected}, each id once")
        try:
            ring.append((key_id, parse_key(encoded)))
        except ValueError:
            raise ValueError(expected) from None
    return tuple(ring)


def parse_rate(text: str) -> tuple[int, float]:
    match = _RATE.fullmatch(text)
    if match is None or int(match[1]) == 0 or match[2] == "0":
        raise ValueError("a rate such as 5/5m, 10/h or 600/m (count per time)")
    return int(match[1]), float(int(match[2] or 1) * _UNIT_SECONDS[match[3]])


def parse_sums(text: str) -> dict[str, int]:
    parts = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    sums = {currency: units for currency, _, units in parts}
    if len(sums) < len(parts) or not all(
        re.fullmatch(r"[A-Z]{3}", currency) and re.fullmatch(r"\d{1,12}", units, re.ASCII)
        for currency, units in sums.items()
    ):
        raise ValueError("whole sums by currency, each once, such as USD=1000,GBP=800")
    return {currency: int(units) for currency, units in sums.items()}


def parse_severity(text: str) -> str:
    if text not in ("info", "warning", "critical"):
        raise ValueError("info, warning or critical")
    return text


def parse_signature(text: str) -> str:
    expected = "whsec_ and 24 to 64 random bytes in base64"
    if not text:
        return text
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(expected) from None
    if not text.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise ValueError(expected)
    return text


PARSERS: Final[dict[Kind, Callable[[str], object]]] = {
    Kind.TEXT: parse_text,
    Kind.FLAG: parse_flag,
    Kind.NUMBER: parse_number,
    Kind.SECONDS: parse_seconds,
    Kind.SCHEDULE: parse_schedule,
    Kind.NAMES: parse_names,
    Kind.URL: parse_url,
    Kind.KEYRING: parse_keyring,
    Kind.KEY: parse_key,
    Kind.RATE: parse_rate,
    Kind.SUMS: parse_sums,
    Kind.SEVERITY: parse_severity,
    Kind.SIGNATURE: parse_signature,
}
