"""Asking a person whether a client may text them; the answer is a YES or a tap on a link."""

import dataclasses
import enum
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.keyring import derive_token, digest
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction, transaction_required
from sms.models import OptIn
from sms.queue import ring_bell
from sms.services.consents import OptedOutError, Proof, grant_consent
from sms.services.kept_opt_outs import restore_opt_outs

LINK_DAYS: Final = 30
_ASK: Final = """
    INSERT INTO sms_optin AS held
        (client_id, phone, state, way, actor, requested_at, link_digest, changed_at)
    VALUES (%(client_id)s, %(phone)s, 'requested', 'asked by text', %(actor)s, %(now)s,
        %(link_digest)s, %(now)s)
    ON CONFLICT (client_id, phone) DO UPDATE SET state = EXCLUDED.state, way = EXCLUDED.way,
        actor = EXCLUDED.actor, requested_at = EXCLUDED.requested_at,
        link_digest = EXCLUDED.link_digest, changed_at = EXCLUDED.changed_at
    WHERE held.state IN ('none', 'requested')
        AND (held.requested_at IS NULL OR held.requested_at <= %(ask_again_from)s)
    RETURNING id
"""


class Request(enum.Enum):
    """What became of the wish to ask."""

    ASKED = "asked"
    ASKED_BEFORE = "asked before"  # not long ago, and there is no answer yet
    GRANTED = "granted"  # there is nothing left to ask
    OPTED_OUT = "opted out"  # nobody may ask


@dataclasses.dataclass(eq=False, kw_only=True)
class RequestUnknownError(ServiceError):
    """The link leads nowhere."""

    code: ClassVar = ErrorCode.NOT_FOUND


@dataclasses.dataclass(eq=False, kw_only=True)
class RequestExpiredError(ServiceError):
    """The request is too old for its answer to be meant for it."""

    code: ClassVar = ErrorCode.CODE_EXPIRED


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpenRequest:
    """A request as the person who tapped its link sees it."""

    client_id: UUID
    client_name: str
    support_phone: str
    support_email: str
    phone: str = dataclasses.field(repr=False)
    is_granted: bool
    is_revoked: bool


def derive_opt_in_token(*, client_id: UUID, phone: str) -> str:
    """Return the secret of the link that grants a client a number: 22 characters."""
    return derive_token(f"{client_id}:{phone}", purpose="opt_in_link")


@transaction_required
def note_request(*, client_id: UUID, phone: str, actor: str, now: datetime) -> Request:
    """Note that a number is asked, unless it was lately, has agreed or wants no texts.

    Of several at once one is told ``ASKED``: who is, queues the text in the same transaction.
    """
    restore_opt_outs(phone=phone)
    token = derive_opt_in_token(client_id=client_id, phone=phone)
    with connection.cursor() as cursor:
        cursor.execute(
            _ASK,
            {
                "client_id": client_id,
                "phone": phone,
                "actor": actor,
                "now": now,
                "link_digest": _digest(token),
                "ask_again_from": now - timedelta(seconds=settings.OPT_IN_ASK_AGAIN),
            },
        )
        if cursor.fetchone() is not None:
            return Request.ASKED
    state = OptIn.objects.values_list("state", flat=True).get(client_id=client_id, phone=phone)
    return {OptIn.State.GRANTED: Request.GRANTED, OptIn.State.REVOKED: Request.OPTED_OUT}.get(
        OptIn.State(state), Request.ASKED_BEFORE
    )


@seeing(EVERYTHING)
def open_request(*, token: str, now: datetime) -> OpenRequest:
    """Return the request a link leads to; nothing is granted yet.

    :raises RequestUnknownError: there is none.
    :raises RequestExpiredError: it is too old.
    """
    opt_in = _find(token)
    is_old = opt_in.requested_at is None or opt_in.requested_at < now - timedelta(days=LINK_DAYS)
    if is_old and opt_in.state != OptIn.State.GRANTED:
        raise RequestExpiredError
    return OpenRequest(
        client_id=opt_in.client_id,
        client_name=opt_in.client.name,
        support_phone=opt_in.client.support_phone,
        support_email=opt_in.client.support_email,
        phone=opt_in.phone,
        is_granted=opt_in.state == OptIn.State.GRANTED,
        is_revoked=opt_in.state == OptIn.State.REVOKED,
    )


@seeing(EVERYTHING)
@durable
def grant_by_link(*, token: str, text_shown: str, now: datetime) -> None:
    """Record that the person agreed on the link's page. Safe to repeat: the first proof stays.

    :param text_shown: the words above the button.
    :raises RequestUnknownError: see :func:`open_request`, as for the other.
    :raises OptedOutError: the person has said STOP, which only a text of theirs takes back,
        since the provider blocks the number until then (GC-115).
    """
    open_request(token=token, now=now)
    with transaction():
        opt_in = _find(token, lock=True)
        if opt_in.state == OptIn.State.REVOKED:
            raise OptedOutError(client_id=opt_in.client_id)
        if opt_in.state == OptIn.State.GRANTED:
            return
        grant_consent(
            client_ids=[opt_in.client_id],
            phone=opt_in.phone,
            proof=Proof(way="link", text_shown=text_shown),
            now=now,
        )
    ring_bell(settings.OPT_IN_TASK)


def _find(token: str, *, lock: bool = False) -> OptIn:
    opt_ins = OptIn.objects.select_related("client")
    if lock:
        opt_ins = opt_ins.select_for_update(no_key=True, of=("self",))
    try:
        return opt_ins.get(link_digest=_digest(token))
    except OptIn.DoesNotExist:
        raise RequestUnknownError from None


def _digest(token: str) -> bytes:
    return digest(token, purpose="opt_in_token")
