"""Adding people from a campaign's page: choose a file, look, confirm.

See Note [Nothing between the steps]. A larger file is for the command: it takes any number.
"""

from __future__ import annotations

import functools
import io
from typing import Any, ClassVar, Final
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from unfold.decorators import action

from alerts.admin.dialogs import leave_for
from alerts.admin.upload_columns import Source, choose_columns
from alerts.admin.upload_preview import look_or_import
from alerts.services.imports import ROWS_AT_ONCE, FileTooLargeError, ImportReport
from redemption.admin.changing import viewer_of
from redemption.models import Campaign
from redemption.services.recipient_rows import FIELDS
from redemption.services.recipient_uploads import upload_recipients

_LONGEST_NAME: Final = 60
_WORDS: Final = {
    "email": "E-mail",
    "external_crm_id": "Id in the CRM",
    "redemption_code": "Redemption code",
}
TOO_LARGE: Final = (
    f"More than {ROWS_AT_ONCE:,} people, or a file over 10 MB, are for the command"
    " import_recipients, which takes any number; or split the file."
)


class PeopleForm(forms.Form):
    """A file of people."""

    file = forms.FileField(
        allow_empty_file=True,
        label="CSV file",
        help_text=f"Any of the columns {', '.join(FIELDS)}. Up to {ROWS_AT_ONCE:,} rows.",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}),
    )

    def __init__(self, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files)
        self.fields["file"].widget.attrs |= {
            "data-max-bytes": settings.FILE_UPLOAD_MAX_MEMORY_SIZE,
            "data-command": "import_recipients",
        }


class CampaignUploads:
    """Mixin: the button on a campaign's page that adds people."""

    actions_detail: ClassVar[tuple[str, ...]] = ("upload_recipients",)
    admin_site: Any
    opts: Any

    @action(description="Add people from a file", icon="group_add")  # type: ignore[untyped-decorator]
    @method_decorator(never_cache)
    def upload_recipients(self, request: HttpRequest, object_id: str) -> HttpResponse:
        campaign = _find(object_id)
        form = PeopleForm()
        outcome: HttpResponse | dict[str, Any] = {}
        if request.method == "POST":
            if int(request.META.get("CONTENT_LENGTH") or 0) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
                outcome = {"refusals": [TOO_LARGE]}
            else:
                form = PeopleForm(request.POST, request.FILES)
                outcome = _receive(request, campaign, form) if form.is_valid() else {}
        if isinstance(outcome, HttpResponse):
            return outcome
        is_part = bool(request.headers.get("HX-Request"))
        return TemplateResponse(
            request,
            "admin/parts/upload_preview.html" if is_part else "admin/upload_recipients.html",
            {
                **self.admin_site.each_context(request),
                "title": f"Add people to {campaign.name}",
                "opts": self.opts,
                "campaign": campaign,
                "form": form,
                "is_part": is_part,
                **outcome,
            },
        )


def _receive(
    request: HttpRequest, campaign: Campaign, form: PeopleForm
) -> HttpResponse | dict[str, Any]:
    """Check what was sent, or bring it in: return where to go, or what the page shows."""
    file = form.cleaned_data["file"]
    source = Source(file.read(), file.name, 1)
    columns = choose_columns(
        request,
        source,
        words={field: _WORDS.get(field, field.replace("_", " ").capitalize()) for field in FIELDS},
        name_column=_name_column,
    )
    upload = functools.partial(
        upload_recipients,
        viewer=viewer_of(request),
        campaign_id=campaign.pk,
        source=io.BytesIO(source.content),
        file_name=source.name,
        now=timezone.now(),
    )
    try:
        context = look_or_import(
            request,
            source,
            columns,
            target_id=campaign.pk,
            purpose="recipient_preview",
            upload=upload,
            page_of=page_of_upload,
        )
    except FileTooLargeError:
        return {"refusals": [TOO_LARGE]}
    report = context.get("report")
    if isinstance(report, ImportReport) and report.batch_id is not None:
        return _show_batch(request, report, report.batch_id)
    return context


def _find(object_id: str) -> Campaign:
    try:
        return get_object_or_404(Campaign, pk=object_id)
    except (ValidationError, ValueError):
        raise Http404 from None


def page_of_upload(batch_id: UUID) -> str:
    """Return the address of an upload's page."""
    return reverse("admin:redemption_recipientbatch_change", args=[batch_id])


def _show_batch(request: HttpRequest, report: ImportReport, batch_id: UUID) -> HttpResponse:
    if report.state == "imported":
        words = f"Added: {report.accepted:,} people."
        if report.rejected:
            words += f" Left out: {report.rejected:,} rows, which are listed below."
        messages.success(request, words)
    else:
        messages.error(request, "Nobody was added: the rows below have to be put right first.")
    return leave_for(request, page_of_upload(batch_id))


def _name_column(name: str, place: int) -> str:
    """Return what a column is called on the page: not by what may be somebody's data."""
    is_plain = name and len(name) <= _LONGEST_NAME and "@" not in name
    return name if is_plain and not any(c.isdigit() for c in name) else f"Column {place + 1}"
