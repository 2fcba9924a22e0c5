"""What a person decides about an address: block it, allow it, clear its counters; and undo."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

from alerts.addresses import network_of
from alerts.errors import ValidationFailedError
from alerts.throttling import clear_counts
from alerts.transactions import transaction
from credit.services.audit import record_event
from redemption.models import AddressAllow, AddressBlock, AddressClearing, AttemptLog
from redemption.models.attempt import AddressRule

_BROADEST: Final = {4: 8, 6: 19}
_LONGEST_REASON: Final = 300
_NO_NETWORK: Final = (
    "Enter an address such as 203.0.113.7, or a network such as 203.0.113.0/24 or 2001:db8::/48."
)


def block_address(
    *, network: str, reason: str, until: datetime | None, actor: str, now: datetime
) -> UUID:
    """Let no stranger of a network try a code, until a time or until it is lifted.

    :raises ValidationFailedError: no reason, an end that is over, or no such network.
    """
    return _decide(
        AddressBlock, "blocked", network=network, reason=reason, until=until, actor=actor, now=now
    )


def allow_address(
    *, network: str, reason: str, until: datetime | None, actor: str, now: datetime
) -> UUID:
    """Limit the people of a network not by their address: a call centre's, a shop's.

    What blocks it stays written and has no effect. Per code they are limited as everybody.

    :raises ValidationFailedError: as :func:`block_address`.
    """
    return _decide(
        AddressAllow, "allowed", network=network, reason=reason, until=until, actor=actor, now=now
    )


def clear_address(*, network: str, reason: str, actor: str, now: datetime) -> UUID:
    """Count a network's attempts and failures anew from now; lifting it counts the old ones again.

    :raises ValidationFailedError: as :func:`block_address`.
    """
    cleared = _decide(
        AddressClearing, "cleared", network=network, reason=reason, until=None, actor=actor, now=now
    )
    _forget_in_front(network, now=now)
    return cleared


def lift_rule(
    *,
    model: type[AddressBlock] | type[AddressAllow] | type[AddressClearing],
    rule_id: UUID,
    reason: str,
    actor: str,
    now: datetime,
) -> bool:
    """End a block, an allowance or a clearing; return False when it was lifted before.

    Who is unblocked begins anew: the failures that led to a block would block again at once.

    :raises ValidationFailedError: no reason.
    """
    reason = _read_reason(reason)
    with transaction():
        lifted = model.objects.filter(pk=rule_id, lifted_at=None).update(
            lifted_at=now, lifted_by=actor, lift_reason=reason
        )
        if not lifted:
            return False
        rule: AddressRule = model.objects.get(pk=rule_id)
        if model is AddressBlock:
            AddressClearing.objects.create(
                network=rule.network, reason=f"Unblocked: {reason}"[:_LONGEST_REASON],
                created_at=now, created_by=actor,
            )  # fmt: skip
        record_event(
            actor=actor,
            action=f"address.{_LIFTED[model.__name__]}",
            object_kind=model.__name__.lower(),
            object_id=rule_id,
            after={"network": rule.network},
            reason=reason,
            now=now,
        )
    if model is AddressBlock:
        _forget_in_front(rule.network, now=now)
    return True


def read_network(text: str) -> str:
    """Return a network in CIDR notation; of a single address what is counted as one.

    :raises ValidationFailedError: it is none, or so broad that it can only be a mistake.
    """
    try:
        if "/" in text:
            network = ipaddress.ip_network(text.strip(), strict=False)
        else:
            counted = network_of(text.strip())
            length = 32 if ipaddress.ip_address(counted).version == 4 else 64
            network = ipaddress.ip_network(f"{counted}/{length}")
    except ValueError:
        raise ValidationFailedError(errors={"network": [_NO_NETWORK]}) from None
    if network.version == 6 and network.prefixlen > 64:
        network = network.supernet(new_prefix=64)
    if network.prefixlen < _BROADEST[network.version]:
        raise ValidationFailedError(errors={"network": ["This is a large part of the internet."]})
    return str(network)


_LIFTED: Final = {
    "AddressBlock": "unblocked",
    "AddressAllow": "disallowed",
    "AddressClearing": "unclear",
}


def _decide(
    model: type[AddressRule],
    word: str,
    *,
    network: str,
    reason: str,
    until: datetime | None,
    actor: str,
    now: datetime,
) -> UUID:
    network, reason = read_network(network), _read_reason(reason)
    if until is not None and until <= now:
        raise ValidationFailedError(errors={"until": ["This moment is over."]})
    with transaction():
        rule = model._default_manager.create(  # noqa: SLF001  Django's public door
            network=network, reason=reason, until=until, created_at=now, created_by=actor
        )
        record_event(
            actor=actor,
            action=f"address.{word}",
            object_kind=model.__name__.lower(),
            object_id=rule.pk,
            after={"network": network, "until": until and until.isoformat()},
            reason=reason,
            now=now,
        )
    return UUID(str(rule.pk))


def _read_reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise ValidationFailedError(errors={"reason": ["Say why, for whoever asks later."]})
    return reason[:_LONGEST_REASON]


def _forget_in_front(network: str, *, now: datetime) -> None:
    """Clear Redis too, which would go on refusing the addresses of a network."""
    tried = (
        AttemptLog.objects.filter(
            counts_address=True, at__gt=now - timedelta(seconds=settings.RATE_LIMIT_ADDRESS[1])
        )
        .extra(where=["network <<= %s::cidr"], params=[read_network(network)])
        .order_by()
        .values_list("network", flat=True)
        .distinct()
    )
    clear_counts([f"guard:address:{counted}" for counted in tried[:10_000]])
