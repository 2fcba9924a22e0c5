"""The pool that an address of the admin names."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404

from giftcards.models import Pool


def find_pool_or_404(object_id: str) -> Pool:
    """Return a pool with its brand, value and client.

    :raises Http404: there is none, or that is no id.
    """
    pools = Pool.objects.select_related("brand", "denomination", "client")
    try:
        return get_object_or_404(pools, pk=object_id)
    except (ValidationError, ValueError):
        raise Http404 from None
