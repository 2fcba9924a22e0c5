"""A new password: chosen by who is signed in, or with a link from an admin."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from credit.models import User
from credit.services.lockouts import lift_locks
from credit.services.sessions import end_sessions
from credit.views.forms import OwnPasswordForm
from credit.views.signed_in import keep_only_this_session


@sensitive_post_parameters()
@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    """Change one's own password, which ends all other sessions."""
    user = User.objects.get(pk=cast(User, request.user).pk)
    form = OwnPasswordForm(user, request.POST or None)
    form.request = request
    if request.method == "POST" and form.is_valid():
        form.save()
        keep_only_this_session(request, user)
        messages.success(
            request, _("Your password is changed. Everywhere else you are signed out.")
        )
        return redirect("your-account")
    return render(request, "account/password.html", {"form": form})


class SetPasswordView(PasswordResetConfirmView):
    """Where a link from an admin leads: Note [Password links]."""

    template_name = "account/set_password.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        user = cast(User, self.user)
        end_sessions(user_id=user.pk)
        lift_locks(names=[user.get_username()])
        messages.success(self.request, _("Your password is set. Sign in with it."))
        return response
