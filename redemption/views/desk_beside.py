"""The right column of the desk: stock, what is to be done, the day so far."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast

from django.http import HttpRequest
from django.utils import timezone

from credit.models import User
from credit.selectors.viewers import Viewer
from redemption.selectors.desk import open_call_of
from redemption.selectors.desk_side import (
    day_numbers,
    last_campaign,
    past_calls,
    stock_of_campaign,
)
from redemption.selectors.desk_tasks import count_open_tasks, open_tasks
from redemption.views.desk_parts import stock_parts
from redemption.views.desk_words import outcome_choices

_MOST_TASKS: Final = 6


def side_context(request: HttpRequest, viewer: Viewer, *, now: datetime) -> dict[str, Any]:
    """Return what the right column prints."""
    agent_id = cast(User, request.user).pk
    call = open_call_of(agent_id=agent_id, now=now)
    campaign_id = last_campaign(viewer=viewer, agent_id=agent_id)
    stock = (
        stock_of_campaign(viewer=viewer, campaign_id=campaign_id, now=now) if campaign_id else []
    )
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    words = dict(outcome_choices())
    numbers = day_numbers(agent_id=agent_id, since=midnight)
    return {
        "stock": stock_parts(stock),
        "tasks": [
            {"task": task, "is_overdue": task.due_at <= now}
            for task in open_tasks(viewer=viewer, limit=_MOST_TASKS)
        ],
        "task_counts": count_open_tasks(viewer=viewer, now=now),
        "numbers": numbers,
        "handling": _clock(numbers.handling_seconds),
        "past": [
            {
                "call": past,
                "outcome": words.get(past.outcome, past.outcome),
                "took": _clock(past.seconds),
            }
            for past in past_calls(viewer=viewer, agent_id=agent_id)
        ],
        "is_in_call": call is not None,
        "at": now,
    }


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
