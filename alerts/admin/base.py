"""What every page of the admin has in common, for all apps.

Note [Who may see the admin]
The site decides, once, for every model: ``PlatformAdminSite.has_permission``. Django's own
permissions are not asked, so that no group or permission somebody once ticked opens a table.
Few rights come on top of the site's, such as to see a card's code (``credit.reveal_card``): those
of ``User``, ticked on the page of a person who is a platform admin already.
Nothing can be deleted unless a class says so: almost everything is part of somebody's history,
and Django would first collect the million rows that hang on a client.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import Model, Q, QuerySet, URLField
from django.http import Http404, HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from alerts.admin.paging import EstimatedPaginator


class SiteDecides:
    """Mixin: who may see, add and change is the site's to say; deleting is off."""

    may_delete = False
    admin_site: Any

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(self.admin_site.has_permission(request))

    # Django passes ``obj`` by its name in some places, so it has to keep it.
    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.admin_site.has_permission(request))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.admin_site.has_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.admin_site.has_permission(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_delete and bool(self.admin_site.has_permission(request))


class ReadOnly(SiteDecides):
    """Mixin: to be looked at; what changes these rows is a service."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PlatformAdmin(SiteDecides, ModelAdmin):  # type: ignore[misc]
    """A table that platform admins edit."""

    list_per_page = 50
    list_max_show_all = 200
    list_fullwidth = True
    show_full_result_count = False
    empty_value_display = "–"
    paginator = EstimatedPaginator
    warn_unsaved_form = True
    formfield_overrides: ClassVar[dict[Any, Any]] = {URLField: {"assume_scheme": "https"}}

    def find_row(self, request: HttpRequest, object_id: str) -> Any:
        """Return the row that an address names.

        :raises Http404: there is none, or this is no id at all.
        """
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return row


class ReadOnlyAdmin(ReadOnly, PlatformAdmin):
    """A table to look at, which may be large.

    It is sorted by ``ordering`` alone, which an index has to hold, and searched by equality in
    the columns of ``lookups``, which an index has to hold too.
    """

    actions: tuple[str, ...] | None = None
    sortable_by: tuple[str, ...] = ()
    warn_unsaved_form = False
    # Columns that a search term is compared with; of a UUID column only where the term is one.
    lookups: ClassVar[tuple[str, ...]] = ("pk",)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return self.lookups

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return list(flatten_fieldsets(self.get_fieldsets(request, obj)))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(self.match(term)) if term else queryset), False

    def match(self, term: str) -> Q:
        """Return what a search for ``term`` (not empty) finds."""
        found = Q(pk__in=[])
        for lookup in self.lookups:
            value = read_key(self._column(lookup).get_internal_type(), term)
            if value is not None:
                found |= Q(**{lookup: value})
        return found

    def _column(self, lookup: str) -> Any:
        meta: Any = self.model._meta  # noqa: SLF001  Django's public door
        column = meta.pk if lookup == "pk" else meta.get_field(lookup)
        return column.target_field if column.is_relation else column


class EditableInline(SiteDecides, TabularInline):  # type: ignore[misc]
    """Rows of another table, edited with the one they belong to."""

    extra = 0


class ReadOnlyInline(ReadOnly, TabularInline):  # type: ignore[misc]
    """Rows of another table, shown with the one they belong to."""

    extra = 0
    can_delete = False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return list(flatten_fieldsets(self.get_fieldsets(request, obj)))


def read_key(column_type: str, term: str) -> UUID | int | str | None:
    """Read a search term as a value of a column; None when it can be none of it."""
    if column_type == "UUIDField":
        try:
            return UUID(term)
        except ValueError:
            return None
    if column_type == "GenericIPAddressField":
        try:
            return str(ip_address(term))
        except ValueError:
            return None
    if column_type in ("BigAutoField", "AutoField"):
        return int(term) if term.isascii() and term.isdigit() and len(term) < 19 else None
    return term
