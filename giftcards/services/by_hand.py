"""A few cards typed in by hand, when stock is needed now: they go through the one importer."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from alerts.errors import ValidationFailedError
from alerts.services.imports import ImportReport
from alerts.transactions import durable
from credit.selectors.viewers import Viewer
from giftcards.models import GiftCard
from giftcards.services.card_rows import FIELDS
from giftcards.services.uploads import upload_cards

MOST_BY_HAND: Final = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TypedCard:
    """A card as somebody typed it; the importer checks it."""

    code: str = ""
    pin: str = ""
    number: str = ""
    expires_on: str = ""


@durable
def add_by_hand(
    *, viewer: Viewer, pool_id: UUID, cards: Sequence[TypedCard], now: datetime
) -> ImportReport:
    """Bring typed cards into a pool: all of them or none; lines left empty are passed over.

    The report's lines are the cards' places, from 1; it is ``previewed`` when something is wrong,
    and nothing was written then. The same cards again are refused as a file
    that came before, so a repeat adds nothing.

    :raises ValidationFailedError: there is no card, or there are more than 20 (GC-012).
    :raises ServiceError: whatever else ``upload_cards`` raises.
    """
    if not 1 <= len(cards) <= MOST_BY_HAND:
        raise ValidationFailedError(
            errors={"cards": [f"Type 1 to {MOST_BY_HAND} cards; for more, upload a file."]}
        )
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(FIELDS)
    writer.writerows(dataclasses.astuple(card) for card in cards)
    content = text.getvalue().encode("utf-8", "replace")

    def upload(*, dry_run: bool) -> ImportReport:
        return upload_cards(
            viewer=viewer,
            pool_id=pool_id,
            source=io.BytesIO(content),
            file_name="added by hand",
            mode="all_or_nothing",
            dry_run=dry_run,
            now=now,
            first_line=0,
            card_source=GiftCard.Source.MANUAL,
        )

    # A slip of the finger is no refused upload to be listed for good.
    report = upload(dry_run=True)
    return report if report.rejected else upload(dry_run=False)
