"""Your account: name, password, second factor, and where you are signed in."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from credit.models import User
from credit.selectors.sessions import list_sessions
from credit.services.second_factor import find_authenticator
from credit.services.sessions import end_session, end_sessions
from credit.views.forms import NameForm


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def your_account(request: HttpRequest) -> HttpResponse:
    """Show everything about one's own log-in; a POST changes the name."""
    user = cast(User, request.user)
    form = NameForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Your name is saved."))
        return redirect("your-account")
    return render(
        request,
        "account/account.html",
        {
            "form": form,
            "app": find_authenticator(user=user),
            "sessions": list_sessions(
                user_id=user.pk, current_key=request.session.session_key, now=timezone.now()
            ),
        },
    )


@login_required
@require_POST
def end_one_session(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Sign oneself out somewhere else (or here)."""
    if not end_session(session_id=session_id, user_id=cast(User, request.user).pk):
        raise Http404
    messages.success(request, _("You are signed out there."))
    return redirect("your-account")


@login_required
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """Sign oneself out everywhere but here."""
    end_sessions(user_id=cast(User, request.user).pk, keep_key=request.session.session_key)
    messages.success(request, _("You are signed out everywhere else."))
    return redirect("your-account")
