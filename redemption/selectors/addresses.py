"""What is known of an address: its attempts, its counters now, and what was decided about it."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Final, TypeVar

from django.conf import settings
from django.db.models import Max, Q, QuerySet

from redemption.models import AddressAllow, AddressBlock, AddressClearing, AttemptLog
from redemption.models.attempt import AddressRule

_LATEST: Final = 50
_Rule = TypeVar("_Rule", bound=AddressRule)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AddressFacts:
    """An address as it stands; the counts are those that the limits are drawn from."""

    network: str
    attempts: int
    attempt_limit: int
    attempt_seconds: float
    failures: int
    failure_limit: int
    failure_seconds: float
    blocks: tuple[AddressBlock, ...]
    allowances: tuple[AddressAllow, ...]
    clearings: tuple[AddressClearing, ...]
    latest: tuple[AttemptLog, ...]

    @property
    def is_blocked(self) -> bool:
        return bool(self.blocks) and not self.allowances


def address_facts(*, network: str, now: datetime) -> AddressFacts:
    """Return what is known of a network in CIDR notation; of a wide one, of all in it together."""
    tried = AttemptLog.objects.extra(where=["network <<= %s::cidr"], params=[network])
    clearings = _in_force(AddressClearing, network, now=now)
    cleared_at = clearings.aggregate(latest=Max("created_at"))["latest"]
    attempt_limit, attempt_seconds = settings.RATE_LIMIT_ADDRESS
    failure_limit, failure_seconds = settings.RATE_LIMIT_BLOCK_AFTER

    def counted(seconds: float, results: tuple[AttemptLog.Result, ...]) -> int:
        since = now - timedelta(seconds=seconds)
        return tried.filter(
            counts_address=True,
            result__in=results,
            at__gt=max(since, cleared_at) if cleared_at else since,
        ).count()

    return AddressFacts(
        network=network,
        attempts=counted(attempt_seconds, AttemptLog.COUNTED),
        attempt_limit=attempt_limit,
        attempt_seconds=attempt_seconds,
        failures=counted(failure_seconds, AttemptLog.FAILED),
        failure_limit=failure_limit,
        failure_seconds=failure_seconds,
        blocks=tuple(_in_force(AddressBlock, network, now=now)),
        allowances=tuple(_in_force(AddressAllow, network, now=now)),
        clearings=tuple(clearings.filter(created_at__gt=now - timedelta(seconds=failure_seconds))),
        latest=tuple(tried.order_by("-at", "-id")[:_LATEST]),
    )


def _in_force(model: type[_Rule], network: str, *, now: datetime) -> QuerySet[_Rule]:
    return (
        model._default_manager.filter(Q(until=None) | Q(until__gt=now), lifted_at=None)  # noqa: SLF001  Django's public door
        .extra(where=["network::inet >>= %s::inet"], params=[network])
        .order_by("-created_at", "pk")
    )
