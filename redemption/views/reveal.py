"""The link of the text: opening it shows who it is from, its button shows the card."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from alerts.errors import ServiceError
from alerts.throttling import RateLimitedError, count_press
from credit.money import display_amount
from giftcards.faces import tone_of
from redemption.selectors.rewards import reward_facts
from redemption.services.showing import (
    LinkBoundElsewhereError,
    LinkExpiredError,
    OpenedLink,
    bind_link,
    open_link,
    show_card,
)
from redemption.views import pages
from redemption.views.browsers import browser_of, digest_of_browser, remember_browser
from redemption.views.whose import whose_reward


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def reveal(request: HttpRequest, token: str) -> HttpResponse:
    """Show the button, or to the browser that has pressed it, the card."""
    browser = browser_of(request)
    try:
        answer = _answer(request, token, digest_of_browser(browser))
    except RateLimitedError as error:
        answer = pages.render_problem(request, error)
    except ServiceError as error:
        answer = _gone(request, error)
    # Only who may see the card is remembered; a preview of the link leaves nothing behind.
    return remember_browser(answer, browser) if request.method == "POST" else answer


def _answer(request: HttpRequest, token: str, browser_digest: bytes) -> HttpResponse:
    now = timezone.now()
    if request.method == "POST":
        count_press(request.META, now=now)
        bind_link(token=token, browser_digest=browser_digest, now=now)
        return redirect("reveal", token=token)
    opened = open_link(token=token, browser_digest=browser_digest, now=now)
    reward = opened.reward
    context = whose_reward(request, reward)
    if not opened.is_proven:
        return render(request, "reveal/open.html", {**context, "page": _open_page(opened)})
    shown = show_card(redemption_id=reward.redemption_id, actor="customer", now=now)
    if shown is None:
        # Taken out of use by an operator: a new link comes with the new card.
        raise LinkExpiredError(redemption_id=reward.redemption_id)
    return render(
        request, "redeem/card.html", {**context, "card": pages.card_page(shown), "message": None}
    )


def _open_page(opened: OpenedLink) -> dict[str, object]:
    reward = opened.reward
    return {
        "brand": reward.brand,
        "value": display_amount(reward.value_minor, reward.currency),
        "tone": tone_of(reward.brand),
        "from_name": reward.client,
        "is_test": reward.is_test,
        "campaign": reward.campaign,
    }


def _gone(request: HttpRequest, error: ServiceError) -> HttpResponse:
    kind: str = "unknown"
    context: dict[str, object] = {}
    if isinstance(error, (LinkBoundElsewhereError, LinkExpiredError)):
        # Who has the link may know whose it is, and whom to call.
        context = whose_reward(request, reward_facts(redemption_id=error.redemption_id))
        kind = "expired" if isinstance(error, LinkExpiredError) else "elsewhere"
    return render(
        request,
        "reveal/gone.html",
        {**context, "page": {"kind": kind}},
        status=error.code.status,
    )
