"""Opt-outs of people whose data were erased.

Note [Kept opt-outs]
Who has said STOP and is then erased must not be texted when a client brings their number again:
the opt-out outlives its number, as a keyed digest that says nothing to who can't name the number.
Wherever a number's consent is written, asked for or looked at before a text goes out, a digest
that fits is first turned back into the opt-out that it stands for. From there on everything is as
if it had never gone: the person's own START ends it, and nobody else's word does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import connection

from alerts.keyring import digest
from alerts.transactions import durable, transaction, transaction_required
from sms.models import KeptOptOut, MessageTemplate
from sms.services.claims import Claim, Task

_PURPOSE: Final = "kept_opt_out"
# The person's own word that came after is newer; anybody else's counts for nothing.
_RESTORE: Final = """
    WITH kept AS (DELETE FROM sms_keptoptout WHERE phone_digest = %(digest)s
        RETURNING client_id, opted_out_at)
    INSERT INTO sms_optin AS held
        (client_id, phone, state, text_shown, way, actor, reason, changed_at)
    SELECT client_id, %(phone)s, 'revoked', '', 'kept from before an erasure', 'recipient', '',
        opted_out_at FROM kept
    ON CONFLICT (client_id, phone) DO UPDATE SET state = EXCLUDED.state,
        text_shown = EXCLUDED.text_shown, way = EXCLUDED.way, actor = EXCLUDED.actor,
        reason = EXCLUDED.reason, changed_at = EXCLUDED.changed_at
    WHERE held.actor <> 'recipient' OR held.changed_at <= EXCLUDED.changed_at
    RETURNING client_id
"""


def digest_of_phone(phone: str) -> bytes:
    """Return what stands for a number that may not be kept."""
    return digest(phone, purpose=_PURPOSE)


@transaction_required
def restore_opt_outs(*, phone: str) -> set[UUID]:
    """Write down anew what a number has opted out of; return of which clients' texts.

    Once: a second call finds nothing left to restore.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RESTORE, {"digest": digest_of_phone(phone), "phone": phone})
        return {client_id for (client_id,) in cursor.fetchall()}


@durable
def heed_kept_opt_outs(claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims, marked where the person has opted out before they were erased."""
    phones = {
        digest_of_phone(claim.to): claim.to
        for claim in claims
        if claim.task is Task.SEND and claim.channel == MessageTemplate.Channel.SMS
    }
    if not phones:
        return list(claims)
    kept = KeptOptOut.objects.filter(phone_digest__in=list(phones))
    stopped: set[tuple[UUID, str]] = set()
    for found in sorted({bytes(one) for one in kept.values_list("phone_digest", flat=True)}):
        phone = phones[found]
        with transaction():
            stopped |= {(client_id, phone) for client_id in restore_opt_outs(phone=phone)}
    return [
        dataclasses.replace(claim, is_opted_out=True)
        if (claim.client_id, claim.to) in stopped
        else claim
        for claim in claims
    ]


def kept_opt_outs(*, phone: str) -> set[UUID]:
    """Return the clients whose texts a number has opted out of, as far as only digests tell."""
    kept = KeptOptOut.objects.filter(phone_digest=digest_of_phone(phone))
    return set(kept.values_list("client_id", flat=True))
