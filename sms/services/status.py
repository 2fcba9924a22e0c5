"""What the provider calls in about a message: late, twice, out of order, before its answer."""

import dataclasses
from datetime import datetime
from typing import ClassVar
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.tracing import tracing
from alerts.transactions import durable, transaction, transaction_required
from sms.providers import ProviderText
from sms.selectors.policies import load_policies
from sms.services.outcomes import apply_answers, follow_up
from sms.services.records import lock_standings
from sms.services.standing import Answer, Finding, Rules

log = structlog.get_logger()


@dataclasses.dataclass(eq=False, kw_only=True)
class UnknownMessageError(ServiceError):
    """The provider reports about a message that is not ours."""

    code: ClassVar = ErrorCode.NOT_FOUND

    message_id: UUID


@seeing(EVERYTHING)
@durable
def record_status_report(
    *, message_id: UUID, provider_id: str, status: str, error_code: str, now: datetime
) -> bool:
    """Keep a report of the provider and move the message on; return whether it was news.

    The same report twice is one. One that comes late or out of order is kept and changes
    nothing it may not (Note [Only forward]).

    :param status: in the provider's words.
    :raises UnknownMessageError: GC-111.
    """
    rules = Rules(load_policies(), settings.SMS_RETRY_SCHEDULE)
    report = Answer(
        message_id=message_id,
        finding=Finding.REPORTED,
        at=now,
        text=ProviderText(provider_id=provider_id, status=status, error_code=error_code),
    )
    with transaction():
        standings = lock_standings([message_id])
        if not standings:
            raise UnknownMessageError(message_id=message_id)
        if not _keep(report):
            return False
        moved = apply_answers(standings=standings, answers=[report], rules=rules, now=now)
    with tracing(standings[message_id].request_id):
        log.info("[TWILIO] Status", message_id=str(message_id), status=status, code=error_code)
    follow_up(moved=moved, rules=rules, now=now)
    return True


@transaction_required
def _keep(report: Answer) -> bool:
    """Insert the report; return False when it is there already."""
    if report.text is None:
        raise ValueError("a report has its text")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sms_statusevent (message_id, provider_id, status, error_code,"
            " received_at) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (provider_id, status) DO NOTHING",
            [
                report.message_id,
                report.text.provider_id,
                report.text.status,
                report.text.error_code,
                report.at,
            ],
        )
        return bool(cursor.rowcount)
