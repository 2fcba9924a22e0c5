"""What the monitors look for in accounts: low credit, and a ledger that does not add up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from alerts.models import Alert
from alerts.services.monitors import Finding, find_standing, register_monitor
from credit.models import Account
from credit.selectors.drift import find_drift
from credit.services.ledger_audit import DEDUPE_KEY
from credit.services.warnings import describe_low, list_low

_MONITOR = "monitor"
_AUDIT = "audit"
# A finding of the monitor's says who has found it; an alert of the audit's has no such word.
_FOUND_BY = "found_by"


@register_monitor("agencies")
def watch_agencies(*, now: datetime) -> Iterable[Finding]:
    """Find agencies' accounts below their threshold."""
    return _low_accounts(Account.Level.AGENCY)


@register_monitor("clients")
def watch_clients(*, now: datetime) -> Iterable[Finding]:
    """Find clients' accounts below their threshold."""
    return _low_accounts(Account.Level.CLIENT)


def _low_accounts(level: Account.Level) -> Iterable[Finding]:
    # The same as is raised when a charge takes an account below its threshold. Only accounts that
    # have one are looked at, and each balance is a column or the sum of some slots.
    return [describe_low(account, balance) for account, balance in list_low(level=level)]


@register_monitor("ledger")
def watch_ledger(*, now: datetime) -> Iterable[Finding]:
    """Find accounts that do not hold what their last entry says, and young faults of entries.

    The nightly audit proves the whole ledger and raises the same alert. What only it can see stays
    until it says that all adds up.
    """
    standing = find_standing(kind=DEDUPE_KEY).get(DEDUPE_KEY)
    by_audit = standing is not None and standing.data.get(_FOUND_BY) != _MONITOR
    drift = find_drift()
    if not drift:
        # What the audit has found is not ours to end: it may lie where only the audit looks.
        if standing is not None and by_audit:
            yield standing
        return
    yield Finding(
        kind=DEDUPE_KEY,
        severity=Alert.Severity.CRITICAL,
        subject="The ledger does not add up",
        message="\n".join(f"{sentence} ({len(faults)}): {faults[0]}" for sentence, faults in drift)
        + "\nStop what moves money, and run manage.py audit_ledger for the whole list.",
        data={
            _FOUND_BY: _AUDIT if by_audit else _MONITOR,
            **dict(drift),
        },
        dedupe_key=DEDUPE_KEY,
    )
