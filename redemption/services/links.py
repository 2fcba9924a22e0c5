"""Links that show a card: made, found, bound to a browser, replaced."""

from uuid import UUID

from alerts.keyring import derive_token, digest

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
