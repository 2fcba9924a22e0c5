"""Bodies that nobody sends by mistake: each is refused as a problem, and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.addresses import Operation, writing
from tests.api.matrix import share
from tests.api.serving import Caller, assert_problem, count_rows

pytestmark = pytest.mark.django_db(transaction=True)

_DEEP = 100_000
# Such bodies are refused before anybody looks which fields there are.
UNREADABLE = {
    "invalid UTF-8": b'{"code": "\xff\xfe"}',
    "UTF-16": '{"code": "x"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"code": "x"}',
    "deep lists": b'{"code": ' + b"[" * _DEEP + b"]" * _DEEP + b"}",
    "deep objects": b'{"a": ' * _DEEP + b"1" + b"}" * _DEEP,
    "lists that don't end": b"[" * _DEEP,
    "just too deep": b'{"a": ' * 40 + b"1" + b"}" * 40,
    "NaN": b'{"code": NaN}',
    "infinity": b'{"code": -Infinity}',
    "a number beyond all": b'{"code": 1e999}',
    "a number of 10,000 digits": b'{"code": ' + b"9" * 10_000 + b"}",
    "a name twice": b'{"code": "x", "code": "y"}',
    "a list": b"[]",
    "null": b"null",
    "a string": b'"code"',
    "half an object": b'{"code": "x"',
    "a NUL outside of a string": b'{"code": "x"}\x00',
    "HTML": b"<script>alert(1)</script>",
}


def refused(
    operation: Operation, response: httpx.Response, status: int, code: str
) -> dict[str, Any]:
    """Check a refusal; without a signature nobody gets further at the door of the CRMs."""
    if "{source}" in operation.template and status != 413:
        return assert_problem(response, 401, "GC-109")
    return assert_problem(response, status, code)


def send(caller: Caller, operation: Operation, body: Any, **more: Any) -> httpx.Response:
    key = {"Idempotency-Key": str(uuid4())}
    return caller.send(operation.method, operation.path, body=body, **{**key, **more})


@pytest.fixture(autouse=True)
def nothing_is_written() -> Iterator[None]:
    before = count_rows()
    yield
    assert count_rows() == before


# Where an empty body says all.
WHOLE_WHEN_EMPTY = ("/resend/", "/rotate-secret/", "/replay/", "/test/", "/close/")


class TestBody:
    @pytest.mark.parametrize("kind", UNREADABLE)
    def test_that_is_not_json_is_refused(self, platform: Caller, kind: str) -> None:
        for operation in share(writing(), list(UNREADABLE).index(kind)):
            body = refused(operation, send(platform, operation, UNREADABLE[kind]), 400, "GC-012")
            if "{source}" not in operation.template:
                assert list(body["errors"]) == ["body"], (operation, body)

    def test_with_an_unknown_field_is_refused_by_name(self, platform: Caller) -> None:
        for operation in writing():
            sent = {**operation.example(), "colour": "red"}
            body = refused(operation, send(platform, operation, sent), 400, "GC-012")
            if "{source}" not in operation.template:
                assert body["errors"] == {"colour": ["This field is not known."]}, operation

    @pytest.mark.parametrize(
        "text", ["a\x00b", "\ud800", "\udfff\ud800", "\x00"], ids=["NUL", "high", "low", "only NUL"]
    )
    def test_with_what_is_no_text_is_refused(self, platform: Caller, text: str) -> None:
        for operation in writing():
            # Some have no text in their first example.
            example = operation.example()
            spoilt = spoil(example, text)
            sent = spoilt if spoilt != example else {"to": text}
            refused(operation, send(platform, operation, sent), 400, "GC-012")
            sent = {**operation.example(), f"x{text}": 1}
            refused(operation, send(platform, operation, sent), 400, "GC-012")

    def test_with_other_kinds_of_values_is_refused(self, platform: Caller) -> None:
        values: list[Any] = [True, 1.5, -1, 2**63, [], {}, [[]], {"a": {}}]
        for number, value in enumerate(values):
            for operation in share(writing(), number):
                sent = dict.fromkeys(operation.example() or {"to": ""}, value)
                refused(operation, send(platform, operation, sent), 400, "GC-012")

    def test_that_is_missing_is_refused(self, platform: Caller) -> None:
        for operation in writing():
            if operation.template.endswith("/monitoring/runs/"):
                continue  # there is nothing to say, and it looks at once
            # `{}` is a whole request there, such as: send it where it went before.
            is_whole = operation.template.endswith(WHOLE_WHEN_EMPTY) or operation.method == "PATCH"
            status, code = (404, "GC-111") if is_whole else (400, "GC-012")
            refused(operation, send(platform, operation, None), status, code)
            refused(operation, send(platform, operation, b""), status, code)

    def test_of_20_megabytes_is_too_large(self, platform: Caller) -> None:
        for operation in writing():
            text = b'{"code": "' + b"x" * 20_000_000 + b'"}'
            refused(operation, send(platform, operation, text), 413, "GC-116")

    def test_of_another_media_type_is_refused(self, platform: Caller) -> None:
        media_types = ("text/plain", "application/xml", "x", "application/json/x", "")
        for number, media_type in enumerate(media_types):
            for operation in share(writing(), number):
                response = send(platform, operation, b"{}", content_type=media_type)
                refused(operation, response, 415, "GC-117")
        for operation in writing():
            if "multipart/form-data" not in operation.media_types:
                form = "multipart/form-data; boundary=x"
                response = send(platform, operation, b"--x--", content_type=form)
                refused(operation, response, 415, "GC-117")


class TestForm:
    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("multipart/form-data", b"--x--"),
            ("multipart/form-data; boundary=", b"--x--"),
            ("multipart/form-data; boundary=x", b"no parts"),
            ("multipart/form-data; boundary=" + "x" * 5000, b"--x--"),
            (
                "multipart/form-data; boundary=x",
                (
                    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a\x00b.csv"'
                    b"\r\n\r\ncode\r\n\x00\xff\r\n--x--"
                ),
            ),
            (
                "multipart/form-data; boundary=x",
                b'--x\r\nContent-Disposition: form-data; name="f\x00\xff"\r\n\r\n1\r\n--x--',
            ),
            ("text/csv", b"code\n\x00\n"),
            ("text/csv", b"\xff\xfe\x00"),
            ("text/csv; charset=utf-99", b"code\n\xff\n"),
        ],
    )
    def test_that_is_broken_is_refused(
        self, platform: Caller, content_type: str, body: bytes
    ) -> None:
        for operation in writing():
            if "text/csv" in operation.media_types:
                response = send(platform, operation, body, content_type=content_type)
                assert response.status_code in (400, 404, 415), response.text
                assert_problem(response, response.status_code, response.json()["code"])


def spoil(value: Any, text: str) -> Any:
    """Return the value with each of its strings spoilt."""
    if isinstance(value, dict):
        return {name: spoil(inner, text) for name, inner in value.items()}
    if isinstance(value, list):
        return [spoil(inner, text) for inner in value]
    return text if isinstance(value, str) else value


class TestSpoil:
    def test_changes_every_string(self) -> None:
        spoilt = spoil({"a": ["b", {"c": "d"}], "e": 1}, "\x00")
        assert json.dumps(spoilt) == '{"a": ["\\u0000", {"c": "\\u0000"}], "e": 1}'
