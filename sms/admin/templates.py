"""The words of messages."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin

from alerts.admin.base import PlatformAdmin
from alerts.admin.forms import WordedForm
from sms.merge import TAGS, check_template, count_segments
from sms.models import MessageTemplate


class MessageTemplateForm(WordedForm):
    """A template; what is no merge tag is refused before a customer reads it."""

    constraint_words: ClassVar = {
        "sms_messagetemplate_one_active": (
            None,
            "Another active template is for just the same. Switch that one off first.",
        ),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tags = ", ".join(f"{{{{{tag}}}}}" for tag in TAGS)
        self.fields["body"].help_text = f"These tags are replaced: {tags}."
        self.fields["campaign_id"].help_text = "Empty: for all campaigns of the client."
        self.fields["client"].help_text = "Empty: for every client without words of its own."

    def clean_body(self) -> str:
        body: str = self.cleaned_data["body"]
        for problem in check_template(body):
            self.add_error("body", problem)
        return body

    def clean_subject(self) -> str:
        subject: str = self.cleaned_data["subject"]
        for problem in check_template(subject) if subject else []:
            self.add_error("subject", problem)
        return subject

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("channel") == "email" and not cleaned.get("subject"):
            self.add_error("subject", "An e-mail needs a subject.")
        if cleaned.get("campaign_id") and not cleaned.get("client"):
            self.add_error("client", "Name the client of this campaign.")
        return cleaned


@admin.register(MessageTemplate)
class MessageTemplateAdmin(PlatformAdmin):
    """Templates; switched off rather than deleted, for sent messages name theirs."""

    form = MessageTemplateForm
    list_display = ("purpose", "channel", "locale", "client", "start", "cost", "is_active")
    list_filter = ("is_active", "purpose", "channel", "locale", "client")
    list_select_related = ("client",)
    search_fields = ("body", "subject", "client__name")
    autocomplete_fields = ("client",)
    readonly_fields = ("cost",)
    fieldsets = (
        (None, {"fields": ("purpose", "channel", "locale", "is_active")}),
        ("For whom", {"fields": ("client", "campaign_id")}),
        ("Words", {"fields": ("subject", "body", "cost")}),
    )

    @admin.display(description="words")
    def start(self, template: MessageTemplate) -> str:
        return template.body if len(template.body) <= 60 else f"{template.body[:60]}…"

    @admin.display(description="length as it stands")
    def cost(self, template: MessageTemplate) -> str:
        if template.channel != MessageTemplate.Channel.SMS or not template.body:
            return "–"
        length = count_segments(template.body)
        plural = "" if length.segments == 1 else "s"
        return f"{length.characters} characters, {length.segments} text{plural} ({length.encoding})"
