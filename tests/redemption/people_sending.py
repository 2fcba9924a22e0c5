"""Sending people to the API, and what is there when nobody was taken."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from credit.models import AuditEvent
from redemption.models import Campaign, Recipient, StagedRecipient
from tests.credit.partners import Partner

TWO = "first_name,phone,external_crm_id\nAna,(202) 555-0143,A-1\nBo,,A-2\n"
BAD = "first_name,phone\nAna,911\n"


def send(
    partner: Partner,
    campaign: Campaign,
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
    address = f"/api/v1/campaigns/{campaign.pk}/recipients/{query}"
    if not body and content_type == "text/csv":
        # Of an empty body the test client would leave the type out.
        headers["Content-Type"] = content_type
    if content_type == "multipart":
        return partner.http.post(address, body, headers=headers)
    return partner.http.post(address, body, content_type=content_type, headers=headers)


def assert_nobody_added() -> None:
    assert not Recipient.objects.exists()
    assert not StagedRecipient.objects.exists()
    assert not AuditEvent.objects.filter(action="recipients.uploaded").exists()
