"""A client's logo, colour and the web sites that may embed its form, on the client's page."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from alerts.admin.cells import NOTHING
from alerts.admin.forms import WordedForm
from alerts.errors import ValidationFailedError
from credit.models import Client, User
from credit.services.colours import read_colour, shades_of
from credit.services.logos import Logo, read_logo
from credit.services.looks import change_look, find_embed_origins, find_look, read_origins

LOOK_FIELDS: Final = ("colour", "logo", "drop_logo", "shown_as", "embed_origins", "embedding")


class LookForm(WordedForm):
    """The part of a client's form that is about its look; kept beside the client."""

    colour = forms.CharField(
        required=False,
        max_length=7,
        widget=UnfoldAdminTextInputWidget,
        help_text="As #rrggbb. The pages for its customers use it for buttons and links; empty is"
        " our green.",
    )
    logo = forms.FileField(
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text="PNG, WebP or JPEG, at most 1 MB. It is drawn anew, 48 points high at most, and"
        " shown on white.",
    )
    drop_logo = forms.BooleanField(
        required=False, widget=UnfoldBooleanWidget, label="Show the name instead of a logo"
    )
    embed_origins = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        label="Web sites that may embed the form",
        help_text="One a line: https://www.example.com. Empty: none may.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and not self.instance._state.adding:  # noqa: SLF001  Django's door
            self.initial["colour"] = find_look(self.instance.pk).colour
            origins = find_embed_origins(self.instance.pk) or []
            self.initial["embed_origins"] = "\n".join(origins)

    def clean_colour(self) -> str:
        text: str = self.cleaned_data["colour"]
        colour = read_colour(text)
        if text.strip() and not colour:
            raise ValidationError("Give the colour as #rrggbb, such as #0f5c4c.")
        return colour

    def clean_logo(self) -> Logo | None:
        upload = self.cleaned_data["logo"]
        if not upload:
            return None
        try:
            return read_logo(upload.read())
        except ValidationFailedError as error:
            raise ValidationError(error.errors["logo"]) from error

    def clean_embed_origins(self) -> list[str]:
        try:
            return read_origins(self.cleaned_data["embed_origins"])
        except ValidationFailedError as error:
            raise ValidationError(error.errors["embed_origins"]) from error

    def save_look(self, client: Client, *, user: User) -> None:
        """Keep what was entered, with the client."""
        change_look(
            client=client,
            colour=self.cleaned_data["colour"],
            logo=self.cleaned_data["logo"],
            drops_logo=self.cleaned_data["drop_logo"],
            embed_origins=self.cleaned_data["embed_origins"],
            actor=f"user:{user.pk}",
            now=timezone.now(),
        )


def look_preview(client_id: UUID) -> SafeString | str:
    """Show a client's logo, and its colour as light and dark pages have it."""
    look = find_look(client_id)
    parts = []
    if look.logo_digest:
        address = reverse("look-logo", args=[client_id, look.logo_digest])
        parts.append(
            format_html(
                '<img src="{}" alt="The logo" width="{}" height="{}" style="background:#fff">',
                address,
                look.logo_width // 2,
                look.logo_height // 2,
            )
        )
    if look.colour:
        shades = shades_of(look.colour)
        words = (
            "Light pages use a darker shade: white words on the colour itself can't be read well."
            if shades.is_changed
            else "It can be read well as it is."
        )
        parts.append(_button(shades.light, "#ffffff", "Light"))
        parts.append(_button(shades.dark, "#0d1a16", "Dark"))
        parts.append(format_html("<p>{}</p>", words))
    return format_html_join(" ", "{}", ((part,) for part in parts)) if parts else NOTHING


def embedding_lines(client_id: UUID) -> SafeString | str:
    """Show the lines that a client puts into its web site, once a site may embed the form."""
    if not find_embed_origins(client_id):
        return NOTHING
    site = settings.PUBLIC_BASE_URL
    return format_html(
        '<pre>{}</pre><p><a href="{}">The form as it shows there</a></p>',
        f'<div data-giftline="{client_id}"><a href="{site}/redeem/">Redeem your code</a></div>\n'
        f'<script src="{site}/static/js/embed.js" async></script>',
        reverse("embed-redeem", args=[client_id]),
    )


def _button(ground: str, ink: str, word: str) -> SafeString:
    return format_html(
        '<span style="display:inline-block;padding:.5rem 1.25rem;border-radius:.75rem;'
        'background:{};color:{};font-weight:700">{} {}</span>',
        ground,
        ink,
        word,
        ground,
    )
