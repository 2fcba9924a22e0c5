"""The nightly proof that the ledger adds up, and the alarm when it does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.transactions import durable, snapshot
from credit.selectors.ledger_audit import AuditedAccount, FaultKind, find_faults, read_accounts

log = structlog.get_logger()

DEDUPE_KEY: Final = "ledger_audit"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAudit:
    """What an audit has read, and what it has found wrong."""

    accounts: int
    entries: int
    faults: tuple[FaultKind, ...]


@durable
def audit_ledger(
    *, now: datetime, on_account: Callable[[AuditedAccount], None] | None = None
) -> LedgerAudit:
    """Check every account, slot, entry and transaction as of one moment, while all work on.

    Raises one critical alert while anything is wrong, and resolves it once nothing is. May be
    repeated at any time; it changes nothing of what it reads.

    :param on_account: told of every account as it is read, from the platform's down.
    """
    accounts = entries = 0
    with seeing(EVERYTHING):
        with snapshot():
            for account in read_accounts():
                accounts += 1
                entries += account.entries
                if on_account is not None:
                    on_account(account)
            faults = tuple(find_faults())
        _tell(faults, now=now)
    log.info("[LEDGER] Audited", accounts=accounts, entries=entries, kinds_of_fault=len(faults))
    return LedgerAudit(accounts=accounts, entries=entries, faults=faults)


def _tell(faults: tuple[FaultKind, ...], *, now: datetime) -> None:
    if not faults:
        resolve_alert(dedupe_key=DEDUPE_KEY, now=now)
        return
    raise_alert(
        kind=DEDUPE_KEY,
        severity=Alert.Severity.CRITICAL,
        subject="The ledger does not add up",
        message="\n".join(
            f"{kind.sentence} ({kind.count:,}): {kind.examples[0]}" for kind in faults
        )
        + "\nStop what moves money, and run manage.py audit_ledger for the whole list.",
        data={kind.sentence: [str(fault) for fault in kind.examples] for kind in faults},
        dedupe_key=DEDUPE_KEY,
        now=now,
    )
