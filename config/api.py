"""The edge of the JSON API: how bodies are parsed and how failures are printed.

Every failure, whatever raised it, leaves as ``application/problem+json`` (RFC 9457) with the
catalogue's code; never as HTML, never with a stack trace.
"""

import json
import math
from typing import Any, NoReturn

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from alerts.codes import ErrorCode
from alerts.errors import ServiceError

log = structlog.get_logger()

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_DEPTH = 32


class BodyTooLargeError(exceptions.APIException):
    """The body is over 10 MB (GC-116)."""

    status_code = 413


class StrictJSONParser(JSONParser):
    """JSON as RFC 8259 has it: UTF-8, no NaN, no name twice, one object, not absurdly deep."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        request: HttpRequest = (parser_context or {})["request"]
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY_BYTES:
            raise BodyTooLargeError
        try:
            raw = stream.read()
            text = raw.decode("utf-8")
            body = json.loads(
                text,
                parse_constant=_refuse_constant,
                parse_float=_read_number,
                object_pairs_hook=_refuse_twins,
            )
        except UnicodeDecodeError:
            raise exceptions.ParseError("The body is not UTF-8.") from None
        except RecursionError:
            raise exceptions.ParseError("The body is nested too deeply.") from None
        except ValueError as error:
            raise exceptions.ParseError(f"The body is not valid JSON: {error}.") from None
        if not isinstance(body, dict):
            raise exceptions.ParseError("The body must be a JSON object.")
        _refuse_depth(body)
        return body


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _read_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        # Python reads 1e999 as infinity, which no other JSON can say again.
        raise ValueError("a number is too large")
    return number


def _refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return body


def _refuse_depth(body: Any) -> None:
    level: list[Any] = [body]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise exceptions.ParseError("The body is nested too deeply.")


_JSON = "application/json"
_ACCEPTS_JSON = frozenset({"*/*", _JSON, f"{_JSON}, */*"})


class JSONOnlyNegotiation(DefaultContentNegotiation):
    """Only JSON is spoken, and there is no ``?format=`` to say otherwise."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        # What nearly everybody sends; weighing it against each renderer says the same.
        first = renderers[0].media_type
        if first == _JSON and request.META.get("HTTP_ACCEPT", "*/*") in _ACCEPTS_JSON:
            return renderers[0], first
        return super().select_renderer(request, renderers, format_suffix)

    def filter_renderers(self, renderers: Any, format: str) -> Any:  # noqa: A002
        return renderers


def handle_exception(exc: Exception, context: dict[str, Any]) -> HttpResponse:
    """Render any exception of an API view; REST framework calls this."""
    request: HttpRequest = context["request"]._request  # noqa: SLF001
    if isinstance(exc, ServiceError):
        response = problem(
            exc.code,
            request,
            errors=exc.errors,
            retry_after_seconds=exc.retry_after_seconds,
            detail=exc.customer_words(support_phone=settings.SUPPORT_PHONE_NUMBER),
            extra={name: _plain(getattr(exc, name)) for name in exc.answer_fields},
        )
        if getattr(exc, "is_replay", False):
            response["Idempotency-Replayed"] = "true"
        return response
    if isinstance(exc, exceptions.APIException):
        return _framework_problem(exc, request)
    if isinstance(exc, RequestDataTooBig):
        return problem(ErrorCode.TOO_LARGE, request)
    if isinstance(exc, SuspiciousOperation):
        return problem(ErrorCode.INVALID_INPUT, request)
    if isinstance(exc, Http404):
        return problem(ErrorCode.NOT_FOUND, request)
    if isinstance(exc, PermissionDenied):
        return problem(ErrorCode.NOT_PERMITTED, request)
    if isinstance(exc, DatabaseError):
        log.exception("database error", path=request.path)
        return problem(ErrorCode.DATABASE_FAILED, request)
    log.exception("unexpected error", path=request.path)
    return problem(ErrorCode.UNEXPECTED, request)


def _framework_problem(exc: exceptions.APIException, request: HttpRequest) -> HttpResponse:
    if isinstance(exc, BodyTooLargeError):
        return problem(ErrorCode.TOO_LARGE, request)
    if isinstance(exc, exceptions.ParseError):
        return problem(ErrorCode.INVALID_INPUT, request, errors={"body": [str(exc.detail)]})
    if isinstance(exc, (exceptions.NotAuthenticated, exceptions.AuthenticationFailed)):
        return problem(ErrorCode.NOT_AUTHENTICATED, request)
    if isinstance(exc, exceptions.NotFound):
        return problem(ErrorCode.NOT_FOUND, request)
    unsupported = (
        exceptions.MethodNotAllowed,
        exceptions.NotAcceptable,
        exceptions.UnsupportedMediaType,
    )
    if isinstance(exc, unsupported):
        return problem(ErrorCode.UNSUPPORTED_REQUEST, request, status=exc.status_code)
    log.error("unexpected framework error", path=request.path, kind=type(exc).__name__)
    return problem(ErrorCode.UNEXPECTED, request)


def problem(
    code: ErrorCode,
    request: HttpRequest,
    *,
    status: int | None = None,
    detail: str | None = None,
    errors: dict[str, list[str]] | None = None,
    retry_after_seconds: int | None = None,
    extra: dict[str, Any] | None = None,
) -> HttpResponse:
    """Return an ``application/problem+json`` answer.

    :param detail: the customer's words; the catalogue's when not given.
    :param errors: what is wrong with which field.
    """
    status = status or code.status
    body: dict[str, Any] = {
        "type": f"{settings.PUBLIC_BASE_URL}/api/errors/#{code.code}",
        "title": code.title,
        "status": status,
        "detail": detail or code.customer_words(support_phone=settings.SUPPORT_PHONE_NUMBER),
        "code": code.code,
        "request_id": request.META.get("giftline.request_id", ""),
    }
    if errors:
        body["errors"] = errors
    body.update(extra or {})
    response = HttpResponse(
        json.dumps(body, ensure_ascii=False),
        status=status,
        content_type="application/problem+json",
    )
    if retry_after_seconds is not None:
        response["Retry-After"] = str(retry_after_seconds)
    if code is ErrorCode.NOT_AUTHENTICATED:
        response["WWW-Authenticate"] = 'Api-Key realm="Giftline"'
    response["Cache-Control"] = "no-store"
    return response


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, bool, dict, type(None))) else str(value)


@csrf_exempt
def unknown_address(request: HttpRequest) -> HttpResponse:
    """Answer an address below /api/ that leads nowhere."""
    return problem(ErrorCode.NOT_FOUND, request)


def is_api(request: HttpRequest) -> bool:
    """Tell whether a failure here is to be printed as a problem, not as a page."""
    return request.path_info.startswith("/api/")
