"""What was refused of an upload, on its page and as a file."""

from __future__ import annotations

import csv
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from unfold.decorators import action

from alerts.admin.cells import table
from alerts.csvfiles import safe_cell

_ROWS_SHOWN = 100


class RejectedRows:
    """Mixin: the refused rows of an upload, which has them as ``rejects``."""

    model: Any
    admin_site: Any

    def find(self, object_id: str) -> Any:
        """Return an upload.

        :raises Http404: there is none.
        """
        try:
            return get_object_or_404(self.model, pk=object_id)
        except (ValidationError, ValueError):
            raise Http404 from None

    def has_rejects_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Tell whether something was refused."""
        return bool(self.admin_site.has_permission(request) and self.find(object_id).rejects)

    @admin.display(description="refused rows")
    def rejects_table(self, batch: Any) -> SafeString | str:
        return table(
            ("Line", "Field", "Why"),
            [
                (reject.get("line", ""), reject.get("field", ""), reject.get("message", ""))
                for reject in batch.rejects[:_ROWS_SHOWN]
            ],
        )

    @action(  # type: ignore[untyped-decorator]
        description="Download refused rows", icon="download", permissions=["rejects"]
    )
    def download_rejects(self, _request: HttpRequest, object_id: str) -> HttpResponse:
        batch = self.find(object_id)
        name = f"refused-{batch.created_at:%Y-%m-%d}-{str(batch.pk)[-8:]}.csv"
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": content_disposition_header(True, name) or "attachment",  # noqa: FBT003
        }
        response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
        writer = csv.writer(response)
        writer.writerow(("line", "field", "message"))
        writer.writerows(
            (reject["line"], reject["field"], safe_cell(reject["message"]))
            for reject in batch.rejects
        )
        return response
