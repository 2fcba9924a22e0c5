"""The door of every signed-in page: who is looking, with which roles, and what they then see."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, Final, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from alerts.scope import see_from_here
from credit.models import User
from credit.selectors.viewers import Role, Viewer, viewer_of_user

P = ParamSpec("P")
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def page_for(
    *roles: Role,
) -> Callable[
    [Callable[Concatenate[HttpRequest, Viewer, P], HttpResponse]],
    Callable[Concatenate[HttpRequest, P], HttpResponse],
]:
    """Decorate a page that is for people with one of the roles: ``view(request, viewer, …)``.

    ``viewer`` carries the rights of these roles only, and the database shows its rows only, to
    the end of the request. To anybody else the page does not exist (404). An auditor named
    among the roles may look, and is refused whatever would change something (403).
    """

    def decorate(
        view: Callable[Concatenate[HttpRequest, Viewer, P], HttpResponse],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @never_cache
        @login_required
        @functools.wraps(view)
        def page(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            user = cast(User, request.user)
            viewer = viewer_of_user(user.pk).narrowed_to(roles)
            if not viewer.grants:
                raise Http404
            if request.method not in _READING:
                viewer = viewer.narrowed_to(set(roles) - {Role.AUDITOR})
                if not viewer.grants:
                    raise PermissionDenied
            see_from_here(viewer.scope)
            return view(request, viewer, *args, **kwargs)

        page.page_roles = roles  # type: ignore[attr-defined]  # read by the walk over all pages
        return page

    return decorate
