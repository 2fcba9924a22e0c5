"""The words of messages."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone

from alerts.admin.base import PlatformAdmin
from alerts.admin.forms import WordedForm
from sms.admin.template_editor import TemplateEditor
from sms.merge import TAGS, check_template, count_segments
from sms.models import MessageTemplate
from sms.selectors.templates import normalise_locale
from sms.services.previews import LONGEST_TEXT
from sms.services.templates import list_earlier_words, lock_template, record_template

_LOCALE: Final = re.compile(r"[a-z]{2,3}(-[A-Z0-9]{2,4})?")
_PURPOSES: Final = [
    (value, words)
    for value, words in MessageTemplate.Purpose.choices
    if value != MessageTemplate.Purpose.TEST
]


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
        self.fields["purpose"].choices = [("", "---------"), *_PURPOSES]  # type: ignore[attr-defined]
        self.fields["locale"].help_text = "A language, en or es, or one of a country: es-MX."
        self.fields["body"].help_text = f"These tags are replaced: {tags}."
        self.fields["body"].widget.attrs["rows"] = 9
        self.fields["campaign_id"].help_text = "Empty: for all campaigns of the client."
        self.fields["client"].help_text = "Empty: for every client without words of its own."

    def clean_locale(self) -> str:
        locale = normalise_locale(self.cleaned_data["locale"])
        if not _LOCALE.fullmatch(locale):
            self.add_error("locale", "Enter a language such as en, or es-MX with its country.")
        return locale

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
        if cleaned.get("channel") == "sms" and len(cleaned.get("body") or "") > LONGEST_TEXT:
            self.add_error("body", f"A text has at most {LONGEST_TEXT:,} characters.")
        if cleaned.get("campaign_id") and not cleaned.get("client"):
            self.add_error("client", "Name the client of this campaign.")
        return cleaned


@admin.register(MessageTemplate)
class MessageTemplateAdmin(TemplateEditor, PlatformAdmin):
    """Templates; switched off rather than deleted, for sent messages name theirs."""

    form: Any = MessageTemplateForm
    list_display: tuple[str, ...] = (
        "purpose",
        "channel",
        "locale",
        "client",
        "start",
        "cost",
        "is_active",
    )
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

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin a new template with the words of another: ``?copy_of=5&locale=es``."""
        given: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        original = given.pop("copy_of", "")
        if not original.isdecimal():
            return given
        template = MessageTemplate.objects.filter(pk=original).first()
        if template is None:
            return given
        names = ("purpose", "channel", "client", "campaign_id", "subject", "body")
        return {**{name: getattr(template, name) for name in names}, **given}

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> MessageTemplate | None:
        """Return a template, with earlier words in its form where ``?words=`` names them."""
        template: MessageTemplate | None = super().get_object(request, object_id, from_field)
        event_id = read_uuid(request.GET.get("words", ""))
        if template is None or event_id is None or request.method != "GET":
            return template
        for earlier in list_earlier_words(template_id=template.pk):
            if earlier.event_id == event_id:
                template.subject, template.body = earlier.subject, earlier.body
                messages.info(
                    request,
                    f"These are the words until {earlier.until:%Y-%m-%d %H:%M} UTC. Save them to"
                    " use them again; until then nothing has changed.",
                )
        return template

    def save_model(
        self, request: HttpRequest, obj: MessageTemplate, form: Any, change: Any
    ) -> None:
        before = lock_template(obj.pk) if change else None
        super().save_model(request, obj, form, change)
        record_template(
            template=obj, before=before, actor=f"user:{request.user.pk}", now=timezone.now()
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


def read_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
