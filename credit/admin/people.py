"""Users, and what they may do for whom."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from alerts.admin.base import EditableInline, PlatformAdmin
from alerts.admin.cells import BLUE, GREEN, label, state_column, time_column
from alerts.admin.forms import WordedForm
from credit.models import Membership, User

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
                "fields": ("is_active", "is_staff", "is_superuser"),
                "description": "To enter this administration somebody needs the staff status "
                "and the role of a platform admin.",
            },
        ),
        ("When", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "password1", "password2")}),)

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).prefetch_related("memberships")

    @admin.display(description="name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        if user.is_superuser:
            return label("Superuser", GREEN)
        return ", ".join(dict.fromkeys(m.get_role_display() for m in user.memberships.all()))


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
