"""What the monitors look for at the vendors of cards.

Each is raised as it happens too, under the same key: what stands already is found again in its
own words. All of it is read from tables of a few rows, or by the partial index of the orders of
which nobody knows what became.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.conf import settings

from alerts.services.monitors import Finding, find_standing, register_monitor
from giftcards.models import ProviderCircuit, ProviderFloat, ProviderOrder
from giftcards.selectors.providers import list_floats
from giftcards.services.circuit import describe_open
from giftcards.services.floats import describe_low_float
from giftcards.services.order_records import UNKNOWN_KIND, describe_unknown, find_many_unknown


@register_monitor("providers")
def watch_providers(*, now: datetime) -> Iterable[Finding]:
    """Find providers that are not asked, floats that run low and orders nobody knows about."""
    yield from _open_circuits()
    yield from _low_floats()
    yield from _unknown_orders(now - timedelta(seconds=settings.THRESHOLDS.unknown_order_seconds))


def _open_circuits() -> Iterator[Finding]:
    standing = find_standing(kind="provider_circuit")
    for circuit in ProviderCircuit.objects.filter(opened_at__isnull=False).order_by("provider"):
        found = describe_open(
            circuit.provider, ProviderCircuit.Reason(circuit.reason), circuit.error_code
        )
        # One that a person has switched off is no trouble.
        if found is not None:
            yield standing.get(found.dedupe_key, found)


def _low_floats() -> Iterator[Finding]:
    providers = ProviderFloat.objects.order_by("provider").values_list("provider", flat=True)
    for provider in providers.distinct():
        for level in list_floats(provider=provider):
            if level.warning_minor is not None and level.available_minor < level.warning_minor:
                yield describe_low_float(provider, level)


def _unknown_orders(before: datetime) -> Iterator[Finding]:
    standing = find_standing(kind=UNKNOWN_KIND)
    many = find_many_unknown()
    # Not since when it is unknown, which is not kept: it was in work for some minutes before that.
    orders = ProviderOrder.objects.filter(
        state=ProviderOrder.State.UNKNOWN, created_at__lt=before
    ).order_by("created_at", "pk")
    for order_id, code in orders.values_list("pk", "error_code"):
        found = describe_unknown(order_id, code)
        # What stands goes on while its order is unknown, however many are beside it.
        if many is None or found.dedupe_key in standing:
            yield standing.get(found.dedupe_key, found)
    if many is not None:
        yield many
