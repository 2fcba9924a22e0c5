"""Message templates with the campaigns that use them, which what sends does not know."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from unfold.widgets import UnfoldAdminSelectWidget

from alerts.admin.cells import NOTHING
from redemption.models import Campaign
from redemption.selectors.template_use import find_use
from redemption.services.own_words import own_words
from sms.admin.templates import MessageTemplateAdmin, MessageTemplateForm
from sms.models import MessageTemplate

admin.site.unregister(MessageTemplate)


class CampaignField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A campaign, told by its client's name too."""

    def label_from_instance(self, campaign: Any) -> str:
        return f"{campaign.client.name}, {campaign.name}"


class CampaignTemplateForm(MessageTemplateForm):
    """A template whose campaign is chosen from a list; its client follows from it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["campaign_id"] = CampaignField(
            queryset=Campaign.objects.select_related("client").order_by("client__name", "name"),
            required=False,
            label="Campaign",
            empty_label="All campaigns of the client",
            widget=UnfoldAdminSelectWidget,
        )

    def clean(self) -> dict[str, Any]:
        campaign: Campaign | None = self.cleaned_data.get("campaign_id")
        if campaign is not None:
            client = self.cleaned_data.get("client")
            if client is not None and client.pk != campaign.client_id:
                self.add_error("campaign_id", f"This campaign is {campaign.client.name}'s.")
            self.cleaned_data["client"] = campaign.client
        cleaned = super().clean()
        if campaign is not None:
            cleaned["campaign_id"] = campaign.pk
        return cleaned


@admin.register(MessageTemplate)
class CampaignTemplateAdmin(MessageTemplateAdmin):
    """Templates, each with who uses it."""

    form = CampaignTemplateForm
    list_display = (
        "purpose", "channel", "locale", "client", "campaign", "start", "cost", "is_active",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        named = Campaign.objects.filter(pk=OuterRef("campaign_id")).values("name")[:1]
        return super().get_queryset(request).annotate(campaign_name=Subquery(named))

    @admin.display(description="campaign")
    def campaign(self, template: Any) -> str:
        return template.campaign_name or NOTHING

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with our own words where nothing else is given."""
        given = super().get_changeform_initial_data(request)
        if "body" in given:
            return given
        purpose, channel = given.get("purpose", "reward"), given.get("channel", "sms")
        locale = given.get("locale", "en")
        if purpose not in MessageTemplate.Purpose.values:
            return given
        ours = own_words(purpose=purpose, channel=channel, locale=locale)
        subject, body = ours or ("", "")
        begun = {"purpose": purpose, "channel": channel, "subject": subject, "body": body}
        return {**begun, **given}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        template: MessageTemplate | None = kwargs.get("obj")
        if template is not None:
            # As it is saved, whatever earlier words its form shows.
            saved = MessageTemplate.objects.select_related("client").get(pk=template.pk)
            context["use"] = find_use(saved)
        return super().render_change_form(request, context, *args, **kwargs)
