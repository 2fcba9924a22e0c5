"""What the demo tells: ``demo.json`` for scripts, a panel for people."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from config.envfile import write_private_file

_LOGINS: Final = ("admin", "agent", "agency_manager", "client_manager", "auditor")
_CODES_SHOWN: Final = 3


def put_report_aside(home: Path) -> None:
    """Move ``demo.json`` to where the next start finds the passwords it has to keep."""
    with contextlib.suppress(FileNotFoundError):
        (home / "demo.json").replace(former_report(home))


def former_report(home: Path) -> Path:
    return home / "demo.former.json"


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
        # In front of /_control/; what follows it is the provider's own.
        "tillo_emulator": settings["TILLO_BASE_URL"].removesuffix("/api/v2"),
        "stripe_emulator": settings.get("STRIPE_API_BASE_URL", ""),
        "sandbox_phone": f"{base_url}/sandbox/phone/",
    }
    write_private_file(home / "demo.json", json.dumps(report, indent=2) + "\n")


def panel(home: Path, seeded: Mapping[str, Any], settings: Mapping[str, str]) -> str:
    """Return what a person needs to go on: addresses, log-ins, codes."""
    base_url = settings["PUBLIC_BASE_URL"].rstrip("/")
    logins = [seeded[name] for name in _LOGINS if name in seeded]
    name_width = max((len(login["username"]) for login in logins), default=0)
    rows = [
        ("Redeem a code", f"{base_url}/redeem/"),
        ("Codes to try", "  ".join(seeded["codes"][:_CODES_SHOWN])),
        ("The phone", f"{base_url}/sandbox/phone/"),
        ("Admin", f"{base_url}/admin/"),
        ("API", f"{base_url}/api/docs/"),
        *(
            (
                "" if index else "Log in as",
                f"{login['username']:<{name_width}}  {login['password']}",
            )
            for index, login in enumerate(logins)
        ),
        ("All of it", str(home / "demo.json")),
        ("Logs", str(home / "log")),
    ]
    lines = [f"  {label:<16}{value}" for label, value in rows]
    rule = "─" * (max(map(len, lines)) + 2)
    end = "  Ctrl-C stops everything; the data stays for the next time."
    return "\n".join(["", "  Giftline is ready.", rule, *lines, rule, end, ""])
