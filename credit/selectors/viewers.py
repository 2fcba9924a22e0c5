"""Who is looking, and what they may see: decided here and nowhere else."""

import dataclasses
from typing import Literal
from uuid import UUID

from django.db.models import Q

from credit.models import Membership

ScopeKind = Literal["platform", "agency", "client"]


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
    role_names: tuple[str, ...] = ()
    organisation_names: tuple[str, ...] = ()

    def client_filter(self, prefix: str = "client") -> Q:
        """Return the condition that narrows rows which name a client to what may be seen."""
        if self.sees_platform:
            return Q()
        return Q(**{f"{prefix}_id__in": self.client_ids}) | Q(
            **{f"{prefix}__agency_id__in": self.agency_ids}
        )


SYSTEM = Viewer(actor="system", sees_platform=True)


def viewer_of_user(user_id: UUID) -> Viewer:
    """Return the view of a signed-in person: the union of their memberships."""
    memberships = list(
        Membership.objects.filter(user_id=user_id)
        .filter(Q(agency=None) | Q(agency__is_active=True))
        .filter(Q(client=None) | Q(client__is_active=True))
        .select_related("agency", "client")
        .order_by("pk")
    )
    return Viewer(
        actor=f"user:{user_id}",
        sees_platform=any(m.agency_id is None and m.client_id is None for m in memberships),
        agency_ids=frozenset(m.agency_id for m in memberships if m.agency_id),
        client_ids=frozenset(m.client_id for m in memberships if m.client_id),
        role_names=tuple(dict.fromkeys(m.get_role_display() for m in memberships)),
        organisation_names=tuple(
            dict.fromkeys(str(m.client or m.agency) for m in memberships if m.client or m.agency)
        ),
    )
