"""Which words a message is written with."""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db.models import Q

from sms.models import MessageTemplate

# (client, campaign), both None for the whole platform's.
Scope = tuple[UUID | None, UUID | None]


class TemplateShelf:
    """The active templates of some clients, the narrowest scope first."""

    def __init__(self, templates: Iterable[MessageTemplate]) -> None:
        self._by_key = {
            (one.client_id, one.campaign_id, one.purpose, one.channel, one.locale): one
            for one in templates
        }

    def find(
        self, *, client_id: UUID, campaign_id: UUID, purpose: str, channel: str, locale: str
    ) -> MessageTemplate | None:
        """Return the template of the campaign, else its client's, else the platform's.

        One in another language is none: better our own words in the right one.
        """
        scopes: list[Scope] = [(client_id, campaign_id), (client_id, None), (None, None)]
        for client, campaign in scopes:
            found = self._by_key.get((client, campaign, purpose, channel, locale))
            if found is not None:
                return found
        return None


def load_templates(*, client_ids: Collection[UUID]) -> TemplateShelf:
    """Return the active templates that these clients' messages may be written with."""
    return TemplateShelf(
        MessageTemplate.objects.filter(
            Q(client_id__in=client_ids) | Q(client_id=None), is_active=True
        )
    )
