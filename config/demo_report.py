"""What the demo tells: ``demo.json`` for scripts, a panel for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from config.envfile import write_private_file

_LOGINS: Final = ("admin", "agent", "agency_manager", "client_manager", "auditor")
_CODES_SHOWN: Final = 3


def put_report_aside(home: Path) -> Path | None:
    """Move the former ``demo.json`` away and return where to; ``None`` if there never was one.

    The file says "ready" to scripts, so it must not be there while the demo starts. What it
    says is still needed: the passwords stay the same.
    """
    current, former = home / "demo.json", home / "demo.former.json"
    if current.exists():
        current.replace(former)
    return former if former.exists() else None


def write_report(home: Path, seeded: Mapping[str, Any], settings: Mapping[str, str]) -> None:
    """Write ``demo.json``: the addresses, and what the demo data's command has to say."""
    base_url = settings["PUBLIC_BASE_URL"].rstrip("/")
    report = {
        "base_url": base_url,
        **seeded,
        "database_url": settings["DATABASE_URL"],
        "owner_database_url": settings.get("MIGRATION_DATABASE_URL") or settings["DATABASE_URL"],
        "redis_url": settings["REDIS_URL"],
        "twilio_emulator": settings["TWILIO_API_BASE_URL"],
        "sandbox_phone": f"{base_url}/sandbox/phone/",
    }
    write_private_file(home / "demo.json", json.dumps(report, indent=2) + "\n")


def panel(home: Path, seeded: Mapping[str, Any], settings: Mapping[str, str]) -> str:
    """Return what a person needs to go on: addresses, log-ins, codes."""
    base_url = settings["PUBLIC_BASE_URL"].rstrip("/")
    rows = [
        ("Redeem a code", f"{base_url}/redeem/"),
        ("  codes to try", "  ".join(seeded["codes"][:_CODES_SHOWN])),
        ("The phone", f"{base_url}/sandbox/phone/"),
        ("Admin", f"{base_url}/admin/"),
        ("API", f"{base_url}/api/docs/"),
        ("Log in as", ""),
        *(
            (f"  {name.replace('_', ' ')}", f"{login['username']}  {login['password']}")
            for name in _LOGINS
            if (login := seeded.get(name))
        ),
        ("More", f"{home / 'demo.json'}, logs in {home / 'log'}"),
    ]
    width = max(len(label) for label, _ in rows) + 3
    lines = [f"  {label:<{width}}{value}".rstrip() for label, value in rows]
    rule = "─" * max(map(len, lines))
    return "\n".join(
        ["", "  Giftline is ready.", rule, *lines, rule, "  Ctrl-C stops everything.", ""]
    )
