"""Sending people to the API, and what is there when nobody was taken."""

from __future__ import annotations

from typing import Any

from credit.models import AuditEvent
from redemption.models import Campaign, Recipient, StagedRecipient
from tests.credit.partners import Partner, send_file

TWO = "first_name,phone,external_crm_id\nAna,(202) 555-0143,A-1\nBo,,A-2\n"
BAD = "first_name,phone\nAna,911\n"


def send(partner: Partner, campaign: Campaign, body: Any, **how: Any) -> Any:
    return send_file(partner, f"/campaigns/{campaign.pk}/recipients/", body, **how)


def assert_nobody_added() -> None:
    assert not Recipient.objects.exists()
    assert not StagedRecipient.objects.exists()
    assert not AuditEvent.objects.filter(action="recipients.uploaded").exists()
