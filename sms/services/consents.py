"""Recording what a person allows a client: see Note [Consent] in sms/sql/consent.sql.

Every function here is a block of its caller's transaction; the rows of one number are locked in
the order of their clients.
"""

import dataclasses
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from django.db import connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.transactions import transaction_required
from sms.models import OptIn
from sms.selectors.conversations import Conversation, text_shown_last
from sms.services.kept_opt_outs import restore_opt_outs

State = OptIn.State

RECIPIENT: Final = "recipient"
SYSTEM: Final = "system"
_WRITE: Final = """
    INSERT INTO sms_optin AS held
        (client_id, phone, state, text_shown, way, actor, reason, changed_at)
    SELECT client_id, %(phone)s, %(state)s, %(text_shown)s, %(way)s, %(actor)s, %(reason)s,
        %(now)s FROM unnest(%(client_ids)s::uuid[]) AS client_id
    ON CONFLICT (client_id, phone) DO UPDATE SET state = EXCLUDED.state,
        text_shown = EXCLUDED.text_shown, way = EXCLUDED.way, actor = EXCLUDED.actor,
        reason = EXCLUDED.reason, changed_at = EXCLUDED.changed_at
    WHERE held.state <> 'revoked' OR EXCLUDED.state = 'revoked'
        OR EXCLUDED.actor = 'recipient'
    RETURNING client_id
"""


@dataclasses.dataclass(eq=False, kw_only=True)
class OptedOutError(ServiceError):
    """The person has said STOP, which only they can take back."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    client_id: UUID


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How we know: what was read, in which way it was answered, by whom, and why."""

    way: str
    actor: str = RECIPIENT
    text_shown: str = ""
    reason: str = ""


@transaction_required
def revoke_consent(
    *, client_ids: Collection[UUID], phone: str, proof: Proof, now: datetime
) -> None:
    """Let none of these clients text a number any more."""
    _write(client_ids=client_ids, phone=phone, state=State.REVOKED, proof=proof, now=now)


@transaction_required
def grant_consent(*, client_ids: Collection[UUID], phone: str, proof: Proof, now: datetime) -> None:
    """Let these clients text a number.

    :raises OptedOutError: the person has opted out of one, and it is not they who ask (GC-115).
    """
    written = _write(client_ids=client_ids, phone=phone, state=State.GRANTED, proof=proof, now=now)
    for client_id in set(client_ids) - written:
        raise OptedOutError(client_id=client_id)


@transaction_required
def lock_opt_ins(*, phone: str) -> list[OptIn]:
    """Return the opt-ins of a number, locked until the end of the transaction."""
    restore_opt_outs(phone=phone)
    opt_ins = OptIn.objects.select_for_update(no_key=True).filter(phone=phone)
    return list(opt_ins.order_by("client_id"))


@transaction_required
def stop_texts(*, phone: str, conversations: Sequence[Conversation], now: datetime) -> None:
    """Record a STOP: for every client that has texted the number from there, however long ago,
    and for every other that may, since to the person all of them are one sender.
    """
    clients = {one.client_id for one in conversations}
    clients |= {opt_in.client_id for opt_in in lock_opt_ins(phone=phone)}
    revoke_consent(client_ids=clients, phone=phone, proof=Proof(way="text: STOP"), now=now)


@transaction_required
def start_texts(*, phone: str, conversations: Sequence[Conversation], now: datetime) -> set[UUID]:
    """Record a START; return the clients that may text the number from now on.

    These are the ones that were stopped or have asked; else the one that texted last. Who has
    not written lately, was not stopped and did not ask gets no right from it.
    """
    held = lock_opt_ins(phone=phone)
    clients = {one.client_id for one in held if one.state in (State.REVOKED, State.REQUESTED)}
    if not held and conversations:
        clients = {conversations[0].client_id}
    for client_id in clients:
        proof = Proof(
            way="text: START", text_shown=text_shown_last(client_id=client_id, phone=phone)
        )
        grant_consent(client_ids=[client_id], phone=phone, proof=proof, now=now)
    return clients


@transaction_required
def answer_request(*, phone: str, now: datetime) -> set[UUID]:
    """Record a YES to the request that was sent last; return the client that sent it, if any."""
    asked = [one for one in lock_opt_ins(phone=phone) if one.state == State.REQUESTED]
    if not asked:
        return set()
    latest = max(asked, key=lambda one: (one.requested_at is not None, one.requested_at))
    proof = Proof(
        way="text: YES", text_shown=text_shown_last(client_id=latest.client_id, phone=phone)
    )
    grant_consent(client_ids=[latest.client_id], phone=phone, proof=proof, now=now)
    return {latest.client_id}


def _write(
    *, client_ids: Collection[UUID], phone: str, state: str, proof: Proof, now: datetime
) -> set[UUID]:
    """Write an opt-in for each client; return for whom. An opt-out ends by the person's word."""
    restore_opt_outs(phone=phone)
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            {
                "client_ids": sorted(client_ids),
                "phone": phone,
                "state": state,
                "text_shown": proof.text_shown,
                "way": proof.way,
                "actor": proof.actor,
                "reason": proof.reason,
                "now": now,
            },
        )
        return {client_id for (client_id,) in cursor.fetchall()}
