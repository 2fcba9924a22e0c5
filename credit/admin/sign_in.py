"""Where people are signed in, who has a second factor, and whose log-in is locked."""

from __future__ import annotations

from axes.models import AccessAttempt
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import GREEN, GREY, NOTHING, label, moment, time_column
from credit.models import Authenticator, UserSession
from credit.selectors.sessions import describe_device, live_sessions
from credit.services.lockouts import UNKNOWN_NAME, find_lock, lift_locks
from credit.services.sessions import end_session


@admin.register(UserSession)
class UserSessionAdmin(ReadOnlyAdmin):
    """Every browser in which somebody is signed in now."""

    actions = ("end",)
    list_display = ("user", "device", "address", "signed_in", "last_seen")
    list_select_related = ("user",)
    ordering = ("-last_seen_at",)
    search_help_text = "A user name, in full"
    fields = ("user", "device", "address", "signed_in_at", "last_seen_at", "user_agent")
    signed_in = time_column("signed_in_at", title="signed in")
    last_seen = time_column("last_seen_at", title="last seen")

    def get_queryset(self, request: HttpRequest) -> QuerySet[UserSession]:
        return live_sessions(now=timezone.now())

    def match(self, term: str) -> Q:
        return Q(user__username=term)

    @admin.display(description="device")
    def device(self, session: UserSession) -> str:
        return describe_device(session.user_agent)

    @admin.action(description="End: they have to sign in anew")
    def end(self, request: HttpRequest, queryset: QuerySet[UserSession]) -> None:
        for session in queryset.select_related("user"):
            end_session(session_id=session.pk)
            self.log_change(request, session.user, "Ended a session.")
        messages.success(request, "They are signed out there.")


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """Who has set up a second factor; the person's page takes one away."""

    list_display = ("user", "state", "codes_left", "created", "last_used")
    list_select_related = ("user",)
    list_filter = ("confirmed",)
    ordering = ("-pk",)
    search_help_text = "A user name, in full"
    fields = ("user", "state", "codes_left", "created_at", "last_used_at")
    created = time_column("created_at")
    last_used = time_column("last_used_at")

    def match(self, term: str) -> Q:
        return Q(user__username=term)

    @admin.display(description="state")
    def state(self, app: Authenticator) -> SafeString:
        return label("In use", GREEN) if app.confirmed else label("Being set up", GREY)

    @admin.display(description="recovery codes left")
    def codes_left(self, app: Authenticator) -> int:
        return len(app.recovery_digests)


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ReadOnlyAdmin):
    """Wrong passwords and codes: Note [Counting failures]."""

    actions = ("lift",)
    list_display = ("name", "ip_address", "failures_since_start", "last_failure", "locked_until")
    ordering = ("-attempt_time",)
    lookups = ("username", "ip_address")
    search_help_text = "A user name or an address, in full"
    fields = ("name", "ip_address", "failures_since_start", "attempt_time", "path_info")
    last_failure = time_column("attempt_time", title="last failure")

    @admin.display(description="user name")
    def name(self, attempt: AccessAttempt) -> SafeString | str:
        username = str(attempt.username or NOTHING)
        return label("Nobody's name", GREY) if username.startswith(UNKNOWN_NAME) else username

    @admin.display(description="locked until")
    def locked_until(self, attempt: AccessAttempt) -> SafeString | str:
        lock = find_lock(name=attempt.username, address=attempt.ip_address, now=timezone.now())
        return moment(lock.until) if lock else NOTHING

    @admin.action(description="Lift the lock of this name and of this address")
    def lift(self, request: HttpRequest, queryset: QuerySet[AccessAttempt]) -> None:
        rows = list(queryset.values_list("username", "ip_address"))
        lift_locks(names=[name for name, _ in rows], addresses=[address for _, address in rows])
        messages.success(request, "Wrong passwords and codes are forgotten.")
