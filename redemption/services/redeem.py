"""From a code to a card: the one service behind every door.

The work is done by the database function ``redemption_redeem``, in one statement and so in one
transaction; this module prepares what it needs, rings the bell after the commit and turns what
it returns or raises into our own words. See ``redemption/sql/redeem.sql``.
"""

import dataclasses
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import DatabaseError, OperationalError

from alerts.codes import ErrorCode
from alerts.errors import (
    DatabaseRefusalError,
    ServiceError,
    from_database_error,
    raised_by_database,
)
from alerts.keyring import digest
from alerts.statements import call_function
from alerts.transactions import durable
from credit.services.idempotency import (
    KeyAnsweredError,
    KeyClaim,
    StillRunningError,
    key_parameters,
)
from credit.services.ledger import InsufficientCreditError
from giftcards.providers import configured_providers
from giftcards.selectors.card_facts import CardFacts
from redemption.codes import normalise_code
from redemption.models import Redemption
from redemption.services.approvals import NotApprovedError
from redemption.services.budgets import follow_charge, follow_refusal
from redemption.services.fulfilment import follow_order
from redemption.services.links import REVEAL_LINK_DAYS, derive_reveal_token, digest_of_token
from redemption.services.opt_ins import ask_for_opt_in
from redemption.services.preflight import report_turned_away
from redemption.services.second_factor import VOUCHED, SecondFactorError, Verification, prove
from redemption.services.stock_alerts import alert_not_configured, alert_out_of_stock
from redemption.services.traces import NO_CARD_AVAILABLE, record_refusal
from sms.queue import ring_bell

log = structlog.get_logger()

Method = Literal["sms", "email", "none"]


@raised_by_database
@dataclasses.dataclass(eq=False, kw_only=True)
class UnknownCodeError(ServiceError):
    """No recipient has this code, or not within what the caller may see."""

    code: ClassVar = ErrorCode.UNKNOWN_CODE


@raised_by_database
@dataclasses.dataclass(eq=False, kw_only=True)
class AlreadyProvisionedError(ServiceError):
    """This recipient has their reward for this condition, or it is on its way."""

    code: ClassVar = ErrorCode.ALREADY_REDEEMED
    answer_fields: ClassVar = ("redemption_id",)

    redemption_id: UUID
    state: str


@raised_by_database
@dataclasses.dataclass(eq=False, kw_only=True)
class OutOfStockError(ServiceError):
    """No card anywhere, in a campaign that does not queue."""

    code: ClassVar = ErrorCode.OUT_OF_STOCK


@raised_by_database
@dataclasses.dataclass(eq=False, kw_only=True)
class ProviderNotConfiguredError(ServiceError):
    """The pool lives from a provider alone, and nobody has set one up."""

    code: ClassVar = ErrorCode.PROVIDER_NOT_CONFIGURED

    pool_id: UUID
    client_id: UUID


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Where the reward is sent; ``to`` is E.164 for a text, an address for e-mail."""

    method: Method
    to: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, through which door, and whose campaigns they may redeem in.

    :param actor: how the records name them: ``customer``, ``user:<id>``, ``key:<id>``, ``system``.
    :param vouches: they know the person, who need not show a second factor; so do the desk, where
        an agent compares it by voice, and the CRM whatever is said here.
    :param browser_digest: the browser that redeems, on the web: it is shown the card again.
    """

    door: Redemption.Door
    actor: str
    request_id: str
    scope_kind: Literal["platform", "agency", "client"] = "platform"
    scope_id: UUID | None = None
    ip_address: str | None = None
    user_agent: str = ""
    browser_digest: bytes | None = None
    vouches: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RedeemResult:
    """What became of it; amounts in minor units.

    ``state`` is ``issued`` (then ``card`` is there, but for a test code), ``provisioning`` (a
    card is being bought; with ``is_ordered`` since just now, so that ``await_card`` makes sense)
    or one of the waiting ones (then ``reason_code`` says why). ``reveal_token`` is the secret of
    the link to the card.
    """

    redemption_id: UUID
    state: str
    reason_code: str
    client_id: UUID
    campaign_id: UUID
    recipient_id: UUID
    condition_number: int
    is_test: bool
    source: str
    face_value_minor: int
    charged_minor: int | None
    currency: str
    balance_minor: int | None
    brand_name: str
    card: CardFacts | None
    message_id: UUID | None
    contact: Contact
    reveal_token: str | None
    created_at: datetime
    issued_at: datetime | None
    is_ordered: bool


