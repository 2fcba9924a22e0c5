"""Redemption codes in plain, as a file that leaves line by line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from uuid import UUID

from django.http import StreamingHttpResponse


class _Line:
    """What a CSV writer writes to: the line itself."""

    def write(self, line: str) -> str:
        return line


def answer_with_codes(rows: Iterator[list[str]], *, of: UUID) -> StreamingHttpResponse:
    """Send the rows of a file for the mail house.

    :param of: the campaign or upload whose codes they are, for the file's name.
    """
    writer = csv.writer(_Line())
    answer = StreamingHttpResponse(
        (writer.writerow(row) for row in rows), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="codes-{of}.csv"'
    answer["Cache-Control"] = "no-store"
    return answer
