"""Sending cards to the API, and what is there when nothing was taken."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile

from credit.models import AuditEvent
from giftcards.models import GiftCard, Pool, StagedCard
from tests.credit.partners import Partner

TWO = "code,pin\nGIFT-0001-AAAA,0042\nGIFT-0002-BBBB,\n"


def send(
    partner: Partner,
    pool: Pool,
    body: Any,
    *,
    content_type: str = "text/csv",
    key: str | None = "new",
    query: str = "",
) -> Any:
    headers = dict(partner.headers)
    if key is not None:
        headers["Idempotency-Key"] = str(uuid4()) if key == "new" else key
    if content_type == "application/json":
        body = json.dumps(body)
    address = f"/api/v1/pools/{pool.pk}/cards/{query}"
    if not body and content_type == "text/csv":
        # Of an empty body the test client would leave the type out.
        headers["Content-Type"] = content_type
    if content_type == "multipart":
        return partner.http.post(address, body, headers=headers)
    return partner.http.post(address, body, content_type=content_type, headers=headers)


def form(content: str | bytes, name: str = "cards.csv") -> dict[str, Any]:
    raw = content.encode() if isinstance(content, str) else content
    return {"file": SimpleUploadedFile(name, raw, content_type="text/csv")}


def assert_nothing_written() -> None:
    assert not GiftCard.objects.exists()
    assert not StagedCard.objects.exists()
    assert not AuditEvent.objects.filter(action="cards.uploaded").exists()
