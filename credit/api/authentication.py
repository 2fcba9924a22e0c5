"""Who calls the API: a partner's key in the Authorization header."""

import dataclasses
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from alerts.addresses import client_address
from alerts.scope import see_from_here
from credit.models import ApiKey
from credit.selectors.viewers import Viewer
from credit.services.api_keys import NotAuthenticatedError, ScopeMissingError, find_api_key


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """The organisation behind a key, and what the key is for."""

    key_id: UUID
    scope_kind: Literal["platform", "agency", "client"]
    scope_id: UUID | None
    scopes: frozenset[str]
    is_authenticated: bool = True

    @property
    def actor(self) -> str:
        return f"key:{self.key_id}"

    @property
    def organisation(self) -> str:
        """How idempotency keys name it: a rotated key keeps its history."""
        return self.scope_kind if self.scope_id is None else f"{self.scope_kind}:{self.scope_id}"

    @property
    def viewer(self) -> Viewer:
        return Viewer(
            actor=self.actor,
            sees_platform=self.scope_kind == "platform",
            agency_ids=frozenset({self.scope_id} if self.scope_kind == "agency" else ()),  # type: ignore[arg-type]
            client_ids=frozenset({self.scope_id} if self.scope_kind == "client" else ()),  # type: ignore[arg-type]
            scopes=self.scopes,
        )


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Api-Key <key>``."""

    def authenticate(self, request: Request) -> tuple[Partner, None] | None:
        partner = partner_of(request._request)  # noqa: SLF001  DRF's own way to the request
        return None if partner is None else (partner, None)

    def authenticate_header(self, request: Request) -> str:
        return 'Api-Key realm="Giftline"'


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI page names it."""

    target_class = ApiKeyAuthentication
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Api-Key <key>`; keys are bound to one organisation and scoped.",
        }


def partner_of(request: HttpRequest) -> Partner | None:
    """Return who calls, None for a caller without an Authorization header.

    :raises NotAuthenticatedError: the header is there and no good (GC-109).
    """
    header = request.META.get("HTTP_AUTHORIZATION", "")
    if not header:
        return None
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "api-key" or not secret.strip():
        raise NotAuthenticatedError
    address = client_address(request.META, trusted_hops=settings.TRUSTED_PROXY_HOPS)
    return _to_partner(find_api_key(secret.strip(), now=timezone.now(), address=address))


def require_scope(request: Request, scope: str, *others: str) -> Partner:
    """Return the calling partner; from here on the request sees the partner's rows.

    :param others: scopes any of which will do instead.
    :raises NotAuthenticatedError: nobody gave a key (GC-109).
    :raises ScopeMissingError: the key is not for this (GC-110).
    """
    partner = request.user
    if not isinstance(partner, Partner):
        raise NotAuthenticatedError
    if partner.scopes.isdisjoint((scope, *others)):
        raise ScopeMissingError(scope=", ".join((scope, *others)))
    see_from_here(partner.viewer.scope)
    return partner


def _to_partner(key: ApiKey) -> Partner:
    return Partner(
        key_id=key.pk,
        scope_kind=key.owner_kind,  # type: ignore[arg-type]  # held by the table's CHECK
        scope_id=key.client_id or key.agency_id,
        scopes=frozenset(key.scopes),
    )
