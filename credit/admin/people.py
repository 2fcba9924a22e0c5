"""Users, and what they may do for whom."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Permission
from django.forms import CheckboxSelectMultiple, ModelMultipleChoiceField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from alerts.admin.base import EditableInline, PlatformAdmin
from alerts.admin.cells import BLUE, GREEN, label, state_column, time_column
from alerts.admin.dialogs import leave_for
from alerts.admin.forms import WordedForm
from credit.models import Membership, User
from credit.services.lockouts import lift_locks
from credit.services.passwords import make_password_token
from credit.services.second_factor import remove_second_factor
from credit.services.sessions import SEEN_AT, end_sessions

_ROLES = Membership.Role
_SCOPES: dict[str, str] = {
    _ROLES.PLATFORM_ADMIN: "A platform admin belongs to no agency and no client.",
    _ROLES.AGENCY_MANAGER: "An agency manager belongs to an agency and to no single client.",
    _ROLES.CLIENT_MANAGER: "A client manager belongs to a client; leave the agency empty.",
    _ROLES.AGENT: "An agent belongs to a client; leave the agency empty.",
    _ROLES.AUDITOR: "An auditor belongs to an agency or a client, not both; to neither: to all.",
}
ROLE_COLOURS = {"platform_admin": GREEN, "agency_manager": BLUE, "client_manager": BLUE}


class MembershipForm(WordedForm):
    """A role with the organisation it needs."""

    constraint_words: ClassVar = {
        "credit_membership_unique": (None, "This person has this role there already."),
    }

    def _explain(self, name: str, error: Any) -> None:
        words = _SCOPES.get(self.cleaned_data.get("role", ""))
        if name == "credit_membership_scope_fits_role" and words:
            self.add_error("role", words)
        else:
            super()._explain(name, error)


class RightsField(ModelMultipleChoiceField):  # type: ignore[type-arg]
    """The few rights that a person has beside their roles, in words."""

    def label_from_instance(self, permission: Any) -> str:
        return str(permission.name)


class MembershipInline(EditableInline):
    """A user's roles."""

    model = Membership
    form = MembershipForm
    may_delete = True
    fields = ("role", "agency", "client")
    autocomplete_fields = ("agency", "client")


@admin.register(User)
class UserAdmin(PlatformAdmin, DjangoUserAdmin):  # type: ignore[type-arg, misc]
    """People who sign in; deactivated rather than deleted, for the records name them."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = (MembershipInline,)
    actions_detail = ("password_link", "sign_out", "lift_lock", "reset_second_factor")
    list_display = ("username", "full_name", "email", "roles", "is_staff", "is_active")
    list_filter = ("is_active", "is_staff", "memberships__role")
    search_fields = ("username", "first_name", "last_name", "email")
    ordering = ("username",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        (
            "Access",
            {
                "fields": ("is_active", "is_staff", "is_superuser", "user_permissions"),
                "description": "To enter this administration somebody needs the staff status "
                "and the role of a platform admin. The rights are for single people on top of "
                "that; superusers have them all.",
            },
        ),
        ("When", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "password1", "password2")}),)

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).prefetch_related("memberships")

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "user_permissions":
            own = [codename for codename, _ in User._meta.permissions]  # noqa: SLF001
            return RightsField(
                queryset=Permission.objects.filter(
                    content_type__app_label="credit", codename__in=own
                ).order_by("codename"),
                label="Rights",
                required=False,
                widget=CheckboxSelectMultiple,
            )
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @admin.display(description="name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        if user.is_superuser:
            return label("Superuser", GREEN)
        return ", ".join(dict.fromkeys(m.get_role_display() for m in user.memberships.all()))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            end_sessions(user_id=obj.pk)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:  # noqa: A002
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            user = get_object_or_404(User, pk=id)
            # Django has given this browser's session a new key: it is to be noted anew.
            request.session.pop(SEEN_AT, None)
            end_sessions(user_id=user.pk, keep_key=request.session.session_key)
        return response

    @action(description="Link to set a password", icon="link")  # type: ignore[untyped-decorator]
    def password_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._password_link)(request, object_id)

    def _password_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = get_object_or_404(User, pk=object_id)
        link = ""
        if request.method == "POST" and user.is_active:
            link = request.build_absolute_uri(
                reverse("set-password", args=make_password_token(user))
            )
            self.log_change(request, user, "Made a link to set a password.")
        context = {
            **self.admin_site.each_context(request),
            "title": f"A password for {user.get_username()}",
            "person": user,
            "link": link,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/password_link.html", context)

    @action(  # type: ignore[untyped-decorator]
        description="Sign out everywhere",
        icon="logout",
        dialog={
            "title": "Sign out everywhere",
            "description": "Every browser in which this person is signed in has to sign in anew.",
            "form_submit_text": "Sign out",
        },
    )
    def sign_out(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        user = get_object_or_404(User, pk=object_id)
        count = end_sessions(user_id=user.pk)
        self.log_change(request, user, "Signed out everywhere.")
        messages.success(request, f"Ended {count} sessions.")
        return _back_to(request, user)

    @action(  # type: ignore[untyped-decorator]
        description="Lift the lock",
        icon="lock_open",
        dialog={
            "title": "Lift the lock",
            "description": "Forgets the wrong passwords and codes of this user name.",
            "form_submit_text": "Lift it",
        },
    )
    def lift_lock(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        user = get_object_or_404(User, pk=object_id)
        lift_locks(names=[user.get_username()])
        self.log_change(request, user, "Lifted the lock of the log-in.")
        messages.success(request, "Wrong passwords and codes are forgotten.")
        return _back_to(request, user)

    @action(  # type: ignore[untyped-decorator]
        description="Remove the second factor",
        icon="phonelink_erase",
        dialog={
            "title": "Remove the second factor",
            "description": "Make sure first that it is this person who asks: from then on the "
            "password alone signs them in, until they set up another one.",
            "form_submit_text": "Remove it",
        },
    )
    def reset_second_factor(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        user = get_object_or_404(User, pk=object_id)
        if remove_second_factor(user=user):
            end_sessions(user_id=user.pk)
            self.log_change(request, user, "Removed the second factor.")
            messages.success(request, "The second factor is removed.")
        else:
            messages.info(request, "There was none.")
        return _back_to(request, user)


def _back_to(request: HttpRequest, user: User) -> HttpResponse:
    return leave_for(request, reverse("admin:credit_user_change", args=[user.pk]))


@admin.register(Membership)
class MembershipAdmin(PlatformAdmin):
    """Who may do what for whom."""

    form = MembershipForm
    may_delete = True
    list_display = ("user", "role_label", "agency", "client", "created")
    list_filter = ("role", "agency")
    list_select_related = ("user", "agency", "client")
    search_fields = ("user__username", "user__email", "client__name", "agency__name")
    autocomplete_fields = ("user", "agency", "client")
    fields = ("user", "role", "agency", "client")
    created = time_column("created_at")
    role_label = state_column("role", ROLE_COLOURS, title="role")
