"""Secrets at rest: encryption that can change keys, and keyed digests to find them again.

A secret is encrypted with AES-256-GCM under the newest of ``CARD_ENCRYPTION_KEYS`` and names its
key, so that older keys go on decrypting while a job writes everything anew. The nonce is random
96 bits: change the key before it has written 2**32 secrets.

Digests hang on ``CODE_DIGEST_KEY``, which is not rotated: a new one would find no code again.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import os
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_VERSION: Final = "v1"
_NONCE_BYTES: Final = 12
_TOKEN_BYTES: Final = 16


class DecryptionError(Exception):
    """A stored secret can't be read; the message says why, without anything of the secret."""


def encrypt(text: str, *, context: str) -> str:
    """Encrypt ``text`` as ``v1:key_id:nonce:ciphertext``.

    :param context: where it is kept, ``"giftcards_giftcard.code"``. It must be the same when
        decrypting, so that a secret copied into another column is refused.
    """
    return encryptor(context=context)(text)


def encryptor(*, context: str) -> Callable[[str], str]:
    """Return :func:`encrypt` for one context, for many texts: the key is looked up once."""
    key_id, cipher = _newest_key()
    start = f"{_VERSION}:{key_id}:"
    data = context.encode()

    def encrypt_one(text: str) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = cipher.encrypt(nonce, text.encode(), data)
        return f"{start}{_to_base64(nonce)}:{_to_base64(ciphertext)}"

    return encrypt_one


def decrypt(token: str, *, context: str) -> str:
    """Return the text that ``encrypt`` was given.

    :raises DecryptionError: it was not made by ``encrypt``, was changed, belongs to another
        context, or its key is no longer in ``CARD_ENCRYPTION_KEYS``.
    """
    # Every error is raised "from None": the causes may quote the data.
    try:
        version, key_id, nonce, ciphertext = token.split(":")
        raw_nonce, raw_ciphertext = _from_base64(nonce), _from_base64(ciphertext)
    except ValueError:
        raise DecryptionError(f"{context}: not an encrypted value") from None
    if version != _VERSION or len(raw_nonce) != _NONCE_BYTES:
        raise DecryptionError(f"{context}: not an encrypted value")
    cipher = _ciphers(tuple(settings.CARD_ENCRYPTION_KEYS)).get(key_id)
    if cipher is None:
        raise DecryptionError(f"{context}: its key is not in CARD_ENCRYPTION_KEYS")
    try:
        return cipher.decrypt(raw_nonce, raw_ciphertext, context.encode()).decode()
    except InvalidTag:
        raise DecryptionError(f"{context}: changed, or written for another place") from None


def is_under_newest_key(token: str) -> bool:
    """Tell whether ``token`` needs no writing anew after a change of keys."""
    return token.startswith(newest_start())


def newest_start() -> str:
    """Return what every token begins with that is written now: ``"v1:key_id:"``."""
    return f"{_VERSION}:{_newest_key()[0]}:"


def digest(text: str, *, purpose: str) -> bytes:
    """Return the keyed digest (32 bytes) under which ``text`` is looked up.

    :param purpose: separates uses: the same text has unrelated digests for two purposes.
    """
    return digester(purpose=purpose)(text)


def digester(*, purpose: str) -> Callable[[str], bytes]:
    """Return :func:`digest` for one purpose, for many texts: the key is looked up once."""
    key = _derive_key(settings.CODE_DIGEST_KEY, f"digest:{purpose}")

    def digest_one(text: str) -> bytes:
        # Half of a surrogate pair in somebody's JSON is no code of ours, but no crash either.
        return hmac.digest(key, text.encode(errors="surrogatepass"), "sha256")

    return digest_one


def derive_token(text: str, *, purpose: str) -> str:
    """Return the 22 URL-safe characters (128 bits) that stand for ``text``, always the same.

    Unguessable without the key, so a link made of it needs no secret stored beside its row.

    :param purpose: as for ``digest``; a token tells nothing about the digest of the same text.
    """
    key = _derive_key(settings.CODE_DIGEST_KEY, f"token:{purpose}")
    return _to_base64(hmac.digest(key, text.encode(), "sha256")[:_TOKEN_BYTES])


def _newest_key() -> tuple[str, AESGCM]:
    return next(iter(_ciphers(tuple(settings.CARD_ENCRYPTION_KEYS)).items()))


# Making a cipher costs ten times as much as using it. The keys themselves are what the caches go
# by, so a test's other settings are seen at once.
@functools.lru_cache(maxsize=8)
def _ciphers(keys: tuple[tuple[str, bytes], ...]) -> dict[str, AESGCM]:
    return {key_id: AESGCM(key) for key_id, key in keys}


@functools.lru_cache(maxsize=64)
def _derive_key(master_key: bytes, label: str) -> bytes:
    return hmac.digest(master_key, label.encode(), "sha256")


def _to_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _from_base64(part: str) -> bytes:
    """Read one part; every value has one spelling, so a changed character never goes unseen."""
    raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if _to_base64(raw) != part:
        raise binascii.Error("not canonical")
    return raw
