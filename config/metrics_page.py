"""``/metrics``: for whoever has the token, and not there for anybody else."""

from __future__ import annotations

import hmac
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from config.metrics import Keeper, print_metrics

log = structlog.get_logger()

KEEPER: Final = Keeper(lambda: print_metrics(now=timezone.now()))


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Print the figures for Prometheus; 401 without the token.

    :raises Http404: no token is set. An address would not do instead: behind a proxy everybody
        comes from a private one.
    """
    token = settings.METRICS_TOKEN
    if not token:
        raise Http404
    given = request.META.get("HTTP_AUTHORIZATION", "").encode()
    if not hmac.compare_digest(given, f"Bearer {token}".encode()):
        return HttpResponse(
            "The metrics need their token.\n",
            status=401,
            content_type="text/plain; charset=utf-8",
            headers={"WWW-Authenticate": 'Bearer realm="metrics"'},
        )
    try:
        return HttpResponse(KEEPER.get(), content_type=CONTENT_TYPE_LATEST)
    except DatabaseError as error:
        log.warning("[METRICS] Not read", error=type(error).__name__)
        return HttpResponse(
            "The database does not answer.\n", status=503, content_type="text/plain"
        )
