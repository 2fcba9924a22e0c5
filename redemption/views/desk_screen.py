"""The desk's screen, made from the agent's open call: what is there to see and to do now."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone

from alerts.errors import ServiceError
from credit.models import User
from credit.selectors.staff import may_replace_cards, may_show_cards_again, may_skip_opt_ins
from credit.selectors.viewers import MANAGERS, Viewer
from redemption.selectors.codes import CodeFacts, find_code
from redemption.selectors.desk import (
    OpenCall,
    Person,
    open_call_of,
    person_at_desk,
    rewards_at_desk,
    trace_of_refusal,
)
from redemption.selectors.desk_search import Found, Match, find_by_phone, read_phone
from redemption.services.desk_rewards import see_given_card
from redemption.services.showing import ShownCard
from redemption.views.desk_beside import side_context
from redemption.views.desk_parts import (
    RewardPart,
    badges_of,
    copy_text,
    offer_parts,
    problem_part,
    reward_part,
)
from redemption.views.desk_words import outcome_choices, script_for
from redemption.views.pages import card_page
from sms.providers import carries_email

# What can be given, be it that it waits for something first.
_OPEN_STATES: Final = frozenset({"ready", "waiting_opt_in", "waiting_approval", "out_of_stock"})

# What is said of a reward that was given in this call and waits.
_WAITING: Final = {
    "waiting_stock": "in_line",
    "waiting_opt_in": "asked",
    "waiting_approval": "to_approve",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What the last press came to, where it changed nothing and so can't be read from the call.

    :param form: which form it was, to be shown open again with its ``values``.
    :param sound: ``good`` or ``bad``.
    """

    query: str = dataclasses.field(default="", repr=False)
    found: Found | None = None
    error: ServiceError | None = None
    form: str = ""
    values: QueryDict | None = dataclasses.field(default=None, repr=False)
    shown: ShownCard | None = dataclasses.field(default=None, repr=False)
    shown_id: UUID | None = None
    caller: str = ""
    sound: str = ""


NOTHING_TRIED: Final = Tried()


def agent_of(request: HttpRequest) -> User:
    """Return who sits at the desk; the page's door has seen to it that somebody does."""
    return cast(User, request.user)


def answer_step(request: HttpRequest, viewer: Viewer, tried: Tried | None = None) -> HttpResponse:
    """Answer a press: the screen's part to htmx; to a plain form a redirect, or what was tried."""
    if "HX-Request" in request.headers:
        return show_screen(request, viewer, tried or NOTHING_TRIED)
    if tried is None or tried == Tried(sound=tried.sound):
        return redirect("desk")
    return show_screen(request, viewer, tried)


def show_screen(request: HttpRequest, viewer: Viewer, tried: Tried) -> HttpResponse:
    """Print the screen as it stands, a part of it to htmx."""
    is_part = "HX-Request" in request.headers
    now = timezone.now()
    context = _context(request, viewer, tried, now=now)
    if not is_part:
        context |= side_context(request, viewer, now=now)
    status = 200
    if tried.error is not None and not is_part:
        status = tried.error.code.status
    return render(
        request, "desk/_screen.html" if is_part else "desk/desk.html", context, status=status
    )


def _context(
    request: HttpRequest, viewer: Viewer, tried: Tried, *, now: datetime
) -> dict[str, Any]:
    user = agent_of(request)
    call = open_call_of(agent_id=user.pk, now=now)
    person = None
    if call is not None and call.recipient_id is not None:
        person = person_at_desk(viewer=viewer, recipient_id=call.recipient_id)
    context: dict[str, Any] = {
        "call": call,
        "person": person,
        "holder": call.holder if call and person else None,
        "query": tried.query,
        "values": tried.values or QueryDict(),
        "open_form": tried.form,
        "sound": tried.sound,
        "problem": _problem(request, tried),
        "errors": tried.error.errors if tried.error else {},
        "outcomes": outcome_choices(),
        "incoming": None,
        "now": now,
    }
    if person is None or call is None:
        context |= _before(viewer, call, tried)
    else:
        context |= _at_work(request, viewer, call, person, tried, now=now)
    return context


def _before(viewer: Viewer, call: OpenCall | None, tried: Tried) -> dict[str, Any]:
    """What there is before anybody is known: the question who it is, or those who may be it."""
    found = tried.found
    matches: tuple[Match, ...] = found.matches if found else ()
    state = "idle"
    if matches:
        state = "choose"
    elif found is not None:
        state = "invalid" if found.seems_code else "nobody"
    elif tried.caller:
        matches = find_by_phone(viewer=viewer, phone=tried.caller)
        state = "choose" if len(matches) > 1 else "incoming" if matches else "idle"
    return {
        "state": state,
        "matches": matches,
        "incoming": tried.caller or None,
        "caller": tried.caller or (call.caller if call else ""),
        "script": script_for(state, first_name=matches[0].name if state == "incoming" else ""),
        "focus": "matches" if matches else "find",
    }


