"""A card's secrets: sealed when it comes in, opened for the one who may see it."""

from collections.abc import Callable
from typing import NamedTuple

from alerts.keyring import decrypt, digester, encryptor

_TABLE = "giftcards_giftcard"


class SealedCode(NamedTuple):
    """A code as it is stored: encrypted, findable by its keyed digest, and its end in plain."""

    encrypted: str
    digest: bytes
    last4: str


def seal_code(code: str) -> SealedCode:
    """Encrypt a card's code. Codes that differ in case, spaces or dashes are the same code."""
    return code_sealer()(code)


def code_sealer() -> Callable[[str], SealedCode]:
    """Return :func:`seal_code` for many codes: the keys are looked up once."""
    encrypt, digest = encryptor(context=f"{_TABLE}.code"), digester(purpose="card_code")

    def seal_one(code: str) -> SealedCode:
        folded = "".join(filter(str.isalnum, code.upper()))
        return SealedCode(encrypt(code), digest(folded), folded[-4:])

    return seal_one


def seal_field(value: str, *, field: str) -> str:
    """Encrypt a card's ``pin``, ``number``, ``security_code`` or ``url``; empty stays empty."""
    return field_sealer(field)(value)


def field_sealer(field: str) -> Callable[[str], str]:
    """Return :func:`seal_field` for one field of many cards: the key is looked up once."""
    encrypt = encryptor(context=f"{_TABLE}.{field}")
    return lambda value: encrypt(value) if value else ""


def open_field(sealed: str, *, field: str) -> str:
    """Decrypt what :func:`seal_code` or :func:`seal_field` made; ``code`` is a field too.

    The caller has committed the card's disclosure: see Note [Disclosure].
    """
    return decrypt(sealed, context=f"{_TABLE}.{field}") if sealed else ""
