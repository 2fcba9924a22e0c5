"""Sending cards to the API, and what is there when nothing was taken."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from credit.models import AuditEvent
from giftcards.models import GiftCard, Pool, StagedCard
from tests.credit.partners import Partner, send_file

TWO = "code,pin\nGIFT-0001-AAAA,0042\nGIFT-0002-BBBB,\n"


def send(partner: Partner, pool: Pool, body: Any, **how: Any) -> Any:
    return send_file(partner, f"/pools/{pool.pk}/cards/", body, **how)


def form(content: str | bytes, name: str = "cards.csv") -> dict[str, Any]:
    raw = content.encode() if isinstance(content, str) else content
    return {"file": SimpleUploadedFile(name, raw, content_type="text/csv")}


def assert_nothing_written() -> None:
    assert not GiftCard.objects.exists()
    assert not StagedCard.objects.exists()
    assert not AuditEvent.objects.filter(action="cards.uploaded").exists()
