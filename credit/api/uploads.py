"""Uploads of files, whatever their rows are: asked for, answered once for a key, and printed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.services.imports import ImportReport
from credit.api.files import FormRequest, say_for_key
from credit.api.headers import NO_STORE
from credit.api.inputs import StrictSerializer, read_idempotency_key
from credit.api.problems import PROBLEM_TYPE, describe_problem, problems
from credit.api.replays import refusal_of
from credit.models import IdempotencyRecord
from credit.services.idempotency import KeyAnsweredError, KeyClaim, find_record, keep_refusal


class UploadQuery(StrictSerializer):
    dry_run = serializers.BooleanField(
        required=False, default=False, help_text="`1` checks the file and writes nothing."
    )
    mode = serializers.ChoiceField(
        choices=["all_or_nothing", "valid_rows"],
        required=False,
        default="all_or_nothing",
        help_text="`valid_rows` brings in the good rows and leaves the others out.",
    )


@dataclasses.dataclass(eq=False, kw_only=True)
class RowsRefusedError(ServiceError):
    """Nothing of the file was written; ``errors`` has the rows' lines and reasons."""

    code: ClassVar = ErrorCode.INVALID_INPUT
    answer_fields: ClassVar = ("batch", "accepted", "rejected")

    errors: list[dict[str, Any]]  # type: ignore[assignment]  # of rows instead of fields
    batch: dict[str, Any]
    accepted: int
    rejected: int
    is_replay: bool = False


def answer_upload(
    request: Request,
    *,
    organisation: str,
    upload: Callable[[KeyClaim], ImportReport],
    print_kept: Callable[[UUID], dict[str, Any]],
    preview_fields: Mapping[str, Any] | None = None,
) -> Response:
    """Upload what was sent once for its Idempotency-Key; a repeat reads the first answer.

    :param print_kept: prints the first answer from the upload's own row, now and for a repeat.
    :param preview_fields: what the answer to a dry run has besides.
    :raises RowsRefusedError: nothing was written because of its rows.
    """
    claim = read_idempotency_key(
        request, organisation=organisation, required=True, body=say_for_key(request)
    )
    assert claim is not None  # noqa: S101  it is required

    def answer(record: IdempotencyRecord | None) -> Response:
        assert record is not None  # noqa: S101  nothing else says that a key was answered
        if record.error_code:
            raise refusal_of(record)
        kept = record.details or record.object_id
        return _answer(_print(kept, print_kept, preview_fields), record.status, is_replay=True)

    record = find_record(claim=claim)
    if record is not None:
        return answer(record)
    try:
        report = upload(claim)
    except KeyAnsweredError:
        return answer(find_record(claim=claim))
    except ServiceError as error:
        # A call with the same key may have come to its end a moment ago.
        record = find_record(claim=claim)
        if record is not None:
            return answer(record)
        keep_refusal(claim=claim, error=error, status=error.code.status, now=timezone.now())
        raise
    statuses = {"imported": 201, "previewed": 200, "refused": RowsRefusedError.code.status}
    printed = _print(report.batch_id or report.kept(), print_kept, preview_fields)
    return _answer(printed, statuses[report.state], is_replay=False)


def upload_request(as_json: type[StrictSerializer]) -> dict[str, Any]:
    """Describe the three ways in which a file is sent."""
    return {
        "application/json": as_json,
        "text/csv": OpenApiTypes.STR,
        "multipart/form-data": FormRequest,
    }


def upload_responses(shape: type[serializers.Serializer[Any]]) -> dict[Any, Any]:
    """Describe the answers to an upload, whose report has this shape."""
    return {
        200: shape,
        201: shape,
        **problems(401, 403, 404, 409, ErrorCode.FILE_ALREADY_UPLOADED, 413, 415, 422),
        (400, PROBLEM_TYPE): describe_problem(
            400, [ErrorCode.INVALID_INPUT], shape=RefusedUploadOutput
        ),
    }


def print_batch(
    *, batch_id: UUID, is_refused: bool, accepted: int, rejected: int, rejects: list[Any]
) -> dict[str, Any]:
    """Print an upload as it was when it was answered for the first time."""
    return {
        "batch": {"id": str(batch_id), "state": "refused" if is_refused else "imported"},
        "accepted": accepted,
        "rejected": rejected,
        "errors": rejects,
    }


def _print(
    kept: UUID | Mapping[str, Any] | None,
    print_kept: Callable[[UUID], dict[str, Any]],
    preview_fields: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Print an upload from its row, or a preview from what was kept of it."""
    if isinstance(kept, UUID):
        return print_kept(kept)
    assert kept is not None  # noqa: S101  held by the function that writes it
    return {
        "batch": {"id": None, "state": "previewed"},
        "accepted": kept["accepted"],
        "rejected": kept["rejected"],
        "errors": kept["rejects"],
        **(preview_fields or {}),
    }


def _answer(printed: dict[str, Any], status: int, *, is_replay: bool) -> Response:
    if status == RowsRefusedError.code.status:
        raise RowsRefusedError(**printed, is_replay=is_replay)
    headers = {**NO_STORE, "Idempotency-Replayed": "true"} if is_replay else NO_STORE
    return Response(printed, status=status, headers=headers)


class _Output(serializers.Serializer[Any]):
    """Describes an answer; never run."""


class BatchOutput(_Output):
    id = serializers.UUIDField(allow_null=True)
    state = serializers.ChoiceField(choices=["imported", "refused", "previewed"])


class RowErrorOutput(_Output):
    line = serializers.IntegerField()
    field = serializers.CharField()
    message = serializers.CharField()


class UploadOutput(_Output):
    def get_fields(self) -> dict[str, Any]:
        # One of the names is a property of the class.
        return {
            "batch": BatchOutput(),
            "accepted": serializers.IntegerField(),
            "rejected": serializers.IntegerField(),
            "errors": RowErrorOutput(many=True),
        }


class RefusedUploadOutput(_Output):
    """The problem of a refused file: rows under ``errors``; fields, when it is about no row."""

    def get_fields(self) -> dict[str, Any]:
        return {
            "type": serializers.CharField(),
            "title": serializers.CharField(),
            "status": serializers.IntegerField(),
            "detail": serializers.CharField(),
            "code": serializers.CharField(),
            "request_id": serializers.CharField(),
            "batch": BatchOutput(required=False),
            "accepted": serializers.IntegerField(required=False),
            "rejected": serializers.IntegerField(required=False),
            "errors": serializers.JSONField(required=False),
        }
