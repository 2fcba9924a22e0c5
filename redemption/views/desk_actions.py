"""What an agent does in a call: give the reward, help with one, note down, end the call."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from alerts.errors import ServiceError, ValidationFailedError
from credit.selectors.viewers import Viewer
from redemption.models import CallSession
from redemption.services.awaiting import await_card
from redemption.services.by_hand import mark_delivered_by_hand
from redemption.services.calls import (
    NoCallError,
    end_call,
    reopen_call,
    save_notes,
    take_over,
)
from redemption.services.contacts import read_contact
from redemption.services.desk_rewards import (
    give_at_desk,
    promise_call_back,
    require_turn,
    show_again,
)
from redemption.services.desk_tasks import TaskClosedError, close_task
from redemption.services.opt_ins import skip_opt_in
from redemption.services.replacing import replace_card
from redemption.services.resending import mask_contact, resend_reward
from redemption.views.desk import call_in_hand, desk_step, try_step
from redemption.views.desk_screen import (
    Tried,
    agent_of,
    answer_step,
    read_caller,
    read_id,
    read_ticks,
)
from redemption.views.guarding import address_of

Outcome = CallSession.Outcome
# What was seen to with a call that ended like this is off the list.
_SEEN_TO = frozenset({Outcome.REWARDED, Outcome.HELPED, Outcome.NOT_ENTITLED})


@desk_step
def give(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Give the caller the reward of a condition."""

    def work() -> None:
        call, now = call_in_hand(request), timezone.now()
        number = _number(request, "condition_number")
        contact = read_contact(
            method=request.POST.get("method", ""),
            phone=request.POST.get("phone", ""),
            email=request.POST.get("email", ""),
        )
        result = give_at_desk(
            viewer=viewer,
            agent_id=agent_of(request).pk,
            call_id=call.call_id,
            condition_number=number,
            ticked={place for of, place in read_ticks(request.POST) if of == number},
            contact=contact,
            request_id=str(request.META["giftline.request_id"]),
            ip_address=address_of(request),
            user_agent=request.META.get("HTTP_USER_AGENT", ""),
            now=now,
        )
        if result is not None and result.is_ordered:
            await_card(redemption_id=result.redemption_id, asked_at=now, now=timezone.now())

    return try_step(request, viewer, work, form="give")


