"""The settings of the demo: what was given, what must stay, and what is made up."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
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
    "STRIPE_API_KEY",
)

# The settings that name an emulator.
_ON_PORTS: Final = ("TWILIO_API_BASE_URL", "EMAIL_URL", "TILLO_BASE_URL", "STRIPE_API_BASE_URL")


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
        "EMAIL_URL": f"smtp://127.0.0.1:{_port_for('EMAIL_URL', former, taken=[emulator_port])}",
        # Nobody who tries it out waits for the cards that are bought ahead.
        "EVERY_BUFFER_REFILL": "30s",
    }
    made_up |= _provider_settings(given, former=former, taken=_ports_of(made_up))
    made_up |= _gateway_settings(given, former=former, taken=_ports_of(made_up))
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


def _ports_of(settings: Mapping[str, str]) -> set[int]:
    return {port for name in _ON_PORTS if (port := port_of(settings.get(name)))}


def _port_for(name: str, former: Mapping[str, str], *, taken: Collection[int]) -> int:
    """Return the port that a setting's address had before, or another one that is free."""
    port = free_port(port_of(former.get(name)))
    while port in taken:
        port = free_port()
    return port


def _provider_settings(
    given: Mapping[str, str], *, former: Mapping[str, str], taken: Collection[int]
) -> dict[str, str]:
    """Return the keys of the shipped Tillo; nothing is made up for a real one."""
    if given.get("TILLO_BASE_URL"):
        return {}
    port = _port_for("TILLO_BASE_URL", former, taken=taken)
    return {
        "TILLO_BASE_URL": f"http://127.0.0.1:{port}/api/v2",
        "TILLO_API_KEY": secrets.token_hex(16),
        "TILLO_SECRET_KEY": secrets.token_hex(32),
        "TILLO_SECTOR": "demo",
    }


def _gateway_settings(
    given: Mapping[str, str], *, former: Mapping[str, str], taken: Collection[int]
) -> dict[str, str]:
    """Return the key of the shipped Stripe; nothing is made up for a real one."""
    if given.get("STRIPE_API_BASE_URL") or given.get("STRIPE_API_KEY"):
        return {}
    port = _port_for("STRIPE_API_BASE_URL", former, taken=taken)
    return {
        "STRIPE_API_BASE_URL": f"http://127.0.0.1:{port}",
        "STRIPE_API_KEY": f"sk_test_{secrets.token_hex(16)}",
    }