_KNOW_THE_PERSON = frozenset({Redemption.Door.DESK, Redemption.Door.CRM})
_COLUMNS = (
    "redemption_id", "state", "reason_code", "client_id", "campaign_id", "recipient_id",
    "condition_number", "is_test", "source", "face_value_minor", "charged_minor", "currency",
    "balance_minor", "brand_name", "brand_redemption_url", "card_id", "code_encrypted",
    "pin_encrypted", "number_encrypted", "url_encrypted", "last4", "expires_on", "message_id",
    "created_at", "issued_at", "is_ordered",
)  # fmt: skip
_CALL = (
    f"SELECT {', '.join(_COLUMNS)} FROM redemption_redeem("  # noqa: S608  constants only
    "%s, %s, %s, %s::integer, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::text[], "
    "%s, %s, %s::inet, %s, %s, %s, %s, %s)"
)


@durable
def redeem(
    *,
    caller: Caller,
    contact: Contact,
    now: datetime,
    code: str | None = None,
    recipient_id: UUID | None = None,
    condition_number: int | None = None,
    verification: Verification | None = None,
    disclose: bool = False,
    resume: bool = False,
    key: KeyClaim | None = None,
) -> RedeemResult:
    """Give the holder of a redemption code the card it is worth, once.

    A repeat finds the first one: :class:`AlreadyProvisionedError` carries its id, and what only
    waits is returned again under the same id. With ``key`` a repeat of the same request raises
    :class:`KeyAnsweredError`, whose record the caller prints anew.

    :param code: as it was typed; else ``recipient_id`` names the recipient.
    :param condition_number: may be left out where the campaign has one condition.
    :param verification: what they say about themselves, where the campaign asks for more than a
        code: see ``second_factor``.
    :param disclose: the answer will show the card's code, so mark it as seen in the same
        transaction (Note [Disclosure]).
    :param resume: serve what has been waiting, with the contact it was asked with.
    :raises UnknownCodeError: GC-011.
    :raises AlreadyProvisionedError: GC-010.
    :raises SecondFactorError: it was not shown, or was wrong (GC-009).
    :raises CapReachedError: GC-105.
    :raises ServiceError: whatever else of the catalogue speaks against it; nothing was written.
    """
    new_id = uuid4()
    token = derive_reveal_token(redemption_id=new_id, version=1)
    parameters = (
        new_id,
        None if code is None else digest(normalise_code(code), purpose="redemption_code"),
        recipient_id,
        condition_number,
        caller.scope_kind,
        caller.scope_id,
        str(caller.door),
        caller.actor,
        contact.method,
        contact.to,
        disclose,
        resume,
        VOUCHED
        if caller.vouches or caller.door in _KNOW_THE_PERSON
        else prove(verification, code=code, recipient_id=recipient_id),
        uuid4(),
        digest_of_token(token),
        now + timedelta(days=REVEAL_LINK_DAYS),
        now + timedelta(seconds=settings.CALL_BACK_WITHIN),
        now + timedelta(seconds=settings.REWARD_WITHIN),
        configured_providers(),
        caller.browser_digest,
        caller.request_id,
        caller.ip_address,
        caller.user_agent[:300],
        *key_parameters(key),
        now,
    )
    try:
        row = _call(parameters)
    except DatabaseError as error:
        refusal = _refusal_from(error)
        if refusal is None:
            raise
        if isinstance(refusal, SecondFactorError):
            refusal.complete(verification)
        if isinstance(refusal, ServiceError) and not isinstance(refusal, UnknownCodeError):
            _follow_refusal(refusal, request_id=caller.request_id, now=now)
        if isinstance(refusal, OutOfStockError):
            report_turned_away(
                code=code, recipient_id=recipient_id, condition_number=condition_number, now=now
            )
        raise refusal from error
    _follow_result(row, is_new=row["redemption_id"] == new_id, now=now)
    log.info(
        "[PROVISION] Success" if row["state"] == "issued" else "[PROVISION] Waiting",
        redemption_id=str(row["redemption_id"]),
        state=row["state"],
        reason=row["reason_code"],
        door=str(caller.door),
    )
    return _to_result(row, contact=contact)


