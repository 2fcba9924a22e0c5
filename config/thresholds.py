"""Settings of the monitors: from when on something is worth an alert."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from config.kinds import Kind, Setting

if TYPE_CHECKING:
    from config.environment import Environment


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From when on the monitors raise an alert; see docs/monitors.md.

    :param failures: a count and the seconds in which more than so many are too many.
    """

    lead_time_seconds: float
    failures: tuple[int, float]
    delivery_warning_percent: int
    delivery_critical_percent: int
    delivery_at_least: int
    stuck_seconds: float
    unknown_order_seconds: float
    unknown_payment_seconds: float
    slow_seconds: float
    very_slow_seconds: float
    statement_seconds: float
    database_gigabytes: int
    connections_percent: int


THRESHOLDS: Final[tuple[Setting, ...]] = (
    Setting(
        "POOL_LEAD_TIME",
        Kind.SECONDS,
        "7d",
        "How long it takes to get new cards: a pool forecast to run out sooner raises an alert.",
    ),
    Setting(
        "PROVISIONING_FAILURES",
        Kind.RATE,
        "10/h",
        "More failures of one code than this, through no fault of the caller, raise an alert.",
    ),
    Setting(
        "DELIVERY_WARNING",
        Kind.NUMBER,
        "98",
        "Percent of messages that should arrive; fewer raise a warning.",
    ),
    Setting(
        "DELIVERY_CRITICAL",
        Kind.NUMBER,
        "80",
        "Percent of messages below which the alert is critical.",
    ),
    Setting(
        "DELIVERY_AT_LEAST",
        Kind.NUMBER,
        "20",
        "From how many messages with a known end on their share counts.",
    ),
    Setting(
        "STUCK_ALERT_AFTER",
        Kind.SECONDS,
        "15m",
        "How long a card may stay claimed without a delivery before it raises an alert.",
    ),
    Setting(
        "UNKNOWN_ORDER_ALERT_AFTER",
        Kind.SECONDS,
        "10m",
        "How long it may be unknown what became of an order before the monitors report it.",
    ),
    Setting(
        "UNKNOWN_PAYMENT_ALERT_AFTER",
        Kind.SECONDS,
        "1h",
        "How long a gateway may leave the end of a till's payment open before it raises an alert.",
    ),
    Setting(
        "SLOW_REDEMPTIONS",
        Kind.SECONDS,
        "2s",
        "Redemptions of which 5 in 100 take longer raise a warning.",
    ),
    Setting(
        "VERY_SLOW_REDEMPTIONS",
        Kind.SECONDS,
        "5s",
        "Redemptions of which 5 in 100 take longer raise a critical alert.",
    ),
    Setting(
        "SLOW_STATEMENT",
        Kind.SECONDS,
        "30s",
        "A statement or transaction of ours that runs longer raises an alert.",
    ),
    Setting(
        "DATABASE_SIZE_WARNING",
        Kind.NUMBER,
        "100",
        "Gigabytes from which on the database's size raises an alert; 0 for never.",
    ),
    Setting(
        "CONNECTIONS_WARNING",
        Kind.NUMBER,
        "80",
        "Percent of the database's connections from which on their use raises an alert.",
    ),
)


def read_thresholds(env: Environment) -> Thresholds:
    """Return the thresholds as they are set."""
    return Thresholds(
        lead_time_seconds=env.seconds("POOL_LEAD_TIME"),
        failures=env.rate("PROVISIONING_FAILURES"),
        delivery_warning_percent=env.number("DELIVERY_WARNING"),
        delivery_critical_percent=env.number("DELIVERY_CRITICAL"),
        delivery_at_least=env.number("DELIVERY_AT_LEAST"),
        stuck_seconds=env.seconds("STUCK_ALERT_AFTER"),
        unknown_order_seconds=env.seconds("UNKNOWN_ORDER_ALERT_AFTER"),
        unknown_payment_seconds=env.seconds("UNKNOWN_PAYMENT_ALERT_AFTER"),
        slow_seconds=env.seconds("SLOW_REDEMPTIONS"),
        very_slow_seconds=env.seconds("VERY_SLOW_REDEMPTIONS"),
        statement_seconds=env.seconds("SLOW_STATEMENT"),
        database_gigabytes=env.number("DATABASE_SIZE_WARNING"),
        connections_percent=env.number("CONNECTIONS_WARNING"),
    )
