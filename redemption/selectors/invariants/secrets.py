"""What is encrypted can be read with the keys at hand, and codes are found by what they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from alerts.keyring import DecryptionError, decrypt, digester
from alerts.selectors.invariants import Invariant, Reader
from alerts.selectors.secret_rows import read_secrets


def look_at_codes(read: Reader, *, whole: bool) -> Iterator[str]:
    """Yield the recipients whose code can't be opened, or is not the one they are found by."""
    digest = digester(purpose="redemption_code")
    rows = read_secrets(
        read,
        table="redemption_recipient",
        columns=("code_digest", "code_last4", "code_encrypted"),
        whole=whole,
        # Of who was forgotten the code is gone.
        where="erased_at IS NULL AND code_encrypted <> ''",
    )
    for recipient_id, code_digest, last4, sealed in rows:
        try:
            code = decrypt(sealed, context="redemption_recipient.code")
        except DecryptionError:
            yield str(recipient_id)
            continue
        if digest(code) != bytes(code_digest) or code[-4:] != last4:
            yield str(recipient_id)


def look_at_sources(read: Reader, *, whole: bool) -> Iterator[str]:  # noqa: ARG001  all: they are few
    """Yield the event sources whose secret can't be opened."""
    rows = read_secrets(
        read,
        table="redemption_eventsource",
        columns=("secret_encrypted", "previous_secret_encrypted"),
        whole=True,
    )
    for source_id, secret, previous in rows:
        try:
            decrypt(secret, context="redemption_eventsource.secret")
            if previous:
                decrypt(previous, context="redemption_eventsource.previous_secret")
        except DecryptionError:
            yield str(source_id)


SECRETS: Final = (
    Invariant(
        name="canaries-are-nobodys",
        sentence="No recipient has the code of a canary.",
        things="canary",
        query="""
            SELECT c.id FROM redemption_canary c
            JOIN redemption_recipient p ON p.code_digest = c.code_digest
            WHERE c.retired_at IS NULL""",
    ),
    Invariant(
        name="redemption-codes-open",
        sentence="A redemption code can be decrypted, and is the one that its holder is found by.",
        things="recipient",
        look=look_at_codes,
    ),
    Invariant(
        name="event-secrets-open",
        sentence="The secret of every CRM can be decrypted.",
        things="event source",
        look=look_at_sources,
    ),
)
