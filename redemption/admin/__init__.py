from redemption.admin import (
    blocks,
    calls,
    campaigns,
    delivery_log,
    desk_tasks,
    event_sources,
    events,
    recipients,
    redemptions,
    templates,
    traces,
)

__all__ = [
    "blocks",
    "calls",
    "campaigns",
    "delivery_log",
    "desk_tasks",
    "event_sources",
    "events",
    "recipients",
    "redemptions",
    "templates",
    "traces",
]
