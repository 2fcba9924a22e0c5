"""The desk: one screen from the first word of a call to its outcome.

Every step is a POST; htmx swaps the screen for its answer, a plain form is sent on to ``/desk/``.
What is shown hangs on the agent's open call alone, so that reload, back, another window, a log-out
or a crashed browser all lead to where the call stands.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from alerts.errors import ServiceError
from credit.dashboard.access import page_for
from credit.selectors.viewers import Viewer
from redemption.models import AttemptLog
from redemption.selectors.desk import OpenCall, open_call_of
from redemption.selectors.desk_search import Found, find_callers, read_scan, seems_code
from redemption.services.attempts import count_call, guarded
from redemption.services.calls import (
    DESK_ROLES,
    NoCallError,
    RecipientNotFoundError,
    begin_call,
    choose_recipient,
)
from redemption.services.redeem import UnknownCodeError
from redemption.throttling import agent
from redemption.views.desk_screen import (
    NOTHING_TRIED,
    Tried,
    agent_of,
    answer_step,
    read_caller,
    read_id,
    show_screen,
)
from redemption.views.guarding import address_of

ROLES = tuple(sorted(DESK_ROLES))
Step = Callable[[HttpRequest, Viewer], HttpResponse]


def desk_step(step: Step) -> Callable[..., HttpResponse]:
    """Decorate what a press at the desk does; asked for without one it leads to the screen."""

    def take(request: HttpRequest, viewer: Viewer) -> HttpResponse:
        if request.method != "POST":
            return redirect("desk")
        return step(request, viewer)

    take.__name__, take.__doc__ = step.__name__, step.__doc__
    return page_for(*ROLES)(take)


@require_safe
@page_for(*ROLES)
def desk(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show the agent's call; ``?caller=`` names who rings, for a telephone system to open."""
    caller = read_caller(request)
    return show_screen(request, viewer, Tried(caller=caller) if caller else NOTHING_TRIED)


@desk_step
def find(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Look up who is on the phone: a code, a number, a CRM id or a name."""
    text = request.POST.get("q", "").strip()
    caller, agent_id, now = read_caller(request), agent_of(request).pk, timezone.now()
    if not text:
        if caller:
            begin_call(agent_id=agent_id, caller=caller, now=now)
        return answer_step(request, viewer)
    try:
        found = _look_up(request, viewer, text, now=now)
    except UnknownCodeError as error:
        begin_call(agent_id=agent_id, caller=caller, now=now)
        found = Found(by="", seems_code=True)
        tried = Tried(query=text, found=found, error=error, sound="bad")
        return answer_step(request, viewer, tried)
    except ServiceError as error:
        return answer_step(request, viewer, Tried(query=text, error=error, sound="bad"))
    if len(found.matches) == 1:
        return _choose(request, viewer, found.matches[0].recipient_id)
    begin_call(agent_id=agent_id, caller=caller, now=now)
    sound = "" if found.matches else "bad"
    return answer_step(request, viewer, Tried(query=text, found=found, sound=sound))


def _look_up(request: HttpRequest, viewer: Viewer, text: str, *, now: datetime) -> Found:
    """Look somebody up; agents are limited by who they are, and codes as at every door.

    :raises UnknownCodeError: it looks like a code, and nobody has it (GC-011).
    :raises RateLimitedError: too many in a short time (GC-101).
    """
    source = agent(user_id=agent_of(request).pk, address=address_of(request))
    if not seems_code(text):
        with count_call(source=source, key=None, now=now):
            return find_callers(viewer=viewer, text=text)
    with guarded(
        action=AttemptLog.Action.DESK,
        source=source,
        code=read_scan(text),
        now=now,
        request_id=str(request.META["giftline.request_id"]),
    ):
        found = find_callers(viewer=viewer, text=text)
        if not found.matches:
            raise UnknownCodeError
    return found


@desk_step
def choose(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Go on with one of those who were found, or with what is on the list to be done."""
    recipient_id = read_id(request, "recipient")
    if recipient_id is None:
        caller = read_caller(request)
        begin_call(agent_id=agent_of(request).pk, caller=caller, now=timezone.now())
        return answer_step(request, viewer)
    return _choose(request, viewer, recipient_id)


def _choose(request: HttpRequest, viewer: Viewer, recipient_id: UUID) -> HttpResponse:
    try:
        choose_recipient(
            viewer=viewer,
            agent_id=agent_of(request).pk,
            recipient_id=recipient_id,
            caller=read_caller(request),
            task_id=read_id(request, "task"),
            now=timezone.now(),
        )
    except RecipientNotFoundError as error:
        return answer_step(request, viewer, Tried(error=error, sound="bad"))
    return answer_step(request, viewer)


def call_in_hand(request: HttpRequest) -> OpenCall:
    """Return the agent's open call, which the form was made for.

    :raises NoCallError: it is over, or another one is open by now.
    """
    call = open_call_of(agent_id=agent_of(request).pk, now=timezone.now())
    if call is None or call.call_id != read_id(request, "call"):
        raise NoCallError
    return call


def try_step(
    request: HttpRequest, viewer: Viewer, work: Callable[[], None], *, form: str = ""
) -> HttpResponse:
    """Do a step and show what it came to; a refusal is shown with the form as it was filled in."""
    try:
        work()
    except NoCallError:
        # Ended in another window: what is shown instead says it all.
        return answer_step(request, viewer, Tried(error=NoCallError(), sound="bad"))
    except ServiceError as error:
        return answer_step(
            request, viewer, Tried(error=error, form=form, values=request.POST, sound="bad")
        )
    return answer_step(request, viewer, Tried(sound="good"))
