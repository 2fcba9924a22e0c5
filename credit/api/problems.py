"""How failures look, for the OpenAPI page."""

from collections.abc import Sequence
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from alerts.codes import ErrorCode


class ProblemOutput(serializers.Serializer[Any]):
    """Describes an answer; never run."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    request_id = serializers.CharField()
    scope = serializers.CharField(
        required=False, help_text="With GC-110: the scope that the key lacks."
    )
    available = serializers.IntegerField(
        required=False, help_text="With GC-112 and when there is too little of something."
    )
    requested = serializers.IntegerField(required=False, help_text="With GC-112.")
    checkout_id = serializers.UUIDField(required=False, help_text="With GC-113.")
    errors = serializers.DictField(  # type: ignore[assignment]  # a field's name
        child=serializers.ListField(child=serializers.CharField()), required=False
    )


PROBLEM_TYPE: Final = "application/problem+json"
# What any address of the API may answer, whatever it is for: a malformed request, a wrong method
# or media type, an address or headers that are too long, too many calls, and our own failures.
_ALWAYS: Final = (400, 405, 406, 414, 429, 431, 500)
# What a status says where nothing more is said about it.
_MEANINGS: Final = {
    400: (ErrorCode.INVALID_INPUT,),
    401: (ErrorCode.NOT_AUTHENTICATED,),
    402: (ErrorCode.INSUFFICIENT_CREDIT,),
    403: (ErrorCode.NOT_PERMITTED,),
    404: (ErrorCode.NOT_FOUND,),
    405: (ErrorCode.UNSUPPORTED_REQUEST,),
    406: (ErrorCode.UNSUPPORTED_REQUEST,),
    409: (ErrorCode.STILL_RUNNING,),
    410: (ErrorCode.CODE_EXPIRED,),
    413: (ErrorCode.TOO_LARGE,),
    414: (ErrorCode.TOO_LARGE,),
    415: (ErrorCode.UNSUPPORTED_REQUEST,),
    422: (ErrorCode.KEY_REUSED,),
    429: (ErrorCode.RATE_LIMITED,),
    431: (ErrorCode.TOO_LARGE,),
    500: (ErrorCode.UNEXPECTED, ErrorCode.DATABASE_FAILED),
    502: (ErrorCode.PROVIDER_FAILED,),
    503: (ErrorCode.PROVIDER_NOT_CONFIGURED,),
}


def problems(*failures: int | ErrorCode) -> dict[tuple[int, str], OpenApiResponse]:
    """Describe the failures that an endpoint may answer with, beside those that any may.

    :param failures: codes, each with its own status, or statuses that say what they always say.
    """
    codes: dict[int, list[ErrorCode]] = {}
    for failure in (*_ALWAYS, *failures):
        status = failure.status if isinstance(failure, ErrorCode) else failure
        meant = (failure,) if isinstance(failure, ErrorCode) else _MEANINGS[status]
        known = codes.setdefault(status, [])
        known.extend(code for code in meant if code not in known)
    return {
        (status, PROBLEM_TYPE): describe_problem(status, meant)
        for status, meant in sorted(codes.items())
    }


def describe_problem(
    status: int, codes: Sequence[ErrorCode], *, shape: Any = ProblemOutput
) -> OpenApiResponse:
    """Describe one status with an example of each code it may come with."""
    return OpenApiResponse(
        response=shape,
        description=" ".join(f"{code.code} {code.title}." for code in codes),
        examples=[
            OpenApiExample(
                f"{code.code} with {status}",
                summary=code.title,
                value=_example(code, status),
                response_only=True,
                media_type=PROBLEM_TYPE,
            )
            for code in codes
        ],
    )


def _example(code: ErrorCode, status: int) -> dict[str, Any]:
    explanation = code.explanation
    example: dict[str, Any] = {
        "type": f"https://gifts.example/api/errors/#{code.code}",
        "title": code.title,
        "status": status,
        "detail": code.customer.format(
            support_phone="+1 202 555 0100", minutes=explanation.minutes, hours=explanation.hours
        ),
        "code": code.code,
        "request_id": "0f3c5f0a9d6b4e21a7c8d9e0f1a2b3c4",
    }
    if code is ErrorCode.NOT_ENOUGH_POINTS:
        example["detail"] += " Available: 40, Requested: 100"
        example.update(available=40, requested=100)
    if code is ErrorCode.PAYMENT_DECLINED:
        example["checkout_id"] = "6a1d0c2e-4b5f-4d3c-9e8a-7f6b5c4d3e21"
    if code is ErrorCode.INVALID_INPUT:
        example["errors"] = {"note": ["This field is not known."]}
    return example
