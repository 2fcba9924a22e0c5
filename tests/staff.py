"""People at the admin's door: the platform's staff, and strangers who only look like it."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib.auth.models import Permission
from django.test import Client as Browser

from credit.models import Agency, Membership, User
from credit.services.sessions import SEEN_AT
from credit.views.signed_in import SIGNED_IN_AT


def make_user(*, is_staff: bool = True, is_superuser: bool = False) -> User:
    """Make a user who may sign in, with no role."""
    return User.objects.create(
        username=f"user-{uuid4().hex[:8]}", is_staff=is_staff, is_superuser=is_superuser
    )


def make_platform_admin(*rights: str, is_staff: bool = True) -> User:
    """Make somebody with the role of a platform admin, and these rights beside it."""
    user = make_user(is_staff=is_staff)
    Membership.objects.create(user=user, role=Membership.Role.PLATFORM_ADMIN)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return user


def make_agency_manager(agency: Agency) -> User:
    """Make the stranger: staff by the flag, but of an agency."""
    user = make_user()
    Membership.objects.create(user=user, role=Membership.Role.AGENCY_MANAGER, agency=agency)
    return user


def sign_in(user: User) -> Browser:
    """Return a browser in which the user is signed in, and was seen a moment ago."""
    browser = Browser()
    browser.force_login(user)
    session = browser.session
    session[SIGNED_IN_AT] = session[SEEN_AT] = time.time()
    session.save()
    return browser


def form_data(page: Any) -> dict[str, Any]:
    """Return what a browser would send back from a form of the admin as it was shown."""
    context = page.context
    forms = [context["adminform"].form]
    for inline in context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    data: dict[str, Any] = {}
    for form in forms:
        for field in form:
            data.update(_sent_by(field))
    return data


def _sent_by(field: Any) -> dict[str, Any]:
    if isinstance(field.field, forms.FileField):
        return {}
    value = field.value()
    if hasattr(field.field.widget, "decompress"):
        parts = field.field.widget.decompress(value)
        names = field.field.widget.widgets_names
        return {field.html_name + name: part or "" for name, part in zip(names, parts, strict=True)}
    if value is True:
        return {field.html_name: "on"}
    return {} if value is False else {field.html_name: "" if value is None else value}
