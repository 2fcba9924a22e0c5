"""Setting up the second factor, renewing its recovery codes, taking it away."""

from __future__ import annotations

from typing import cast

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from credit.models import User
from credit.services.lockouts import count_failure, may_try
from credit.services.second_factor import (
    Verdict,
    begin_set_up,
    check_second_factor,
    find_authenticator,
    finish_set_up,
    remove_second_factor,
    renew_recovery_codes,
    secret_text,
    set_up_address,
)
from credit.views.forms import TOO_SOON, WRONG_CODE, ProofForm
from credit.views.signed_in import keep_only_this_session


@sensitive_post_parameters()
@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Set the second factor up, or change the one there is."""
    user = cast(User, request.user)
    if find_authenticator(user=user) is None:
        return _set_up(request, user)
    return _change(request, user)


def _set_up(request: HttpRequest, user: User) -> HttpResponse:
    form = ProofForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid() and may_try(request, name=user.get_username()):
        verdict, codes = finish_set_up(user=user, code=form.cleaned_data["code"])
        if verdict is Verdict.GOOD:
            keep_only_this_session(request, user, app=find_authenticator(user=user))
            return _show_codes(request, codes, is_new=True)
        _explain(request, form, verdict)
    app = begin_set_up(user=user, now=timezone.now())
    return render(
        request,
        "account/set_up.html",
        {
            "form": form,
            "secret": secret_text(app),
            "qr": _draw_qr(set_up_address(app, user=user)),
            "is_required": settings.OTP_REQUIRED,
        },
    )


def _change(request: HttpRequest, user: User) -> HttpResponse:
    form = ProofForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid() and may_try(request, name=user.get_username()):
        verdict = check_second_factor(user=user, code=form.cleaned_data["code"])
        if verdict in (Verdict.GOOD, Verdict.GOOD_RECOVERY):
            if "remove" in request.POST:
                remove_second_factor(user=user)
                messages.success(
                    request, _("Two-step sign-in is off. Your password alone signs you in.")
                )
                return redirect("your-account")
            return _show_codes(request, renew_recovery_codes(user=user), is_new=False)
        _explain(request, form, verdict)
    return render(
        request,
        "account/second_factor.html",
        {"form": form, "app": find_authenticator(user=user)},
    )


def _show_codes(request: HttpRequest, codes: list[str], *, is_new: bool) -> HttpResponse:
    return render(request, "account/recovery_codes.html", {"codes": codes, "is_new": is_new})


def _explain(request: HttpRequest, form: ProofForm, verdict: Verdict) -> None:
    if verdict is Verdict.WRONG:
        count_failure(request, name=request.user.get_username())
    form.add_error("code", TOO_SOON if verdict is Verdict.TOO_SOON else WRONG_CODE)


def _draw_qr(text: str) -> SafeString:
    """Draw a QR code without a style attribute, which the policy would refuse."""
    svg = segno.make(text, error="m", micro=False).svg_inline(
        scale=4, border=4, omitsize=True, light="#fff", dark="#000"
    )
    return SafeString(svg)
