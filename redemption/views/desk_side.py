"""What stands beside the work and refreshes by itself: stock, the list, the day, a text's state."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from credit.dashboard.access import page_for
from credit.selectors.viewers import Viewer
from redemption.selectors.desk import open_call_of, person_at_desk, rewards_at_desk
from redemption.views.desk import ROLES
from redemption.views.desk_beside import side_context
from redemption.views.desk_parts import reward_part
from redemption.views.desk_screen import agent_of, read_id


@require_safe
@page_for(*ROLES)
def side(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Print the right column."""
    return render(request, "desk/_side.html", side_context(request, viewer, now=timezone.now()))


@require_safe
@page_for(*ROLES)
def status(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Print how a reward of the caller's stands; once that has changed, the whole screen is due."""
    now = timezone.now()
    call = open_call_of(agent_id=agent_of(request).pk, now=now)
    if call is None or call.recipient_id is None:
        raise Http404
    person = person_at_desk(viewer=viewer, recipient_id=call.recipient_id)
    rewards = rewards_at_desk(viewer=viewer, recipient_id=call.recipient_id)
    asked = read_id(request, "reward")
    for reward in rewards if person else ():
        if person is not None and reward.redemption_id == asked:
            part = reward_part(reward, person, viewer, now=now)
            answer = render(request, "desk/_status.html", {"reward": part})
            if request.GET.get("state") not in (None, part.mark):
                answer["HX-Trigger"] = "desk-moved"
            return answer
    raise Http404