def _call(parameters: tuple[Any, ...]) -> dict[str, Any]:
    # Autocommit: the statement is the transaction, and its commit is over when it returns.
    return dict(zip(_COLUMNS, call_function(_CALL, parameters), strict=True))


def _follow_result(row: dict[str, Any], *, is_new: bool, now: datetime) -> None:
    """Do what comes after the commit; a reward that is given or waits stays so whatever fails."""
    if row["message_id"] is not None:
        ring_bell("sms.tasks.send_messages")
    if row["balance_minor"] is not None:
        follow_charge(
            campaign_id=row["campaign_id"],
            charged_minor=row["charged_minor"],
            balance_minor=row["balance_minor"],
            now=now,
        )
    if row["is_ordered"]:
        follow_order(redemption_id=row["redemption_id"], now=now)
    if row["state"] == "waiting_stock" and is_new:
        log.warning(NO_CARD_AVAILABLE, redemption_id=str(row["redemption_id"]))
        # The notice that it takes longer.
        ring_bell("sms.tasks.send_messages")
        alert_out_of_stock(
            campaign_id=row["campaign_id"], condition_number=row["condition_number"], now=now
        )
    if row["state"] == "waiting_opt_in":
        ask_for_opt_in(redemption_id=row["redemption_id"], now=now)


def _follow_refusal(refusal: ServiceError, *, request_id: str, now: datetime) -> None:
    record_refusal(error=refusal, step="redeem", request_id=request_id, now=now)
    if isinstance(refusal, InsufficientCreditError) and refusal.account_id is not None:
        follow_refusal(account_id=refusal.account_id, now=now)
    if isinstance(refusal, ProviderNotConfiguredError):
        alert_not_configured(pool_id=refusal.pool_id, client_id=refusal.client_id, now=now)


def _refusal_from(error: DatabaseError) -> ServiceError | KeyAnsweredError | None:
    sqlstate = getattr(error.__cause__, "sqlstate", None)
    if sqlstate == KeyAnsweredError.SQLSTATE:
        return KeyAnsweredError()
    if isinstance(error, OperationalError) and sqlstate == StillRunningError.LOCK_NOT_AVAILABLE:
        return StillRunningError()
    refusal = from_database_error(error)
    if isinstance(refusal, DatabaseRefusalError) and refusal.details.get("approval") == "rejected":
        return NotApprovedError()
    return refusal


def _to_result(row: dict[str, Any], *, contact: Contact) -> RedeemResult:
    card = token = None
    if row["state"] == "issued":
        # Not always the id made here: what has been waiting keeps its own.
        token = derive_reveal_token(redemption_id=row["redemption_id"], version=1)
    if row["card_id"] is not None:
        card = CardFacts(
            card_id=row["card_id"],
            brand=row["brand_name"],
            redemption_url=row["brand_redemption_url"],
            value_minor=row["face_value_minor"],
            currency=row["currency"],
            code_encrypted=row["code_encrypted"],
            pin_encrypted=row["pin_encrypted"],
            number_encrypted=row["number_encrypted"],
            url_encrypted=row["url_encrypted"],
            last4=row["last4"],
            expires_on=row["expires_on"],
        )
    fields = {name: row[name] for name in _RESULT_FIELDS}
    return RedeemResult(
        **fields,
        reason_code=row["reason_code"] or "",
        source=row["source"] or "",
        card=card,
        contact=contact,
        reveal_token=token,
    )


_RESULT_FIELDS = (
    "redemption_id", "state", "client_id", "campaign_id", "recipient_id", "condition_number",
    "is_test", "face_value_minor", "charged_minor", "currency", "balance_minor", "brand_name",
    "message_id", "created_at", "issued_at", "is_ordered",
)  # fmt: skip
