"""What the address of the report about messages asks for: the client, the campaign, the groups."""

from __future__ import annotations

import dataclasses
from typing import Final

from django.http import Http404, HttpRequest, QueryDict

from credit.models import Client
from credit.selectors.viewers import Viewer
from redemption.dashboard.report_filters import Choice, choices_of, read_id
from redemption.models import Campaign
from redemption.selectors.message_days import MessageGroup
from redemption.selectors.message_report import MessageScope, choose_message_scope

_GROUPS: Final[tuple[MessageGroup, ...]] = ("day", "campaign", "channel")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilters:
    """What was asked for, and what there is to choose from.

    :param kept: the address's fields that stay when something else is chosen.
    """

    scope: MessageScope
    clients: tuple[Choice, ...]
    campaigns: tuple[Choice, ...]
    kept: dict[str, str]

    @property
    def is_narrowed(self) -> bool:
        return bool(self.kept)


def read_message_filters(request: HttpRequest, viewer: Viewer) -> MessageFilters:
    """Return what the address narrows the report to; what is not there for the viewer is a 404."""
    client_id = read_id(request.GET, "client")
    campaign_id = read_id(request.GET, "campaign")
    try:
        scope = choose_message_scope(viewer=viewer, client_id=client_id, campaign_id=campaign_id)
    except (Client.DoesNotExist, Campaign.DoesNotExist) as missing:
        raise Http404 from missing
    kept = {"client": str(client_id or ""), "campaign": str(campaign_id or "")}
    return MessageFilters(
        scope=scope,
        clients=tuple(choices_of(scope.client_names.items(), client_id))
        if len(scope.client_names) > 1
        else (),
        campaigns=tuple(choices_of(scope.campaign_names.items(), campaign_id)),
        kept={name: value for name, value in kept.items() if value},
    )


def read_message_group(fields: QueryDict) -> MessageGroup:
    """Return by what the report is grouped: by day where the address says nothing."""
    asked = fields.get("by", "day")
    for group in _GROUPS:
        if group == asked:
            return group
    raise Http404
