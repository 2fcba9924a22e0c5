"""A text as the emulator keeps it, and as Twilio's API shows it."""

import dataclasses
import secrets
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

from sms.emulator.plans import USUAL_PLAN, DeliveryPlan
from sms.emulator.refusals import DELIVERY_ERRORS

API_VERSION: Final = "2010-04-01"
PRICE_PER_SEGMENT: Final = 0.0079  # US dollars; Twilio prints five decimals and a minus sign
FINAL_STATUSES: Final = frozenset({"delivered", "undelivered", "failed", "canceled", "received"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Message:
    """One text in either direction.

    ``body`` is what the phone shows. Redaction is a fact about Twilio's records, so it hides
    the body from the API and leaves it on the phone.
    """

    sid: str
    direction: str
    to: str
    from_: str | None
    body: str
    status: str
    segments: int
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None = None
    error_code: int | None = None
    messaging_service_sid: str | None = None
    status_callback: str | None = None
    validity_seconds: int | None = None
    is_redacted: bool = False
    plan: DeliveryPlan = USUAL_PLAN

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES


def new_sid() -> str:
    """Return a fresh message SID."""
    return f"SM{secrets.token_hex(16)}"


def to_record(message: Message) -> dict[str, Any]:
    """Return the JSON object a message is stored as."""
    # dataclasses.asdict copies deeply and is five times slower on this, the hot path.
    return {
        **vars(message),
        "created_at": message.created_at.isoformat(),
        "updated_at": message.updated_at.isoformat(),
        "sent_at": message.sent_at and message.sent_at.isoformat(),
        "plan": vars(message.plan),
    }


def from_record(record: dict[str, Any]) -> Message:
    """Return the message that :func:`to_record` stored."""
    times = {
        name: record[name] and datetime.fromisoformat(record[name])
        for name in ("created_at", "updated_at", "sent_at")
    }
    return Message(**{**record, **times, "plan": DeliveryPlan(**record["plan"])})


def message_resource(message: Message, *, account_sid: str) -> dict[str, object]:
    """Return the Message resource as Twilio's REST API prints it."""
    uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{message.sid}"
    was_charged = message.sent_at is not None and message.direction != "inbound"
    return {
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "body": "" if message.is_redacted else message.body,
        "date_created": _print_date(message.created_at),
        "date_sent": _print_date(message.sent_at),
        "date_updated": _print_date(message.updated_at),
        "direction": message.direction,
        "error_code": message.error_code,
        "error_message": message.error_code and DELIVERY_ERRORS.get(message.error_code),
        "from": message.from_,
        "messaging_service_sid": message.messaging_service_sid,
        "num_media": "0",
        # A messaging service has not chosen its sender yet, so Twilio has not counted either.
        "num_segments": "0" if message.status == "accepted" else str(message.segments),
        "price": f"-{message.segments * PRICE_PER_SEGMENT:.5f}" if was_charged else None,
        "price_unit": "USD",
        "sid": message.sid,
        "status": message.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": message.to,
        "uri": f"{uri}.json",
    }


def _print_date(moment: datetime | None) -> str | None:
    return None if moment is None else format_datetime(moment.astimezone(UTC))