def _at_work(
    request: HttpRequest,
    viewer: Viewer,
    call: OpenCall,
    person: Person,
    tried: Tried,
    *,
    now: datetime,
) -> dict[str, Any]:
    """What there is once the caller is known."""
    user = agent_of(request)
    shown = tried.shown
    if shown is None and call.redemption_id is not None:
        # First, since being shown changes how the reward stands.
        shown = see_given_card(viewer=viewer, agent_id=user.pk, call_id=call.call_id, now=now)
    rewards = rewards_at_desk(viewer=viewer, recipient_id=person.recipient_id)
    parts = [reward_part(reward, person, viewer, now=now) for reward in rewards]
    given = next((one for one in parts if one.redemption_id == call.redemption_id), None)
    facts = find_code(recipient_id=person.recipient_id, now=now)
    state = _state(call, facts, given, parts)
    can_give = facts is not None and facts.state in _OPEN_STATES and call.holder is None
    values = tried.values or QueryDict()
    card = card_page(shown) if shown else None
    number = values.get("condition_number", "")
    matches: tuple[Match, ...] = ()
    if tried.found is not None:
        # Somebody else was looked for.
        matches = tried.found.matches
        state = "choose" if matches else "invalid" if tried.found.seems_code else "nobody"
    return {
        "state": state,
        "badges": badges_of(person),
        "rewards": [one for one in parts if one is not given],
        "given": given,
        "card": card,
        "card_key": str(tried.shown_id or call.redemption_id) if card else "",
        "copy_text": copy_text(card) if card else "",
        "offers": offer_parts(
            facts,
            person,
            chosen=int(number) if number.isascii() and number.isdigit() else None,
            ticked=read_ticks(values),
        )
        if facts and can_give
        else (),
        "phone": values.get("phone") or call.caller or person.phone,
        "email": values.get("email") or person.email,
        "method": values.get("method") or _usual_method(call, person),
        "offers_email": carries_email(),
        "may_replace": bool(viewer.narrowed_to(MANAGERS).grants) and may_replace_cards(user),
        "may_skip": may_skip_opt_ins(user),
        "may_show": may_show_cards_again(user),
        "caller": call.caller,
        "incoming": tried.caller if tried.caller != call.caller else None,
        "matches": matches,
        "script": script_for(
            state,
            first_name=person.first_name,
            colleague=call.holder.name if call.holder else "",
        ),
        "focus": _focus(tried, matches, given=given is not None, can_give=can_give),
    }


def _focus(tried: Tried, matches: tuple[Match, ...], *, given: bool, can_give: bool) -> str:
    if tried.found is not None:
        return "matches" if matches else "find"
    if tried.form:
        return tried.form
    return "end" if given else "give" if can_give else "help"


def _state(
    call: OpenCall, facts: CodeFacts | None, given: RewardPart | None, parts: list[RewardPart]
) -> str:
    if call.holder is not None:
        return "held"
    if given is not None:
        if given.has_failed_text:
            return "text_failed"
        if given.is_standing:
            return "arrived" if given.has_arrived else "given"
        if given.state in _WAITING:
            return _WAITING[given.state]
        if given.state not in ("failed", "cancelled"):
            return "in_progress"
    if facts is None:
        return "not_active"
    if facts.state == "redeemed" and parts and parts[0].has_failed_text:
        return "text_failed"
    return facts.state


def _usual_method(call: OpenCall, person: Person) -> str:
    if (
        person.opt_in == "revoked"
        or person.bad_phone is not None
        or not (call.caller or person.phone)
    ):
        return "email" if person.email else "sms"
    return "sms"


def _problem(request: HttpRequest, tried: Tried) -> Any:
    error = tried.error
    if error is None:
        return None
    request_id = str(request.META.get("giftline.request_id", ""))
    redemption_id = getattr(error, "redemption_id", None)
    trace = trace_of_refusal(
        request_id=request_id,
        redemption_id=UUID(str(redemption_id)) if redemption_id else None,
    )
    return problem_part(error, request_id=request_id, trace=trace)


def read_ticks(values: QueryDict) -> frozenset[tuple[int, int]]:
    """Return which points of which condition were ticked: ``tick=2-0`` is the first of 2."""
    ticks = set()
    for text in values.getlist("tick"):
        number, _dash, place = text.partition("-")
        if number.isascii() and number.isdigit() and place.isascii() and place.isdigit():
            ticks.add((int(number[:5]), int(place[:5])))
    return frozenset(ticks)


def read_caller(request: HttpRequest) -> str:
    """Return the number that a telephone system, or a form, says is calling, as E.164."""
    given = request.POST.get("caller") or request.GET.get("caller") or ""
    # A plus sign in an address is a space to those who forget to escape it.
    given = given.strip()
    return read_phone(f"+{given}" if given.isdigit() and len(given) > 10 else given)


def read_id(request: HttpRequest, name: str) -> UUID | None:
    """Return an id that a form has sent, None where it is none."""
    try:
        return UUID(request.POST.get(name) or request.GET.get(name) or "")
    except ValueError:
        return None
