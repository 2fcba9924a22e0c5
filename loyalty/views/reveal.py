"""The link to a gift card for points: opening it tells whose it is, its button shows the card."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from alerts.errors import ServiceError
from alerts.throttling import RateLimitedError, count_press
from credit.money import display_amount
from credit.views.looks import look_of
from giftcards.faces import group_code, list_steps, tone_of
from loyalty.services.reward_showing import (
    LinkedReward,
    LinkExpiredError,
    ShownReward,
    open_reward_link,
    show_reward_card,
)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def reward_card(request: HttpRequest, token: str) -> HttpResponse:
    """Show the button, and pressed, the card. Previews of messages press nothing."""
    now = timezone.now()
    try:
        if request.method != "POST":
            reward = open_reward_link(token=token, now=now)
            return render(request, "loyalty/open.html", {**_around(reward), "page": _face(reward)})
        count_press(request.META, now=now)
        shown = show_reward_card(token=token, now=now)
    except ServiceError as error:
        return _gone(request, error)
    return render(request, "loyalty/card.html", {**_around(shown.reward), "card": _card(shown)})


def _around(reward: LinkedReward) -> dict[str, Any]:
    return {
        "client_name": reward.client,
        "support_phone": reward.support_phone or settings.SUPPORT_PHONE_NUMBER,
        "support_email": reward.support_email or settings.SUPPORT_EMAIL,
        **look_of(reward.client_id),
    }


def _face(reward: LinkedReward) -> dict[str, Any]:
    return {
        "brand": reward.brand,
        "value": display_amount(reward.value_minor, reward.currency),
        "tone": tone_of(reward.brand),
        "from_name": reward.client,
    }


def _card(shown: ShownReward) -> dict[str, Any]:
    reward = shown.reward
    return {
        **_face(reward),
        "code": shown.code,
        "code_groups": group_code(shown.code),
        "pin": shown.pin,
        "number": shown.number,
        "expires_on": shown.expires_on,
        "use_url": shown.url or reward.redemption_url,
        "how_to": list_steps(reward.instructions),
        "terms_url": reward.terms_url,
        "disclosure": reward.disclosure,
    }


def _gone(request: HttpRequest, error: ServiceError) -> HttpResponse:
    kind = "unknown"
    if isinstance(error, RateLimitedError):
        kind = "slow"
    elif isinstance(error, LinkExpiredError):
        kind = "expired"
    phone = settings.SUPPORT_PHONE_NUMBER
    answer = render(
        request,
        "loyalty/gone.html",
        {"page": {"kind": kind}, "support_phone": phone, "support_email": settings.SUPPORT_EMAIL},
        status=error.code.status,
    )
    if error.retry_after_seconds is not None:
        answer["Retry-After"] = str(error.retry_after_seconds)
    return answer
