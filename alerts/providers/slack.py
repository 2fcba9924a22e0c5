"""Slack, and whatever takes the same JSON at a webhook of its own (Mattermost, Rocket.Chat)."""

from __future__ import annotations

import json
from typing import Final

from alerts.providers.posting import post
from alerts.providers.telling import Telling

_LONGEST_TEXT: Final = 3000


def send_to_slack(telling: Telling, *, url: str, timeout_seconds: float) -> None:
    """Post a notice to a channel. Slack knows no repeat for one: it may stand there twice.

    :raises NotTakenError: it was not taken, or nobody knows.
    """
    post(
        url,
        body=json.dumps({"text": write_text(telling)}).encode(),
        headers={"Content-Type": "application/json"},
        timeout_seconds=timeout_seconds,
    )


def write_text(telling: Telling) -> str:
    """Return a notice in Slack's mark-up."""
    lines = [f"*{_plain(telling.headline)}: {_plain(telling.subject)}* ({telling.severity})"]
    if telling.text:
        lines.append(_plain(telling.text[:_LONGEST_TEXT]))
    links = [f"<{telling.url}|Look at it>"]
    if telling.runbook_url:
        links.append(f"<{telling.runbook_url}|What to do>")
    lines.append(" · ".join(links))
    return "\n".join(lines)


def _plain(text: str) -> str:
    # Else "<!channel>" in a pool's name would call everybody.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
