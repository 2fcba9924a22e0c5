"""Which campaigns write their messages with a template, and in which languages one is missing."""

from __future__ import annotations

import dataclasses
from typing import Final

from django.db.models import QuerySet

from redemption.models import Campaign
from sms.models import MessageTemplate
from sms.selectors.templates import (
    OWN_LANGUAGES,
    list_siblings,
    load_templates,
    normalise_locale,
)

_LOOKED_AT: Final = 500
_SHOWN: Final = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TemplateUse:
    """Who uses a template.

    :param campaigns: the first of them by name; ``more`` is how many there are beside.
    :param siblings: the active templates of the same kind for the same ones, itself included.
    :param missing: the locales that none of those is in, though we or the campaigns speak them.
    """

    campaigns: list[Campaign]
    more: int
    siblings: list[MessageTemplate]
    missing: list[str]


def find_use(template: MessageTemplate) -> TemplateUse:
    """Return who uses a template now; campaigns that have ended use none."""
    within = list(_campaigns_within(template)[:_LOOKED_AT])
    shelf = load_templates(client_ids={campaign.client_id for campaign in within})
    using = [
        campaign
        for campaign in within
        if (
            found := shelf.find(
                client_id=campaign.client_id,
                campaign_id=campaign.pk,
                purpose=template.purpose,
                channel=template.channel,
                locale=campaign.locale,
            )
        )
        and found.pk == template.pk
    ]
    siblings = list_siblings(template)
    spoken = {*OWN_LANGUAGES, *(normalise_locale(campaign.locale) for campaign in within)}
    written = {one.locale for one in siblings}
    return TemplateUse(
        campaigns=using[:_SHOWN],
        more=max(0, len(using) - _SHOWN),
        siblings=siblings,
        missing=sorted(spoken - written - {template.locale}),
    )


def _campaigns_within(template: MessageTemplate) -> QuerySet[Campaign]:
    campaigns = Campaign.objects.exclude(status=Campaign.Status.ENDED).select_related("client")
    if template.campaign_id:
        campaigns = campaigns.filter(pk=template.campaign_id)
    if template.client_id:
        campaigns = campaigns.filter(client_id=template.client_id)
    return campaigns.order_by("client__name", "name", "pk")
