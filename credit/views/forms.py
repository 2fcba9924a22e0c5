"""What people type to sign in and to change how they do."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from credit.models import User

WRONG_PASSWORD = _("That is not your password.")
WRONG_CODE = _("That code is not right, or it was used already. Look again and try once more.")
TOO_SOON = _("After a wrong code there is a short wait. Take the next code that your app shows.")
_CODE_LENGTH = 40


class SignInForm(AuthenticationForm):
    """User name and password; one sentence for everything that can be wrong with them."""

    error_messages = {
        "invalid_login": _(
            "This user name and password don't go together. Check both; capitals matter."
        ),
        "inactive": "",
    }


class CodeForm(forms.Form):
    """A code of the app or a recovery code."""

    code = forms.CharField(
        max_length=_CODE_LENGTH, error_messages={"required": _("Type the code.")}
    )


class ProofForm(forms.Form):
    """Password and code, before anything about how somebody signs in is changed."""

    password = forms.CharField(strip=False, error_messages={"required": _("Type your password.")})
    code = forms.CharField(
        max_length=_CODE_LENGTH, error_messages={"required": _("Type the code.")}
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if not is_password_of_user(self.request, password):
            raise ValidationError(WRONG_PASSWORD)
        return password


class NameForm(forms.ModelForm):  # type: ignore[type-arg]
    """How somebody is called on our pages."""

    class Meta:
        model = User
        fields = ("first_name", "last_name")


class OwnPasswordForm(PasswordChangeForm):
    """The old password and the new one, twice."""

    request: HttpRequest

    def clean_old_password(self) -> str:
        password = str(self.cleaned_data["old_password"])
        if not is_password_of_user(self.request, password):
            raise ValidationError(WRONG_PASSWORD)
        return password


def is_password_of_user(request: HttpRequest, password: str) -> bool:
    """Check the password of who is signed in; a wrong one counts like one at the log-in."""
    user = authenticate(request, username=request.user.get_username(), password=password)
    return user is not None and user.pk == request.user.pk
