"""Uploading cards from a pool's page: choose, look, confirm.

What may be checked while somebody waits goes by Note [Nothing between the steps]. A larger file is
sent once: Note [Large uploads]. It is looked at and confirmed on its own page.
"""

from __future__ import annotations

import functools
import io
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from unfold.decorators import action

from alerts.admin.dialogs import leave_for
from alerts.admin.upload_columns import Column, Source, mapping_of
from alerts.admin.upload_preview import explain_refusal, look_or_import
from alerts.errors import ServiceError
from alerts.services.imports import ROWS_AT_ONCE, FileTooLargeError, ImportReport
from credit.selectors.viewers import viewer_of_user
from giftcards.admin.form_stream import FormStream
from giftcards.admin.upload_columns import columns_for, find_missing
from giftcards.admin.upload_form import UploadForm, megabytes
from giftcards.models import Pool
from giftcards.services.receiving import receive_cards
from giftcards.services.uploads import upload_cards


class PoolUploads:
    """Mixin: the button on a pool's page that brings cards in."""

    actions_detail: ClassVar[tuple[str, ...]] = ("upload_cards",)
    admin_site: Any
    opts: Any

    # Django would read the whole form to find its token. It is asked for all the same, once the
    # fields before the file have been read.
    @action(description="Upload cards", icon="upload_file")  # type: ignore[untyped-decorator]
    @method_decorator(csrf_exempt)
    def upload_cards(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._upload)(request, object_id)

    def _upload(self, request: HttpRequest, object_id: str) -> HttpResponse:
        pool = _find(object_id)
        if request.method != "POST":
            return self._print(request, {"pool": pool, "form": UploadForm()})
        if int(request.META.get("CONTENT_LENGTH") or 0) > _longest_body():
            form = UploadForm()
            return self._print(request, {"pool": pool, "form": form, "refusals": [_too_large()]})
        sent = FormStream(request)

        def receive(request: HttpRequest) -> HttpResponse:
            outcome = _receive(request, pool, sent)
            if isinstance(outcome, HttpResponse):
                return outcome
            return self._print(request, {"pool": pool, **outcome})

        return csrf_protect(receive)(request)

    def _print(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        context["is_part"] = is_part = bool(request.headers.get("HX-Request"))
        return TemplateResponse(
            request,
            "admin/parts/upload_preview.html" if is_part else "admin/upload_cards.html",
            {
                **self.admin_site.each_context(request),
                "title": f"Upload cards into {context['pool'].name}",
                "opts": self.opts,
                **context,
            },
        )


def _receive(request: HttpRequest, pool: Pool, sent: FormStream) -> HttpResponse | dict[str, Any]:
    """Take in what was sent: return where to go, or what the page shows."""
    files = {}
    if sent.file_name:
        # A header and so many rows; who has written neither knows how long the file is.
        head, is_whole = sent.read_head(
            max_bytes=settings.FILE_UPLOAD_MAX_MEMORY_SIZE, max_lines=ROWS_AT_ONCE + 1
        )
        if not is_whole:
            return _receive_large(request, pool, Source(head, sent.file_name, 1), sent)
        files["file"] = SimpleUploadedFile(sent.file_name, head)
    sent.read_to_end()
    form = UploadForm(request.POST, files)
    context: dict[str, Any] = {"form": form}
    if not form.is_valid():
        return context
    source: Source = form.cleaned_data["source"]
    context |= _look(request, pool, source, columns_for(request, pool, source))
    if context.get("is_large"):
        return _receive_large(request, pool, source, None)
    report = context.get("report")
    if isinstance(report, ImportReport) and report.batch_id is not None:
        return _show_batch(request, report)
    return context


def _receive_large(
    request: HttpRequest, pool: Pool, source: Source, rest: FormStream | None
) -> HttpResponse | dict[str, Any]:
    """Take in a large file, of which ``source`` has the beginning, for a worker to check."""
    columns = columns_for(request, pool, source)
    context: dict[str, Any] = {"form": UploadForm(), "columns": columns}
    try:
        refusal = find_missing(pool, source, columns)
        if refusal:
            return {**context, **refusal}
        batch_id = receive_cards(
            viewer=viewer_of_user(request.user.pk),  # type: ignore[arg-type]  # signed in
            pool_id=pool.pk,
            source=_Joined(source.content, rest),
            file_name=source.name,
            max_bytes=settings.UPLOAD_MAX_BYTES,
            now=timezone.now(),
            mapping=mapping_of(source, columns),
            first_line=source.first_line,
        )
    except ServiceError as error:
        return {**context, **explain_refusal(error, _page_of)}
    finally:
        if rest is not None:
            rest.read_to_end()
    return leave_for(request, _page_of(batch_id))


class _Joined:
    """The beginning of a file, and what is still to come of it."""

    def __init__(self, head: bytes, rest: FormStream | None) -> None:
        self._head = io.BytesIO(head)
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        return self._head.read(size) or (self._rest.read(size) if self._rest else b"")


def _longest_body() -> int:
    # The file, what was pasted, and some room for the form around it.
    return int(settings.UPLOAD_MAX_BYTES) + int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def _too_large() -> str:
    return (
        f"The file is over {megabytes(settings.UPLOAD_MAX_BYTES)}. Split it, or use the command"
        " import_cards for it."
    )


def _look(
    request: HttpRequest, pool: Pool, source: Source, columns: list[Column]
) -> dict[str, Any]:
    """Check the file, and bring it in if that is what was pressed after looking at it."""
    refusal = find_missing(pool, source, columns)
    if refusal:
        return {"columns": columns, **refusal}
    upload = functools.partial(
        upload_cards,
        viewer=viewer_of_user(request.user.pk),  # type: ignore[arg-type]  # signed in
        pool_id=pool.pk,
        source=io.BytesIO(source.content),
        file_name=source.name,
        now=timezone.now(),
        first_line=source.first_line,
    )
    try:
        return look_or_import(
            request,
            source,
            columns,
            target_id=pool.pk,
            purpose="card_preview",
            upload=upload,
            page_of=_page_of,
        )
    except FileTooLargeError:
        return {"is_large": True}


def _page_of(batch_id: UUID) -> str:
    return reverse("admin:giftcards_cardbatch_change", args=[batch_id])


def _show_batch(request: HttpRequest, report: ImportReport) -> HttpResponse:
    if report.state == "imported":
        words = f"In stock now: {report.accepted:,} cards."
        if report.rejected:
            words += f" Left out: {report.rejected:,} rows, which are listed below."
        messages.success(request, words)
    else:
        messages.error(request, "Nothing was written: the rows below have to be put right first.")
    assert report.batch_id is not None  # noqa: S101  only a preview has none
    return leave_for(request, _page_of(report.batch_id))


def _find(object_id: str) -> Pool:
    try:
        return get_object_or_404(Pool.objects.select_related("brand", "client"), pk=object_id)
    except (ValidationError, ValueError):
        raise Http404 from None
