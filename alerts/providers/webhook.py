"""A machine of ours, told by Standard Webhooks: signed, and with an id that repeats keep."""

from __future__ import annotations

import json
from datetime import datetime

from alerts.providers.posting import post
from alerts.providers.telling import Telling
from alerts.signatures import signed_headers


def send_to_webhook(
    telling: Telling, *, url: str, secret: str, now: datetime, timeout_seconds: float
) -> None:
    """Post a notice, signed.

    :raises NotTakenError: it was not taken, or nobody knows.
    """
    body = write_body(telling)
    signed = signed_headers(
        secrets_in_use=[secret], event_id=str(telling.delivery_id), body=body, now=now
    )
    post(
        url,
        body=body,
        headers={"Content-Type": "application/json", **signed},
        timeout_seconds=timeout_seconds,
    )


def write_body(telling: Telling) -> bytes:
    """Return a notice as JSON, the same bytes in every try."""
    about = "alert" if telling.alert_id else "notice"
    return json.dumps(
        {
            "type": f"{about}.{telling.event}",
            "timestamp": telling.happened_at.isoformat(),
            "data": {
                "alert_id": str(telling.alert_id) if telling.alert_id else None,
                "client_id": str(telling.client_id) if telling.client_id else None,
                "headline": telling.headline,
                "kind": telling.kind,
                "severity": telling.severity,
                "subject": telling.subject,
                "text": telling.text,
                "url": telling.url,
                "runbook_url": telling.runbook_url,
            },
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
