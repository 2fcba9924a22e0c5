"""Signing in: user name and password, then the second factor of those who have one."""

from __future__ import annotations

import math
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from credit.models import User
from credit.services.lockouts import (
    count_failure,
    counted_address,
    counted_name,
    find_lock,
    may_try,
)
from credit.services.second_factor import Verdict, check_second_factor, find_authenticator
from credit.views.forms import TOO_SOON, WRONG_CODE, CodeForm, SignInForm
from credit.views.signed_in import ENDED, begin_session

# Whose password was right, and when; gone when the code was not typed in time.
_PENDING: Final = "sign_in_pending"
_PENDING_SECONDS: Final = 300


class SignInView(LoginView):
    """The first step; somebody without a second factor is in after it."""

    form_class = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.get_user()
        if find_authenticator(user=user) is None:
            begin_session(self.request, user, app=None)
            return redirect(self.get_success_url())
        # A new key, so that nobody who knew the old one can come along.
        self.request.session.cycle_key()
        self.request.session[_PENDING] = {
            "user_id": str(user.pk),
            "hash": user.get_session_auth_hash(),
            "at": timezone.now().timestamp(),
        }
        goal = self.get_redirect_url()
        query = f"?{urlencode({'next': goal})}" if goal else ""
        return redirect(reverse("login-code") + query)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["ended"] = _words_for(self.request.session.pop(ENDED, ""))
        if settings.SANDBOX:
            context["demo_people"] = User.objects.filter(
                username__in=settings.DEMO_USERNAMES
            ).order_by("username")
        return context


@method_decorator([never_cache, sensitive_post_parameters("code")], name="dispatch")
class SecondStepView(RedirectURLMixin, FormView):  # type: ignore[type-arg]
    """The second step: a code of the app, or a recovery code."""

    form_class = CodeForm
    template_name = "registration/code.html"
    next_page = settings.LOGIN_REDIRECT_URL

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        pending = _pending_user(request)
        if pending is None:
            return redirect("login")
        self.pending = pending
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: CodeForm) -> HttpResponse:
        user, name = self.pending, self.pending.get_username()
        if not may_try(self.request, name=name):
            return self.form_invalid(form)  # shown as locked out, by the last middleware
        verdict = check_second_factor(user=user, code=form.cleaned_data["code"])
        if verdict in (Verdict.GOOD, Verdict.GOOD_RECOVERY):
            return self._let_in(user, is_recovery=verdict is Verdict.GOOD_RECOVERY)
        if verdict is Verdict.WRONG:
            count_failure(self.request, name=name)
        form.add_error("code", TOO_SOON if verdict is Verdict.TOO_SOON else WRONG_CODE)
        return self.form_invalid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            **kwargs,
            next=self.get_redirect_url(),
            by_recovery_code="recovery" in self.request.GET,
        )

    def _let_in(self, user: User, *, is_recovery: bool) -> HttpResponse:
        goal = self.get_success_url()
        del self.request.session[_PENDING]
        app = find_authenticator(user=user)
        begin_session(self.request, user, app=app)
        if is_recovery and app is not None:
            left = len(app.recovery_digests)
            messages.warning(
                self.request,
                ngettext(
                    "You used a recovery code. %(left)d is left; make new ones in your account.",
                    "You used a recovery code. %(left)d are left.",
                    left,
                )
                % {"left": left},
            )
        return redirect(goal)


def locked_out(
    request: HttpRequest, _response: HttpResponse, credentials: dict[str, Any] | None
) -> HttpResponse:
    """Tell somebody until when they are locked out; AXES_LOCKOUT_CALLABLE."""
    now = timezone.now()
    lock = find_lock(
        name=counted_name(request, credentials), address=counted_address(request), now=now
    )
    until = lock.until if lock else now
    seconds = max(1, math.ceil((until - now).total_seconds()))
    context = {"until": until, "minutes": math.ceil(seconds / 60)}
    response = render(request, "registration/locked.html", context, status=429)
    response["Retry-After"] = str(seconds)
    response["Cache-Control"] = "no-store"
    return response


def _pending_user(request: HttpRequest) -> User | None:
    """Return whose password was right a moment ago, in this browser."""
    pending = request.session.get(_PENDING)
    if pending is None:
        return None
    if timezone.now().timestamp() - pending["at"] > _PENDING_SECONDS:
        del request.session[_PENDING]
        request.session[ENDED] = "slow"
        return None
    user = User.objects.filter(pk=pending["user_id"], is_active=True).first()
    if user is None or not constant_time_compare(pending["hash"], user.get_session_auth_hash()):
        del request.session[_PENDING]
        return None
    return user


def _words_for(ended: str) -> str:
    return {
        "idle": _("You were away for a while, so you were signed out. Sign in to go on."),
        "limit": _("For safety everybody signs in anew after a day. Nothing was lost."),
        "slow": _("That took too long, so please start again."),
    }.get(ended, "")
