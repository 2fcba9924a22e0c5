"""Take back the people of an upload, from the command line: also of one too large for a page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from redemption.models import RecipientBatch
from redemption.services.recipient_uploads import PeopleNotUndoableError, undo_recipients


class Command(BaseCommand):
    help = (
        "Removes all people of an upload with their codes: all or nobody, within 24 hours, and"
        " only while none of them has redeemed or called."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("upload", type=UUID, help="The upload's id, as its page shows it.")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            count = undo_recipients(
                batch_id=options["upload"], actor="command", now=datetime.now(UTC)
            )
        except RecipientBatch.DoesNotExist:
            raise CommandError("There is no such upload.") from None
        except PeopleNotUndoableError as error:
            raise CommandError(error.reason) from error
        self.stdout.write(f"{count:,} people were removed again.")
