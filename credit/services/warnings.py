"""Low balances: one warning each time an account falls below its threshold."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import connection
from django.db.models import QuerySet

from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import resolve_alert
from alerts.services.monitors import Finding, raise_finding
from alerts.services.webhook_events import cross_level, level_of
from alerts.transactions import durable, transaction, transaction_required
from credit.models import Account
from credit.money import display_amount
from credit.selectors.balances import balance_of
from credit.selectors.viewers import Viewer, viewing
from credit.services.audit import record_event
from credit.services.events import tell_account_low
from credit.services.transfers import AccountNotFoundError, check_amount

log = structlog.get_logger()

KIND: Final = "low_credit"
# What was told of an account last: also after somebody has closed the warning by hand.
_LOW: Final = "low"
_ENOUGH: Final = "enough"


@durable
def set_low_balance_threshold(
    *, viewer: Viewer, account_id: UUID, amount_minor: int | None, now: datetime
) -> None:
    """Say below which balance an account raises a warning; None: it raises none.

    The warning that the new threshold asks for is there at once, and one that it does not is
    gone.

    :raises AccountNotFoundError: GC-111, out of the viewer's sight, or not theirs to manage.
    :raises ValidationFailedError: the amount is not positive, or wider than the column.
    """
    if amount_minor is not None:
        check_amount(amount_minor)
    manager = viewer.as_manager()
    with viewing(manager), transaction():
        account = (
            Account.objects.select_for_update(no_key=True, of=("self",))
            .filter(manager.account_filter(), pk=account_id)
            .exclude(level=Account.Level.PLATFORM)
            .select_related("agency", "client")
            .first()
        )
        if account is None:
            raise AccountNotFoundError(account_id=account_id)
        before = account.low_balance_threshold_minor
        if before != amount_minor:
            Account.objects.filter(pk=account_id).update(low_balance_threshold_minor=amount_minor)
            record_event(
                actor=viewer.actor,
                action="threshold.set",
                object_kind="account",
                object_id=account_id,
                before={"threshold_minor": before},
                after={"threshold_minor": amount_minor},
                owner=account.client or account.agency,
                now=now,
            )
    log.info("[BUDGET] Threshold set", account_id=str(account_id), actor=viewer.actor)
    watch_balance(account_id=account_id, now=now)


@durable
def watch_balance(*, account_id: UUID, now: datetime) -> None:
    """Warn that an account is below its threshold, once, or take the warning back.

    It stands until the balance is at the threshold again, so the next crossing is a second one.
    Doing it again, or twice at once, changes nothing more. To be called after the commit of what
    moved the money.
    """
    with seeing(EVERYTHING):
        if _is_due(_find(account_id)):
            with transaction(), connection.cursor() as cursor:
                # Of two that watch, the later one reads after both have moved their money. Not
                # the account's own row: everybody who pays from it would wait for us.
                cursor.execute(
                    "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [_key_of(account_id)]
                )
                account = _find(account_id)
                if _is_due(account):
                    _settle(account, now)


@durable
def watch_balances(*, now: datetime) -> None:
    """Watch every account that has a threshold or an unresolved warning."""
    with seeing(EVERYTHING):
        warned = {
            UUID(key.removeprefix(f"{KIND}:"))
            for key in _unresolved().values_list("dedupe_key", flat=True)
        }
        watched = Account.objects.filter(low_balance_threshold_minor__isnull=False)
        for account_id in sorted(warned | set(watched.values_list("pk", flat=True))):
            watch_balance(account_id=account_id, now=now)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    account: Account
    balance_minor: int
    is_warned: bool
    is_told: bool

    @property
    def is_low(self) -> bool:
        threshold = self.account.low_balance_threshold_minor
        return threshold is not None and self.balance_minor < threshold


def _find(account_id: UUID) -> _Watched:
    account = Account.objects.get(pk=account_id)
    return _Watched(
        account=account,
        balance_minor=balance_of(account_id),
        is_warned=_unresolved().filter(dedupe_key=_key_of(account_id)).exists(),
        is_told=level_of(_key_of(account_id), calm=_ENOUGH) == _LOW,
    )


def _is_due(watched: _Watched) -> bool:
    return watched.is_low != watched.is_warned or watched.is_low != watched.is_told


@transaction_required
def _settle(watched: _Watched, now: datetime) -> None:
    account, key = watched.account, _key_of(watched.account.pk)
    crossing = cross_level(
        key=key, level=_LOW if watched.is_low else _ENOUGH, calm=_ENOUGH, now=now
    )
    if not watched.is_low:
        resolve_alert(dedupe_key=key, now=now)
        return
    if crossing is not None:
        tell_account_low(
            account_id=account.pk,
            balance_minor=watched.balance_minor,
            occurrence=crossing.number,
            now=now,
        )
    if watched.is_warned:
        return
    raise_finding(finding=describe_low(account, watched.balance_minor), now=now)


def describe_low(account: Account, balance_minor: int) -> Finding:
    """Say that an account holds less than its threshold."""
    threshold = account.low_balance_threshold_minor or 0
    return Finding(
        kind=KIND,
        severity=Alert.Severity.WARNING,
        subject=f"Low credit: {account.name} ({account.get_level_display().lower()})",
        message=f"{display_amount(balance_minor, account.currency)} is left, below the "
        f"threshold of {display_amount(threshold, account.currency)}. Allocate credit to it.",
        data={
            "account_id": account.pk,
            "level": account.level,
            "balance_minor": balance_minor,
            "threshold_minor": threshold,
            "currency": account.currency,
        },
        dedupe_key=_key_of(account.pk),
        client_id=account.client_id,
    )


def list_low(*, level: Account.Level) -> list[tuple[Account, int]]:
    """Return the accounts of a level that hold less than their threshold, with what they hold."""
    watched = Account.objects.filter(level=level, low_balance_threshold_minor__isnull=False)
    balances = [(account, balance_of(account.pk)) for account in watched.order_by("name", "pk")]
    return [
        (account, balance)
        for account, balance in balances
        if balance < (account.low_balance_threshold_minor or 0)
    ]


def _unresolved() -> QuerySet[Alert]:
    return Alert.objects.filter(kind=KIND).exclude(state=Alert.State.RESOLVED)


def _key_of(account_id: UUID) -> str:
    return f"{KIND}:{account_id}"
