"""The demo's texts of long ago: sent through the sending services, by a carrier that is not there.

Nothing leaves the machine. Each text is claimed, taken and reported on as the real ones are, at
the times of the past.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from config.demo_data.timeline import PastRedemption
from sms.providers import ProviderText
from sms.selectors.policies import load_policies
from sms.services.claims import Claim, claim_due
from sms.services.outcomes import record_answers
from sms.services.parties import Draft, RenderedText, render_drafts
from sms.services.standing import Answer, Finding, Rules
from sms.services.status import record_status_report

_CLAIMED_AFTER: Final = timedelta(seconds=1)
_TAKEN_AFTER: Final = timedelta(seconds=2)
_AT_ONCE: Final = 10
_LEASE: Final = timedelta(minutes=1)
_UNDELIVERABLE: Final = "30006"  # a landline: given up, and an operator is told


class Postman:
    """Delivers what is due."""

    def __init__(self) -> None:
        self._rules = Rules(load_policies(), settings.SMS_RETRY_SCHEDULE)

    def deliver(self, past: PastRedemption) -> None:
        """Send the text of a redemption that has just happened, and what a stop has left over."""
        claimed_at = past.at + _CLAIMED_AFTER
        claims = claim_due(
            channel="sms", limit=_AT_ONCE, now=claimed_at, leased_until=claimed_at + _LEASE
        )
        for claim in claims:
            taken_at = past.at + _TAKEN_AFTER
            text = self._take(claim, now=taken_at)
            record_status_report(
                message_id=claim.message_id,
                provider_id=text.provider_id,
                status="delivered" if past.arrives else "undelivered",
                error_code="" if past.arrives else _UNDELIVERABLE,
                now=taken_at + timedelta(seconds=past.seconds_to_arrive),
            )

    def _take(self, claim: Claim, *, now: datetime) -> ProviderText:
        text = ProviderText(
            provider_id=f"SM{secrets.token_hex(16)}",
            status="queued",
            sender=settings.TWILIO_FROM_NUMBER,
            segments=1,
        )
        rendered = _render(claim, now=now)
        record_answers(
            answers=[
                Answer(
                    message_id=claim.message_id,
                    finding=Finding.TAKEN,
                    at=now,
                    number=claim.number,
                    text=text,
                    rendered=rendered,
                )
            ],
            rules=self._rules,
            now=now,
        )
        return text


def _render(claim: Claim, *, now: datetime) -> RenderedText | None:
    draft = Draft(
        message_id=claim.message_id,
        client_id=claim.client_id,
        purpose=claim.purpose,
        channel=claim.channel,
        locale=claim.locale,
        values=claim.values,
        reference_kind=claim.reference_kind,
        reference_id=claim.reference_id,
    )
    rendering = render_drafts(drafts=[draft], now=now)[claim.message_id]
    return rendering if isinstance(rendering, RenderedText) else None
