"""Pages that belong to no app: the way home, health, and what a browser sees when things fail."""

from typing import cast

import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alerts.codes import ErrorCode
from config.api import is_api, problem
from config.readiness import OK, check_parts
from credit.models import User
from credit.selectors.viewers import viewer_of_user
from redemption.dashboard.frame import Link, desk_links, homes_of, report_links

log = structlog.get_logger()


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Send everybody to where their work is: customers to the form, the others by their roles."""
    if not request.user.is_authenticated:
        return redirect("redeem")
    user = request.user
    viewer = viewer_of_user(user.pk)
    if viewer.sees_platform and user.is_staff:
        return redirect("admin:index")
    homes = homes_of(viewer, user)
    return redirect(homes[0].url if len(homes) == 1 else "welcome")


@require_safe
@login_required
def welcome(request: HttpRequest) -> HttpResponse:
    """Greet a signed-in person and list what their roles let them open."""
    user = cast(User, request.user)
    viewer = viewer_of_user(user.pk)
    links = [
        *homes_of(viewer, user),
        *desk_links(viewer),
        *report_links(viewer),
        Link(
            label=_("Redeem a code"), text=_("The form that customers use"), url=reverse("redeem")
        ),
    ]
    return render(request, "home.html", {"links": links})


@never_cache
@require_safe
def live(_request: HttpRequest) -> JsonResponse:
    """Answer as long as the process can."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, migrations, Redis and broker are there, else 503: what isn't."""
    parts = check_parts()
    is_ready = all(state == OK for state in parts.values())
    return JsonResponse(
        {"status": "ok" if is_ready else "unavailable", "parts": parts},
        status=200 if is_ready else 503,
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say in a customer's words that the page was open too long, and how to go on."""
    log.info("form without a valid token", reason=reason)
    return render(
        request,
        "errors/403.html",
        {
            "sentence": _(
                "This page was open for too long. Nothing was lost: go back, reload and try again."
            )
        },
        status=403,
    )


@require_safe
def error_catalogue(request: HttpRequest) -> HttpResponse:
    """Print the catalogue of errors: what partners link to from a problem's ``type``."""
    rows = [
        {
            "code": entry.code,
            "status": entry.status,
            "title": entry.title,
            "customer": entry.customer_words(support_phone=settings.SUPPORT_PHONE_NUMBER),
            "operator": entry.operator,
            "action": entry.action,
        }
        for entry in ErrorCode
    ]
    return render(request, "errors/catalogue.html", {"rows": rows})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return problem(ErrorCode.INVALID_INPUT, request)
    return render(request, "errors/400.html", status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return problem(ErrorCode.NOT_PERMITTED, request)
    return render(request, "errors/403.html", status=403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return problem(ErrorCode.NOT_FOUND, request)
    return render(request, "errors/404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    if is_api(request):
        return problem(ErrorCode.UNEXPECTED, request)
    return render(
        request,
        "errors/500.html",
        {"request_id": request.META.get("giftline.request_id", "")},
        status=500,
    )
