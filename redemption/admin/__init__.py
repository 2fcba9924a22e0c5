from redemption.admin import (
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
