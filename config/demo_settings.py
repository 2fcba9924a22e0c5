"""The settings of the demo: what was given, what must stay, and what is made up."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from config.environment import random_key
from config.ports import free_port, port_of

# Without these the data cannot be read, so a later start never replaces them.
_KEPT: Final = (
    "CARD_ENCRYPTION_KEYS",
    "CODE_DIGEST_KEY",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TILLO_API_KEY",
    "TILLO_SECRET_KEY",
)


def demo_settings(given: Mapping[str, str], *, former: Mapping[str, str]) -> dict[str, str]:
    """Return the demo's settings: what was given, what must stay, and what is made up."""
    port = given.get("PORT") or "8000"
    emulator_port = free_port(port_of(former.get("TWILIO_API_BASE_URL")))
    made_up: dict[str, str] = {
        "SECRET_KEY": secrets.token_urlsafe(64),
        "CARD_ENCRYPTION_KEYS": f"demo:{random_key()}",
        "CODE_DIGEST_KEY": random_key(),
        "SANDBOX": "1",
        "DEBUG": "0",
        "PORT": port,
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "TWILIO_ACCOUNT_SID": f"AC{secrets.token_hex(16)}",
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "TWILIO_FROM_NUMBER": "+15005550006",
        # The demo starts the emulator there; another command's texts wait until it does.
        "TWILIO_API_BASE_URL": f"http://127.0.0.1:{emulator_port}",
        # The same emulator takes the e-mails.
        "EMAIL_URL": f"smtp://127.0.0.1:{_mail_port(former, taken=emulator_port)}",
        # Nobody who tries it out waits for the cards that are bought ahead.
        "EVERY_BUFFER_REFILL": "30s",
        **_tillo_settings(given, former=former, taken=emulator_port),
    }
    if given.get("TWILIO_API_BASE_URL"):
        del made_up["EMAIL_URL"]  # without the emulator nobody takes it
    if given.get("TWILIO_MESSAGING_SERVICE_SID"):
        del made_up["TWILIO_FROM_NUMBER"]
    kept = {
        name: former[name]
        for name in ("SECRET_KEY", *_KEPT)
        if former.get(name) and name in made_up
    }
    settings: dict[str, str] = made_up | kept
    names = (*settings, "DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL")
    settings.update({name: given[name] for name in names if given.get(name)})
    # A key that was given once is as precious as one that was made up: the former one stays in
    # the file, while the process environment has its way for this run.
    settings.update({name: former[name] for name in _KEPT[:2] if former.get(name)})
    return settings


def _mail_port(former: Mapping[str, str], *, taken: int) -> int:
    port = free_port(port_of(former.get("EMAIL_URL")))
    while port == taken:
        port = free_port()
    return port


def _tillo_settings(
    given: Mapping[str, str], *, former: Mapping[str, str], taken: int
) -> dict[str, str]:
    """Return the keys of the shipped Tillo; nothing is made up for a real one."""
    if given.get("TILLO_BASE_URL"):
        return {}
    port = free_port(port_of(former.get("TILLO_BASE_URL")))
    while port == taken:
        port = free_port()
    return {
        "TILLO_BASE_URL": f"http://127.0.0.1:{port}/api/v2",
        "TILLO_API_KEY": secrets.token_hex(16),
        "TILLO_SECRET_KEY": secrets.token_hex(32),
        "TILLO_SECTOR": "demo",
    }
