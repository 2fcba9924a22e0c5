"""Buffer pools: cards bought ahead, so that a redemption needs nobody outside."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import structlog
from django.db import connection

from alerts.models import Alert
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.statements import call_function
from alerts.transactions import durable, transaction, transaction_required
from credit.money import display_amount
from giftcards.models import Pool, ProviderOrder
from giftcards.providers import configured_providers
from giftcards.selectors.buffers import BufferState, Obstacle, read_buffers

log = structlog.get_logger()

# Of all buffers together: customers' orders go by the same door and are not to queue behind them.
IN_WORK_AT_MOST: Final = 20
_LOCK: Final = 7_426_003
_PLACE: Final = (
    "SELECT giftcards_place_order(%s, %s, %s, NULL, %s, %s, NULL, NULL, NULL, NULL, %s, %s, %s, %s)"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Refill:
    """What one round did for a pool.

    :param ordered: how many cards.
    :param stopped_by: what kept it from ordering all that is missing; ``in_work`` is the limit of
        orders at once, the others as in :class:`BufferState`.
    """

    pool_id: UUID
    ordered: int
    stopped_by: Obstacle | str | None


@durable
def refill_buffers(*, now: datetime) -> list[Refill]:
    """Order what is missing in the buffer pools; return what was done for each.

    Orders are placed only; the workers who send them are rung for by the caller. Safe to run
    twice at once and to repeat: what lies there, what is in work and what nobody knows of counts.
    """
    pools = Pool.objects.filter(
        kind=Pool.Kind.BUFFER, archived_at=None, target_level__gt=0
    ).exclude(purchase_method=Pool.PurchaseMethod.CSV_ONLY)
    return [
        _refill_one(pool_id, now=now)
        for pool_id in pools.order_by("created_at", "pk").values_list("pk", flat=True)
    ]


def _refill_one(pool_id: UUID, *, now: datetime) -> Refill:
    with transaction():
        _take_turns()
        (state,) = read_buffers(pool_ids=[pool_id], providers=configured_providers(), now=now)
        count, stopped_by = _plan(state)
        for _ in range(count):
            _place_order(state.pool, now=now)
    _tell(state, stopped_by, now=now)
    if count or stopped_by:
        log.info(
            "[BUFFER] Refilled",
            pool_id=str(pool_id),
            ordered=count,
            stopped_by=stopped_by,
            available=state.available,
            in_work=state.in_work + count,
            unknown=state.unknown,
            target=state.target,
        )
    return Refill(pool_id=pool_id, ordered=count, stopped_by=stopped_by)


@transaction_required
def _take_turns() -> None:
    # What is missing is counted and ordered as one: of two jobs at once the second counts what
    # the first has ordered. One lock for all pools, since they share the limit of orders at once.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


@transaction_required
def _plan(state: BufferState) -> tuple[int, Obstacle | str | None]:
    """Return how many to order, and what keeps it from being all that is missing."""
    if state.obstacle is not None:
        return 0, state.obstacle
    wanted, stopped_by = state.missing, None
    if state.affordable is not None and state.affordable < wanted:
        wanted, stopped_by = state.affordable, "budget"
    # After a failure one card is enough to find out.
    if state.has_failed and wanted > 1 - state.in_work:
        wanted, stopped_by = max(0, 1 - state.in_work), "backing_off"
    in_work = ProviderOrder.objects.filter(
        state=ProviderOrder.State.REQUESTED, holder_id=None, provider=state.pool.api_provider
    ).count()
    if wanted > IN_WORK_AT_MOST - in_work:
        wanted, stopped_by = max(0, IN_WORK_AT_MOST - in_work), "in_work"
    return wanted, stopped_by


@transaction_required
def _place_order(pool: Pool, *, now: datetime) -> None:
    order_id = uuid4()
    call_function(
        _PLACE,
        (
            order_id,
            pool.pk,
            pool.denomination_id,
            pool.api_provider,
            pool.brand.provider_slug,
            pool.denomination.currency,
            "system",
            f"buffer-{order_id.hex[:12]}",
            now,
        ),
    )


def _tell(state: BufferState, stopped_by: Obstacle | str | None, *, now: datetime) -> None:
    pool = state.pool
    key = f"buffer_budget:{pool.pk}"
    if stopped_by == "budget":
        budget = display_amount(pool.daily_budget_minor or 0, pool.denomination.currency)
        _raise(
            state,
            key,
            subject=f"{pool.name}: today's budget of {budget} is used up",
            message=f"{state.available} of {state.target} cards are there. Buying ahead goes on"
            " after midnight UTC, or at once with a higher budget. Redemptions go on: what is"
            " missing is bought when it is asked for.",
            now=now,
        )
    elif not state.missing or state.affordable != 0:
        resolve_alert(dedupe_key=key, now=now)
    key = f"buffer_stalled:{pool.pk}"
    if stopped_by == "not_configured":
        _raise(
            state,
            key,
            subject=f"{pool.name} can't be filled: nobody is set up to sell its cards",
            message="It needs a provider whose address and keys are set, and its brand a name"
            " there.",
            now=now,
        )
    elif stopped_by in ("closed", "backing_off") and not state.available:
        _raise(
            state,
            key,
            subject=f"{pool.name} is empty, and its provider does not sell",
            message="It is tried again by itself, each time after a longer rest. The provider's"
            " page and the pool's last orders say why.",
            now=now,
        )
    else:
        resolve_alert(dedupe_key=key, now=now)


def _raise(state: BufferState, key: str, *, subject: str, message: str, now: datetime) -> None:
    raise_alert(
        kind=key.partition(":")[0],
        severity=Alert.Severity.WARNING,
        subject=subject,
        message=message,
        data={
            "pool_id": state.pool.pk,
            "available": state.available,
            "target": state.target,
            "spent_minor": state.spent_minor,
            "budget_minor": state.pool.daily_budget_minor,
        },
        dedupe_key=key,
        now=now,
    )