@desk_step
def resend(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Send a reward again: to where it went, to a corrected number, or by e-mail instead."""

    def work() -> None:
        redemption_id = _turn(request, viewer)
        resent = resend_reward(
            viewer=viewer,
            redemption_id=redemption_id,
            to=request.POST.get("to", ""),
            reason=request.POST.get("reason", ""),
            now=timezone.now(),
        )
        words = _("On its way to %(to)s.") % {"to": mask_contact(resent.contact)}
        if resent.has_new_link:
            words += " " + _("The link that went out before is dead.")
        messages.success(request, words)

    return try_step(request, viewer, work, form=_form(request, "resend"))


@desk_step
def by_hand(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Note that the card was read out."""

    def work() -> None:
        mark_delivered_by_hand(
            viewer=viewer,
            redemption_id=_turn(request, viewer),
            note=request.POST.get("note", ""),
            now=timezone.now(),
        )
        messages.success(request, _("Marked as delivered by hand. Nothing more is sent."))

    return try_step(request, viewer, work, form=_form(request, "by-hand"))


@desk_step
def replace(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Give another card for one that doesn't work; it takes a supervisor."""

    def work() -> None:
        replace_card(
            viewer=viewer,
            redemption_id=_turn(request, viewer),
            reason=request.POST.get("reason", ""),
            now=timezone.now(),
        )
        messages.success(request, _("The card was replaced; the old one is void."))

    return try_step(request, viewer, work, form=_form(request, "replace"))


@desk_step
def skip(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Answer for the caller that texts are welcome; it takes the right to."""

    def work() -> None:
        skip_opt_in(
            redemption_id=_turn(request, viewer),
            user=agent_of(request),
            reason=request.POST.get("reason", ""),
            now=timezone.now(),
        )
        messages.success(request, _("Noted. The reward goes on by itself."))

    return try_step(request, viewer, work, form=_form(request, "skip"))


@desk_step
def show(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show the caller's card again; it takes the right to, and is written down."""
    try:
        call, redemption_id = call_in_hand(request), _reward_id(request)
        shown = show_again(
            viewer=viewer,
            user=agent_of(request),
            call_id=call.call_id,
            redemption_id=redemption_id,
            request_id=str(request.META["giftline.request_id"]),
            now=timezone.now(),
        )
    except ServiceError as error:
        return answer_step(request, viewer, Tried(error=error, sound="bad"))
    return answer_step(request, viewer, Tried(shown=shown, shown_id=redemption_id, sound="good"))


@desk_step
def call_back(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Promise to call back, at a time."""

    def work() -> None:
        call, now = call_in_hand(request), timezone.now()
        task_id = promise_call_back(
            viewer=viewer,
            agent_id=agent_of(request).pk,
            call_id=call.call_id,
            due_at=_due_at(request, now),
            note=request.POST.get("note", ""),
            now=now,
        )
        _say(
            request,
            _("The call back is on the list."),
            undo="desk-forget",
            fields={"task": str(task_id)},
        )

    return try_step(request, viewer, work, form="call-back")


@desk_step
def forget(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Take a promised call off the list again."""

    def work() -> None:
        task_id = read_id(request, "task")
        if task_id is not None:
            close_task(
                task_id=task_id, user=agent_of(request), outcome="not_needed", now=timezone.now()
            )
            messages.success(request, _("Taken off the list."))

    return try_step(request, viewer, work)


@desk_step
def take(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Take over a recipient whom an agent has who did nothing for ten minutes."""

    def work() -> None:
        call = call_in_hand(request)
        take_over(
            viewer=viewer, agent_id=agent_of(request).pk, call_id=call.call_id, now=timezone.now()
        )

    return try_step(request, viewer, work)


@desk_step
def notes(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Keep the notes, while they are typed."""
    is_part = "HX-Request" in request.headers
    words, is_bad = _("Saved"), False
    try:
        save_notes(
            agent_id=agent_of(request).pk,
            call_id=call_in_hand(request).call_id,
            notes=request.POST.get("notes", ""),
            now=timezone.now(),
        )
    except ServiceError as error:
        if not is_part:
            return answer_step(
                request, viewer, Tried(error=error, form="notes", values=request.POST)
            )
        errors = [word for texts in error.errors.values() for word in texts]
        words, is_bad = " ".join(errors) or _("This call is over: not saved."), True
    if not is_part:
        return answer_step(request, viewer)
    context = {"words": words, "is_bad": is_bad}
    return HttpResponse(render_to_string("desk/_saved.html", context, request))


@desk_step
def end(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """End the call with its outcome; what waits on the line comes next."""
    user = agent_of(request)
    try:
        call = call_in_hand(request)
        if "notes" in request.POST:
            # What was typed in the last moment, and all of it without scripts.
            save_notes(
                agent_id=user.pk,
                call_id=call.call_id,
                notes=request.POST["notes"],
                now=timezone.now(),
            )
        ended = end_call(
            agent_id=user.pk,
            call_id=call.call_id,
            outcome=request.POST.get("outcome", ""),
            now=timezone.now(),
        )
    except ServiceError as error:
        form = "" if isinstance(error, NoCallError) else "end"
        return answer_step(
            request, viewer, Tried(error=error, form=form, values=request.POST, sound="bad")
        )
    if ended.task_id is not None and ended.outcome in _SEEN_TO:
        # It may have come right by itself meanwhile.
        with contextlib.suppress(TaskClosedError):
            close_task(task_id=ended.task_id, user=user, outcome="done", now=timezone.now())
    _say(request, _("Call ended."), undo="desk-undo", fields={"call": str(ended.pk)})
    caller = read_caller(request)
    return answer_step(request, viewer, Tried(caller=caller) if caller else None)


@desk_step
def undo(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Go on with a call that was ended by a slip."""

    def work() -> None:
        call_id = read_id(request, "call")
        if call_id is None:
            raise NoCallError
        reopen_call(agent_id=agent_of(request).pk, call_id=call_id, now=timezone.now())

    return try_step(request, viewer, work)


def _turn(request: HttpRequest, viewer: Viewer) -> UUID:
    """Return the reward that a form is about, once it is this call's to help with."""
    call, redemption_id = call_in_hand(request), _reward_id(request)
    require_turn(
        viewer=viewer,
        agent_id=agent_of(request).pk,
        call_id=call.call_id,
        redemption_id=redemption_id,
        now=timezone.now(),
    )
    return redemption_id


def _reward_id(request: HttpRequest) -> UUID:
    redemption_id = read_id(request, "redemption")
    if redemption_id is None:
        raise NoCallError
    return redemption_id


def _form(request: HttpRequest, name: str) -> str:
    return f"{name}-{read_id(request, 'redemption') or ''}"


def _number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 5):
        raise ValidationFailedError(errors={name: [_("Choose what the caller has done.")]})
    return int(text)


def _due_at(request: HttpRequest, now: datetime) -> datetime:
    """Return when to call back: in so many minutes, or at a time of the day in the desk's zone."""
    at = request.POST.get("due_at", "")
    if at:
        try:
            typed = parse_datetime(at)
        except ValueError:
            typed = None
        if typed is None:
            raise ValidationFailedError(errors={"due_at": [_("Choose a day and a time.")]})
        return typed if timezone.is_aware(typed) else timezone.make_aware(typed)
    minutes = request.POST.get("due_in", "")
    if minutes.isascii() and minutes.isdigit() and len(minutes) < 6:
        return now + timedelta(minutes=int(minutes))
    return now + timedelta(seconds=settings.CALL_BACK_WITHIN)


def _say(request: HttpRequest, words: str, *, undo: str, fields: dict[str, str]) -> None:
    messages.success(
        request,
        render_to_string(
            "desk/_undo.html",
            {"words": words, "undo_url": reverse(undo), "undo_fields": fields},
            request,
        ),
    )
