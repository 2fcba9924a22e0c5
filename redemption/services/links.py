"""Links that show a card: made, found, bound to a browser, replaced."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from alerts.keyring import derive_token, digest
from alerts.transactions import transaction_required
from redemption.models import Redemption, RevealLink

REVEAL_LINK_DAYS = 90


def derive_reveal_token(*, redemption_id: UUID, version: int) -> str:
    """Return the secret of a redemption's link: 128 bits, 22 characters fit for an address.

    It is derived and not stored, so that it can be printed into a text at any time while the
    database holds nothing that opens the link.
    """
    return derive_token(f"{redemption_id}:{version}", purpose="reveal_link")


def digest_of_token(token: str) -> bytes:
    """Return the 32 bytes by which a link's row is found."""
    return digest(token, purpose="reveal_token")


@transaction_required
def renew_link(redemption: Redemption, *, now: datetime) -> None:
    """Let a new link lead to a locked redemption's card, and no other one any more."""
    links = RevealLink.objects.filter(redemption=redemption)
    links.filter(revoked_at=None).update(revoked_at=now)
    version = max(links.values_list("version", flat=True), default=0) + 1
    token = derive_reveal_token(redemption_id=redemption.pk, version=version)
    RevealLink.objects.create(
        token_digest=digest_of_token(token),
        redemption=redemption,
        version=version,
        expires_at=now + timedelta(days=REVEAL_LINK_DAYS),
        created_at=now,
    )


def when_renewed(redemption_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Return since when the latest link leads to a card, of those whose link was ever renewed.

    A message that was promised before brings another card, or goes to another address: it must
    not carry the new link, and what became of it says nothing about the reward as it is now.
    """
    return dict(
        RevealLink.objects.filter(redemption_id__in=redemption_ids, version__gt=1)
        .order_by("redemption_id", "-version")
        .distinct("redemption_id")
        .values_list("redemption_id", "created_at")
    )
