"""Who is looking, and what they may see: decided here and nowhere else."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection, Iterator
from typing import Final, Literal
from uuid import UUID

from django.db.models import Q

from alerts.scope import EVERYTHING, Scope, seeing
from credit.models import Membership, User

ScopeKind = Literal["platform", "agency", "client"]
Role = Membership.Role

# Who may look at money, and who may move it or change what is offered. An agent sees no money;
# an auditor reads everything of its scope and changes nothing.
MANAGERS: Final = frozenset({Role.PLATFORM_ADMIN, Role.AGENCY_MANAGER, Role.CLIENT_MANAGER})
MONEY_READERS: Final = MANAGERS | {Role.AUDITOR}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One role of a person with the organisation it is for; neither id means the platform."""

    role: Role
    agency_id: UUID | None = None
    client_id: UUID | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody with a view on tenants' data: a signed-in person, a partner's key, the system.

    ``actor`` is how the records name them: ``user:<id>``, ``key:<id>``, ``system``.
    """

    actor: str
    sees_platform: bool = False
    agency_ids: frozenset[UUID] = frozenset()
    client_ids: frozenset[UUID] = frozenset()
    scopes: frozenset[str] = frozenset()
    grants: tuple[Grant, ...] = ()
    role_names: tuple[str, ...] = ()
    organisation_names: tuple[str, ...] = ()

    def client_filter(self, prefix: str = "client") -> Q:
        """Return the condition that narrows rows which name a client to what may be seen."""
        if self.sees_platform:
            return Q()
        return Q(**{f"{prefix}_id__in": self.client_ids}) | Q(
            **{f"{prefix}__agency_id__in": self.agency_ids}
        )

    def account_filter(self, prefix: str = "") -> Q:
        """Return the condition that narrows accounts to what may be seen.

        An agency's account and all below it name the agency, a client's and all below it the
        client; the platform's name neither.
        """
        if self.sees_platform:
            return Q()
        return Q(**{f"{prefix}client_id__in": self.client_ids}) | Q(
            **{f"{prefix}agency_id__in": self.agency_ids}
        )

    def narrowed_to(self, roles: Collection[str]) -> Viewer:
        """Return the view that only these roles give: no right leaks from one role to another."""
        return _viewer_of_grants(
            self.actor,
            [grant for grant in self.grants if grant.role in roles],
            role_names=self.role_names,
            organisation_names=self.organisation_names,
        )

    def as_manager(self) -> Viewer:
        """Return the view of what they may change, the system everything.

        What somebody sees as an auditor or an agent counts for nothing here, also where the same
        person manages something else.
        """
        return self if self == SYSTEM else self.narrowed_to(MANAGERS)

    @property
    def scope(self) -> Scope:
        """What the database shows to this viewer."""
        if self.sees_platform:
            return EVERYTHING
        return Scope(organisation_ids=self.agency_ids | self.client_ids)


SYSTEM = Viewer(actor="system", sees_platform=True)


@contextlib.contextmanager
def viewing(viewer: Viewer) -> Iterator[None]:
    """Read what the viewer may see, and nothing else, whatever the queries inside forget."""
    with seeing(viewer.scope):
        yield


def viewer_of_user(user_id: UUID) -> Viewer:
    """Return the view of a signed-in person: the union of their memberships."""
    # Before anybody knows who is looking nothing is seen, organisations included.
    with seeing(EVERYTHING):
        memberships = list(
            Membership.objects.filter(user_id=user_id)
            .filter(Q(agency=None) | Q(agency__is_active=True))
            .filter(Q(client=None) | Q(client__is_active=True, client__agency__is_active=True))
            .select_related("agency", "client")
            .order_by("pk")
        )
        is_superuser = User.objects.filter(pk=user_id, is_superuser=True, is_active=True).exists()
    grants = [
        Grant(role=Role(m.role), agency_id=m.agency_id, client_id=m.client_id) for m in memberships
    ]
    if is_superuser:
        grants.append(Grant(role=Role.PLATFORM_ADMIN))
    return _viewer_of_grants(
        f"user:{user_id}",
        grants,
        role_names=tuple(dict.fromkeys(m.get_role_display() for m in memberships)),
        organisation_names=tuple(
            dict.fromkeys(str(m.client or m.agency) for m in memberships if m.client or m.agency)
        ),
    )


def _viewer_of_grants(
    actor: str,
    grants: Collection[Grant],
    *,
    role_names: tuple[str, ...],
    organisation_names: tuple[str, ...],
) -> Viewer:
    return Viewer(
        actor=actor,
        sees_platform=any(g.agency_id is None and g.client_id is None for g in grants),
        agency_ids=frozenset(g.agency_id for g in grants if g.agency_id),
        client_ids=frozenset(g.client_id for g in grants if g.client_id),
        grants=tuple(grants),
        role_names=role_names,
        organisation_names=organisation_names,
    )
