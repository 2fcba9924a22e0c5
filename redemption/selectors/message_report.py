"""What a report about messages is about: the clients and the campaign, as far as one may."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date
from uuid import UUID

from credit.selectors.organisations import find_client, list_client_names
from credit.selectors.viewers import Viewer
from redemption.models import Campaign
from redemption.selectors.message_days import MessageGroup, MessageTotals, total_messages
from redemption.selectors.reward_days import Clients


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageScope:
    """Whose messages a report is about.

    :param campaign_names: of the chosen client, or of all clients that the viewer sees.
    """

    client_names: Mapping[UUID, str]
    campaign_names: Mapping[UUID, str]
    clients: Clients
    client_id: UUID | None
    campaign_id: UUID | None

    @property
    def is_everything(self) -> bool:
        """Tell whether what belongs to no client, or to no campaign, is in it as well."""
        return self.clients.are_all and self.campaign_id is None


def choose_message_scope(
    *, viewer: Viewer, client_id: UUID | None, campaign_id: UUID | None
) -> MessageScope:
    """Return what a report is about.

    :raises Client.DoesNotExist: the client is not there for the viewer.
    :raises Campaign.DoesNotExist: the campaign is not there for the viewer, or another client's.
    """
    names = dict(list_client_names(viewer=viewer))
    clients = Clients(ids=list(names), are_all=viewer.sees_platform)
    if client_id is not None:
        clients = Clients(ids=[find_client(viewer=viewer, client_id=client_id).pk], are_all=False)
    rows = Campaign.objects.filter(viewer.client_filter()).order_by("name", "pk")
    if client_id is not None:
        rows = rows.filter(client_id=client_id)
    campaigns = dict(rows.values_list("pk", "name"))
    if campaign_id is not None and campaign_id not in campaigns:
        raise Campaign.DoesNotExist
    return MessageScope(
        client_names=names,
        campaign_names=campaigns,
        clients=clients,
        client_id=client_id,
        campaign_id=campaign_id,
    )


def read_message_report(
    *, scope: MessageScope, group: MessageGroup, first: date, last: date
) -> MessageTotals:
    """Return the report about the messages promised from the first to the last day (UTC)."""
    return total_messages(
        clients=scope.clients, group=group, first=first, last=last, campaign_id=scope.campaign_id
    )
