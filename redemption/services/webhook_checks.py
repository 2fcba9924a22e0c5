"""What a webhook endpoint may be set to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from alerts.errors import ValidationFailedError
from alerts.providers.outgoing_addresses import (
    AddressRefusedError,
    Door,
    NameUnknownError,
    open_door,
)
from alerts.services.webhook_events import EVENTS


def check_address(url: str, *, door: Door | None = None) -> None:
    """Refuse an address that we would not call; one whose name is not known yet may be kept.

    :raises ValidationFailedError: at ``url`` (GC-012).
    """
    way_out = door or open_door()
    try:
        way_out.find_addresses(way_out.check(url))
    except AddressRefusedError as refusal:
        raise ValidationFailedError(errors={"url": [str(refusal)]}) from None
    except NameUnknownError:
        # It may come to be known; every call looks it up and checks it anew. Who says now that it
        # is this machine's own, in a sandbox?
        try:
            dataclasses.replace(way_out, is_sandbox=False).check(url)
        except AddressRefusedError as refusal:
            raise ValidationFailedError(errors={"url": [str(refusal)]}) from None


def check_events(names: Iterable[str]) -> list[str]:
    """Return the names in our order, each once.

    :raises ValidationFailedError: at ``events``: one is unknown, or there is none (GC-012).
    """
    given = set(names)
    unknown = sorted(given - EVENTS.keys())
    if unknown or not given:
        words = f"Choose from: {', '.join(EVENTS)}."
        raise ValidationFailedError(errors={"events": [words]})
    return [name for name in EVENTS if name in given]
