"""The link of an opt-in request. Its button grants it; opening it does not: previews do that."""

from datetime import UTC, datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from alerts.errors import ServiceError
from alerts.throttling import RateLimitedError, count_press
from credit.views.looks import look_of
from sms.phones import mask_phone
from sms.services.consents import OptedOutError
from sms.services.requests import (
    OpenRequest,
    RequestExpiredError,
    grant_by_link,
    open_request,
)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def opt_in(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is asked, take the agreement, and say what comes next."""
    now = datetime.now(UTC)
    try:
        if request.method == "POST":
            count_press(request.META, now=now)
        asked = open_request(token=token, now=now)
        if request.method == "POST":
            grant_by_link(token=token, text_shown=_consent(asked), now=now)
            return redirect("opt-in", token=token)
    except RateLimitedError as error:
        return _too_many(request, error)
    except ServiceError as error:
        return _gone(request, error)
    kind = "granted" if asked.is_granted else "stopped" if asked.is_revoked else "asked"
    page = {"kind": kind, "consent": _consent(asked), "phone": mask_phone(asked.phone)}
    return render(request, "opt_in/page.html", {"page": page, **_whose(asked)})


def _consent(asked: OpenRequest) -> str:
    """Return the words above the button: they are kept as the proof."""
    return _(
        "By tapping the button you agree to get text messages about your reward from "
        "%(client)s at the number ending in %(phone)s. Message and data rates may apply. "
        "Reply STOP at any time to end them."
    ) % {"client": asked.client_name, "phone": asked.phone[-4:]}


def _whose(asked: OpenRequest) -> dict[str, object]:
    return {
        "client_name": asked.client_name,
        "support_phone": asked.support_phone or settings.SUPPORT_PHONE_NUMBER,
        "support_email": asked.support_email or settings.SUPPORT_EMAIL,
        **look_of(asked.client_id),
    }


def _too_many(request: HttpRequest, error: RateLimitedError) -> HttpResponse:
    words = error.customer_words(support_phone=settings.SUPPORT_PHONE_NUMBER)
    answer = render(request, "errors/429.html", {"sentence": words}, status=error.code.status)
    answer["Retry-After"] = str(error.retry_after_seconds)
    return answer


def _gone(request: HttpRequest, error: ServiceError) -> HttpResponse:
    kind = "unknown"
    if isinstance(error, RequestExpiredError):
        kind = "expired"
    elif isinstance(error, OptedOutError):
        kind = "stopped"
    page = {"kind": kind, "consent": "", "phone": ""}
    return render(request, "opt_in/page.html", {"page": page}, status=error.code.status)
