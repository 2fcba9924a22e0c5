"""People whom somebody uploads: into which campaign, how many at once, and the way back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import BinaryIO, ClassVar, Final
from uuid import UUID

from django.db import IntegrityError, connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.services.imports import ROWS_AT_ONCE, ImportReport, Mode
from alerts.transactions import durable, transaction, transaction_required
from credit.selectors.viewers import Viewer
from credit.services.audit import record_event
from credit.services.idempotency import KeyClaim
from redemption.models import Campaign, RecipientBatch, Redemption
from redemption.services.imports import import_recipients

# Later the letters may be in the post.
UNDO_WITHIN: Final = timedelta(hours=24)
# What a partner's key needs to bring people in.
_SCOPE: Final = "recipients:write"
_FOREIGN_KEY: Final = "23503"


@dataclasses.dataclass(eq=False, kw_only=True)
class CampaignNotFoundError(ServiceError):
    """No such campaign, or not one of the viewer's."""

    code: ClassVar = ErrorCode.NOT_FOUND
    campaign_id: UUID


@dataclasses.dataclass(eq=False, kw_only=True)
class PeopleNotUndoableError(ServiceError):
    """The upload can't be undone; ``reason`` is a sentence that says why."""

    code: ClassVar = ErrorCode.STATE_FORBIDS
    reason: str


def find_campaign_to_fill(*, viewer: Viewer, campaign_id: UUID) -> Campaign:
    """Return a campaign to which the viewer may add people.

    :raises CampaignNotFoundError: there is none, or it is not the viewer's to fill (GC-111).
    """
    uploader = viewer if _SCOPE in viewer.scopes else viewer.as_manager()
    try:
        return Campaign.objects.select_related("client").get(
            uploader.client_filter(), pk=campaign_id
        )
    except Campaign.DoesNotExist:
        raise CampaignNotFoundError(campaign_id=campaign_id) from None


@durable
def upload_recipients(
    *,
    viewer: Viewer,
    campaign_id: UUID,
    source: BinaryIO,
    file_name: str,
    mode: Mode,
    dry_run: bool,
    now: datetime,
    mapping: Mapping[str, str] | None = None,
    first_line: int = 1,
    claim: KeyClaim | None = None,
) -> ImportReport:
    """Add the people of a file to one of the viewer's campaigns: ``import_recipients`` for people.

    A repeat with the same claim raises ``KeyAnsweredError``, and the same file without one is
    refused, so nobody gets a second code.

    :raises CampaignNotFoundError: the campaign is not the viewer's to fill (GC-111).
    :raises FileTooLargeError: there are more than 10,000 rows (GC-116).
    :raises ServiceError: anything else that ``import_recipients`` raises; also for a campaign that
        has ended (GC-012).
    """
    campaign = find_campaign_to_fill(viewer=viewer, campaign_id=campaign_id)
    if campaign.status == Campaign.Status.ENDED:
        words = "This campaign has ended: nobody new can redeem in it."
        raise ValidationFailedError(errors={"campaign": [words]})
    # Whether a code is taken is asked of all campaigns, whoever's they are.
    with seeing(EVERYTHING):
        return import_recipients(
            campaign=campaign,
            source=source,
            file_name=file_name,
            mode=mode,
            dry_run=dry_run,
            actor=viewer.actor,
            now=now,
            mapping=mapping,
            max_rows=ROWS_AT_ONCE,
            first_line=first_line,
            claim=claim,
        )


@seeing(EVERYTHING)
@durable
def undo_recipients(*, batch_id: UUID, actor: str, now: datetime) -> int:
    """Remove all people of an upload with their codes; return how many they were.

    All of them or none: within a day, and only while nobody of them has redeemed, or called.
    Then the same file can come again. A repeat is refused.

    :raises PeopleNotUndoableError: it is no import, too long ago or in use (GC-115).
    """
    with transaction():
        batch = (
            RecipientBatch.objects.select_for_update(of=("self",))
            .select_related("client")
            .get(pk=batch_id)
        )
        if batch.state != RecipientBatch.State.IMPORTED or not batch.accepted:
            raise PeopleNotUndoableError(reason="There is nothing to undo.")
        if now - batch.created_at > UNDO_WITHIN:
            words = "It was imported more than 24 hours ago. Its codes may be on their way."
            raise PeopleNotUndoableError(reason=words)
        removed = _remove(batch)
        RecipientBatch.objects.filter(pk=batch.pk).update(state=RecipientBatch.State.UNDONE)
        record_event(
            actor=actor,
            action="recipients.upload_undone",
            object_kind="recipientbatch",
            object_id=batch.pk,
            now=now,
            before={"campaign_id": str(batch.campaign_id), "recipients": removed},
            owner=batch.client,
        )
    return removed


@transaction_required
def _remove(batch: RecipientBatch) -> int:
    used = Redemption.objects.filter(recipient__batch=batch).values("recipient").distinct().count()
    if used:
        words = f"{used:,} of these people have redeemed already, so nothing was undone."
        raise PeopleNotUndoableError(reason=words)
    try:
        with connection.cursor() as cursor:
            # Who redeems at this moment wins: the foreign key says so here, and not at commit.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("DELETE FROM redemption_recipient WHERE batch_id = %s", [batch.pk])
            return int(cursor.rowcount)
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", None) != _FOREIGN_KEY:
            raise
        words = "Some of these people have redeemed or called already, so nothing was undone."
        raise PeopleNotUndoableError(reason=words) from error
