"""Addresses, headers and methods that nobody sends by mistake: problems, and nothing written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from alerts.models import MonitorRun, WebhookEndpoint
from config.bench.web import Web
from tests.api.addresses import operations, writing
from tests.api.matrix import share
from tests.api.serving import Caller, assert_problem, count_rows, make_secret, send_raw

pytestmark = pytest.mark.django_db(transaction=True)

_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
# Parameters that look for a text as it stands somewhere: any text may be looked for.
_TEXTS = {"sku", "order_number", "email"}
_MAY_BE_LOOKED_FOR = {"%ff", "%ed%a0%80", "1e999", "--", "%25s"}


def assert_refused(response: httpx.Response, *statuses: int) -> None:
    assert response.status_code in statuses, (response.status_code, response.text[:300])
    assert_problem(response, response.status_code, response.json()["code"])


@pytest.fixture(autouse=True)
def nothing_is_written() -> Iterator[None]:
    before = count_rows()
    yield
    assert count_rows() == before


class TestMethod:
    def test_that_is_not_there_is_refused_with_those_that_are(self, platform: Caller) -> None:
        there: dict[str, set[str]] = {}
        for one in operations():
            there.setdefault(one.template, set()).add(one.method)
        for one in operations():
            others = [*sorted(_METHODS - there[one.template]), "TRACE", "BREW"]
            for method in share(others, operations().index(one)):
                response = platform.send(method, one.path, body={})
                assert_problem(response, 405, "GC-117")
                allowed = set(response.headers["Allow"].split(", ")) & _METHODS
                assert allowed == there[one.template], (str(one), method)


class TestAccept:
    @pytest.mark.parametrize(
        ("number", "accept"), list(enumerate(["text/html", "application/xml", "image/*;q=0.5"]))
    )
    def test_of_another_media_type_is_refused(
        self, platform: Caller, number: int, accept: str
    ) -> None:
        for one in share(operations(), number):
            response = platform.send(one.method, one.path, body={}, Accept=accept)
            assert_problem(response, 406, "GC-117")

    def test_of_anything_is_json(self, platform: Caller) -> None:
        for accept in ("*/*", "application/*", "text/html, */*;q=0.1", "nonsense, */*"):
            response = platform.send("GET", "/api/v1/accounts/", Accept=accept)
            assert response.status_code == 200
            assert response.headers["Content-Type"] == "application/json"


class TestAddress:
    @pytest.mark.parametrize(
        "rest",
        ["%00/", "%ff/", "..%2f..%2f", "%e2%80%ae/", "x" * 7000, "accounts", "%0d%0aX: y/", "'--/"],
    )
    def test_that_leads_nowhere_is_a_problem(self, platform: Caller, rest: str) -> None:
        for prefix in ("", "accounts/", "redemptions/", "pools/"):
            response = platform.send("GET", f"/api/v1/{prefix}{rest}")
            # Without its last slash an address that is there is redirected to.
            assert_refused(response, 404, 301) if response.status_code != 301 else None

    def test_that_is_too_long_is_a_problem(self, platform: Caller) -> None:
        response = platform.send("GET", "/api/v1/accounts/?cursor=" + "x" * 9000)
        assert_problem(response, 414, "GC-116")

    @pytest.mark.parametrize(
        ("number", "value"),
        list(enumerate(["%00", "%ff", "%ed%a0%80", "x" * 5000, "1e999", "--", "%25s"])),
    )
    def test_with_hostile_parameters_is_refused(
        self, platform: Caller, number: int, value: str
    ) -> None:
        for one in share(operations(), number):
            names = {
                it["name"] for it in one.described.get("parameters", []) if it["in"] == "query"
            }
            for name in names - (_TEXTS if value in _MAY_BE_LOOKED_FOR else set()):
                response = platform.send(
                    one.method,
                    f"{one.path}?{name}={value}",
                    body={"cards": [{"code": "x"}]} if one.method == "POST" else None,
                    **{"Idempotency-Key": str(uuid4())},
                )
                assert_refused(response, 400, 404)

    def test_with_unknown_or_doubled_parameters_is_refused(self, platform: Caller) -> None:
        for query, field in (("colour=red", "colour"), ("page_size=1&page_size=2", "page_size")):
            for one in operations():
                if one.described["operationId"].startswith("list_") and "{" not in one.template:
                    response = platform.send("GET", f"{one.path}?{query}")
                    assert field in assert_problem(response, 400, "GC-012")["errors"]


class TestHeader:
    @pytest.mark.parametrize(
        ("number", "key"),
        list(enumerate(["", "x" * 256, "a\tb", "naïve", "\u2028".encode().decode("latin-1")])),
    )
    def test_idempotency_key_is_1_to_255_printable_characters(
        self, platform: Caller, number: int, key: str
    ) -> None:
        for one in share(writing(), number):
            if one.takes_idempotency_key:
                response = platform.send(
                    "POST",
                    one.path,
                    body=one.example(),
                    **{"Idempotency-Key": key.encode("latin-1")},  # type: ignore[arg-type]
                )
                body = assert_problem(response, 400, "GC-012")
                assert list(body["errors"]) == ["Idempotency-Key"], str(one)

    def test_idempotency_key_is_wanted_where_it_is_required(self, platform: Caller) -> None:
        starred = set()
        for one in writing():
            response = platform.send(one.method, one.path, body=one.example())
            if "Idempotency-Key" in response.json().get("errors", {}):
                assert_problem(response, 400, "GC-012")
                starred.add(str(one))
        # Their examples are good enough without a key.
        WebhookEndpoint.objects.all().delete()
        MonitorRun.objects.all().delete()
        assert starred >= {
            "POST /allocations/",
            "POST /campaigns/{campaign_id}/recipients/",
            "POST /pools/{pool_id}/cards/",
            "POST /pools/{pool_id}/sell/",
            "POST /redemptions/",
        }
        described = {
            str(one)
            for one in writing()
            for it in one.described.get("parameters", [])
            if it["name"] == "Idempotency-Key" and it.get("required")
        }
        assert starred == described

    @pytest.mark.parametrize(
        ("number", "value"),
        [
            *enumerate(
                [
                    "Bearer x",
                    "Api-Key",
                    "Basic eDp5",
                    "Api-Key glk_x",
                    "Api-Key " + "x" * 7000,
                    "Api-Key naïve",
                    "Api-Key a b",
                    "api-key x",
                ]
            )
        ],
    )
    def test_authorization_that_is_none_is_refused(self, web: Web, number: int, value: str) -> None:
        with Caller(web, None) as nobody:
            for one in share(operations(), number):
                response = nobody.send(
                    one.method,
                    one.path,
                    body=one.example() if one.method == "POST" else None,
                    Authorization=value.encode("latin-1"),  # type: ignore[arg-type]
                )
                body = assert_problem(response, 401, "GC-109")
                assert value[8:] == "" or value[8:] not in json.dumps(body)

    def test_without_a_key_is_refused(self, web: Web) -> None:
        with Caller(web, None) as nobody:
            for one in operations():
                if one.needs_key:
                    body = one.example() if one.method == "POST" else None
                    response = nobody.send(one.method, one.path, body=body)
                    assert_problem(response, 401, "GC-109")
                    assert response.headers["WWW-Authenticate"].startswith("Api-Key")

    def test_request_id_is_kept_if_it_is_one(self, platform: Caller) -> None:
        for given, is_kept in (("order-4711", True), ("x" * 65, False), ("<b>", False)):
            response = platform.send("GET", "/api/v1/accounts/x/", **{"X-Request-ID": given})
            body = assert_problem(response, 404, "GC-111")
            assert (body["request_id"] == given) is is_kept


class TestRawRequest:
    @pytest.mark.parametrize(
        ("raw", "status"),
        [
            (b"GET /api/v1/accounts/ HTTP/9.9\r\n\r\n", 400),
            (b"GET\r\n\r\n", 400),
            (b"\x00\x01\x02\r\n\r\n", 400),
            (b"GET /api/v1/accounts/ HTTP/1.1\r\nX: a\x00b\r\n\r\n", 400),
            (b"GET /api/v1/accounts/ HTTP/1.1\r\nbad header\r\n\r\n", 400),
            (b"GET /api/v1/accounts/ HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
            (b"GET /api/v1/accounts/ HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
            (b"POST /api/v1/redemptions/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            (b"POST /api/v1/redemptions/ HTTP/1.1\r\nContent-Length: ten\r\n\r\n", 400),
            (b"GET /api/v1/accounts/ HTTP/1.1\r\nTransfer-Encoding: rot13\r\n\r\n", 400),
            (
                (
                    b"POST /api/v1/codes/validate/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
                    b"Content-Type: application/json\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"
                ),
                400,
            ),
            (
                (
                    b"POST /api/v1/codes/validate/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
                    b"Content-Length: 2\r\nContent-Type: application/json\r\n\r\n"
                    b"2\r\n{}\r\n0\r\n\r\n"
                ),
                400,
            ),
        ],
    )
    def test_that_is_no_request_is_a_problem(self, web: Web, raw: bytes, status: int) -> None:
        raw = raw.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        assert_refused(send_raw(web, raw), status)


class TestChunkedBody:
    def test_is_read_like_one_with_a_length(self, platform: Caller) -> None:
        pieces = [b'{"co', b'de": "no', b'body"}']
        response = platform.http.post(
            "/api/v1/codes/validate/",
            content=iter(pieces),
            headers={**platform.headers, "Content-Type": "application/json"},
        )
        assert "Content-Length" not in response.request.headers
        assert_problem(response, 404, "GC-011")

    def test_of_20_megabytes_is_too_large(self, web: Web) -> None:
        with Caller(web, make_secret(None)) as platform:
            for one in writing():
                response = platform.http.request(
                    one.method,
                    one.path,
                    content=(b"x" * 100_000 for _ in range(200)),
                    headers={
                        **platform.headers,
                        "Content-Type": "application/json",
                        "Idempotency-Key": str(uuid4()),
                    },
                )
                assert_refused(response, 413)
