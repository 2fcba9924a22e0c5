"""A machine of ours, told by Standard Webhooks: signed, and with an id that repeats keep."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import datetime
from typing import Final

from alerts.providers.posting import post
from alerts.providers.telling import Telling

_PREFIX: Final = "whsec_"


def send_to_webhook(
    telling: Telling, *, url: str, secret: str, now: datetime, timeout_seconds: float
) -> None:
    """Post a notice, signed.

    :raises NotTakenError: it was not taken, or nobody knows.
    """
    body = write_body(telling)
    message_id = str(telling.delivery_id)
    timestamp = int(now.timestamp())
    post(
        url,
        body=body,
        headers={
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(
                secret=secret, message_id=message_id, timestamp=timestamp, body=body
            ),
        },
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


def sign(*, secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature: ``v1,`` and the HMAC-SHA256 of ``id.timestamp.body`` in base64."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"
