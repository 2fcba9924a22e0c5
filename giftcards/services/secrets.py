"""A card's secrets: sealed when it comes in, opened for the one who may see it."""

import dataclasses

from alerts.keyring import decrypt, digest, encrypt

_TABLE = "giftcards_giftcard"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SealedCode:
    """A code as it is stored: encrypted, findable by its keyed digest, and its end in plain."""

    encrypted: str
    digest: bytes
    last4: str


def seal_code(code: str) -> SealedCode:
    """Encrypt a card's code. Codes that differ in case, spaces or dashes are the same code."""
    folded = "".join(symbol for symbol in code.upper() if symbol.isalnum())
    return SealedCode(
        encrypted=encrypt(code, context=f"{_TABLE}.code"),
        digest=digest(folded, purpose="card_code"),
        last4=folded[-4:],
    )


def seal_field(value: str, *, field: str) -> str:
    """Encrypt a card's ``pin``, ``number``, ``security_code`` or ``url``; empty stays empty."""
    return encrypt(value, context=f"{_TABLE}.{field}") if value else ""


def open_field(sealed: str, *, field: str) -> str:
    """Decrypt what :func:`seal_code` or :func:`seal_field` made; ``code`` is a field too.

    The caller has committed the card's disclosure: see Note [Disclosure].
    """
    return decrypt(sealed, context=f"{_TABLE}.{field}") if sealed else ""
