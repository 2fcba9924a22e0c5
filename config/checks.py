"""System checks of what the settings promise."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string


@register()
def check_message_parties(**_kwargs: Any) -> list[CheckMessage]:
    """Every function named in MESSAGE_PARTIES exists."""
    problems: list[CheckMessage] = []
    for kind, party in settings.MESSAGE_PARTIES.items():
        for role, path in party.items():
            try:
                import_string(path)
            except ImportError as error:
                problems.append(
                    Error(
                        f"MESSAGE_PARTIES[{kind!r}][{role!r}] names {path}, which can't be"
                        f" imported: {error}",
                        id="giftline.E001",
                    )
                )
    return problems
