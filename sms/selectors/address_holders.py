"""Whose a number or address may be besides: asked of all who know people by one."""

from __future__ import annotations

from typing import Protocol, cast
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string


class Holds(Protocol):
    """Tell whether somebody has a number (E.164) or e-mail address.

    :param client_id: somebody of this client; None for anybody.
    """

    def __call__(self, *, client_id: UUID | None, address: str) -> bool: ...


def is_held_besides(*, kind: str, client_id: UUID | None, address: str) -> bool:
    """Tell whether somebody of another kind than ``kind`` has an address.

    Consent, texts and bad numbers are kept by the number. They may be that other person's, so they
    stay when only one of the two is forgotten.
    """
    return any(
        cast(Holds, import_string(path))(client_id=client_id, address=address)
        for other, path in settings.ADDRESS_HOLDERS.items()
        if other != kind
    )
