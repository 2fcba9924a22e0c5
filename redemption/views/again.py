"""The link to a card once more, for who has used their code before: to where it went, masked.

Whoever only types the code sees neither the card nor the whole of the number.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.throttling import RateLimitedError, count_press
from redemption.selectors.codes import CodeFacts
from redemption.selectors.rewards import RewardFacts, reward_facts
from redemption.services.asking_again import WayBack, find_way_back, send_link_again
from redemption.views import pages
from redemption.views.embedding import address_in, embedded_client
from redemption.views.whose import whose_code, whose_reward

_SESSION: Final = "redeem_again"


def used_before(request: HttpRequest, facts: CodeFacts, redemption_id: UUID) -> dict[str, Any]:
    """Return what the page about a used code prints around it and offers."""
    # Codes that can be guessed ask for a second factor.
    offer = _remember(request, redemption_id, is_weak=bool(facts.second_factor))
    return {**whose_code(request, facts), **offer}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def link_again(request: HttpRequest) -> HttpResponse:
    """Send the link again, and say where it has gone."""
    asked = request.session.get(_key(request))
    way = None if asked is None else find_way_back(redemption_id=UUID(asked["redemption_id"]))
    if asked is None or way is None:
        return redirect(address_in(request, "redeem"))
    whose = whose_reward(request, _reward(way))
    if request.method == "POST":
        now = timezone.now()
        try:
            count_press(request.META, now=now)
            send_link_again(redemption_id=way.redemption_id, now=now)
        except RateLimitedError as error:
            page = {**_masked(way, is_weak=asked["is_weak"]), "minutes": _minutes(error)}
            answer = render(request, "redeem/again.html", {**whose, "page": page}, status=429)
            answer["Retry-After"] = str(error.retry_after_seconds)
            return answer
        except ServiceError as error:
            return pages.render_problem(request, error, whose)
        request.session[_key(request)] = {**asked, "is_sent": True}
        return redirect(address_in(request, "redeem-again"))
    if not asked["is_sent"]:
        offer = _remember(request, way.redemption_id, is_weak=asked["is_weak"])
        return pages.render_problem(request, ErrorCode.ALREADY_REDEEMED, {**whose, **offer})
    page = {**_masked(way, is_weak=asked["is_weak"]), "minutes": 0}
    return render(request, "redeem/again.html", {**whose, "page": page})


def _remember(request: HttpRequest, redemption_id: UUID, *, is_weak: bool) -> dict[str, object]:
    """Remember whose code was entered again, for the press of the button."""
    way = find_way_back(redemption_id=redemption_id)
    if way is None:
        request.session.pop(_key(request), None)
        return {}
    used = {"redemption_id": str(redemption_id), "is_sent": False, "is_weak": is_weak}
    request.session[_key(request)] = used
    return {
        "way_back": _masked(way, is_weak=is_weak),
        "again_url": address_in(request, "redeem-again"),
    }


def _minutes(error: RateLimitedError) -> int:
    return -(-(error.retry_after_seconds or 60) // 60)


def _reward(way: WayBack) -> RewardFacts:
    return reward_facts(redemption_id=way.redemption_id)


def _masked(way: WayBack, *, is_weak: bool) -> dict[str, str]:
    if is_weak:
        return {"method": way.method, "to": ""}
    # Fewer digits than elsewhere: the code alone does not say whose it is.
    to = way.to[-2:] if way.method == "sms" else pages.mask_contact(way.method, way.to)
    return {"method": way.method, "to": to}


def _key(request: HttpRequest) -> str:
    client_id = embedded_client(request)
    return _SESSION if client_id is None else f"{_SESSION}:{client_id}"
