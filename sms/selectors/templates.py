"""Which words a message is written with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final
from uuid import UUID

from django.db.models import Q

from sms.models import MessageTemplate

# (client, campaign), both None for the whole platform's.
Scope = tuple[UUID | None, UUID | None]

# The languages of our own words, which stand where nobody has written a template.
OWN_LANGUAGES: Final = ("en", "es")


def language_of(locale: str) -> str:
    """Return the language of a locale: ``"es"`` of ``"es-MX"``."""
    return locale.split("-")[0].lower()


def normalise_locale(text: str) -> str:
    """Write a locale as we compare it: ``"es_mx"`` is ``"es-MX"``."""
    language, *region = text.strip().replace("_", "-").split("-")
    return "-".join((language.lower(), *(part.upper() for part in region)))


class TemplateShelf:
    """The active templates of some clients, the narrowest scope first."""

    def __init__(self, templates: Iterable[MessageTemplate]) -> None:
        self._by_key = {
            (
                one.client_id,
                one.campaign_id,
                one.purpose,
                one.channel,
                normalise_locale(one.locale),
            ): one
            for one in templates
        }

    def find(
        self, *, client_id: UUID, campaign_id: UUID, purpose: str, channel: str, locale: str
    ) -> MessageTemplate | None:
        """Return the template of the campaign, else its client's, else the platform's.

        Each in the very locale, else in its language. One in another language is none: better our
        own words in the right one. Only where those are not in it either is it English, once more
        from the campaign on.
        """
        locale = normalise_locale(locale)
        scopes: list[Scope] = [(client_id, campaign_id), (client_id, None), (None, None)]
        for tongue in _tongues(locale):
            for client, campaign in scopes:
                for one in tongue:
                    found = self._by_key.get((client, campaign, purpose, channel, one))
                    if found is not None:
                        return found
        return None


def _tongues(locale: str) -> Iterator[tuple[str, ...]]:
    language = language_of(locale)
    yield tuple(dict.fromkeys((locale, language)))
    if language not in OWN_LANGUAGES:
        yield ("en",)


def load_templates(*, client_ids: Collection[UUID]) -> TemplateShelf:
    """Return the active templates that these clients' messages may be written with."""
    return TemplateShelf(
        MessageTemplate.objects.filter(
            Q(client_id__in=client_ids) | Q(client_id=None), is_active=True
        )
    )


def list_siblings(template: MessageTemplate) -> list[MessageTemplate]:
    """Return the active templates for the same purpose, channel and scope, itself included."""
    return list(
        MessageTemplate.objects.filter(
            Q(client_id=template.client_id, campaign_id=template.campaign_id),
            purpose=template.purpose,
            channel=template.channel,
            is_active=True,
        ).order_by("locale")
    )
