"""One HTTP request and what is answered to it."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclasses.dataclass(frozen=True)
class Request:
    """A request as it came in, its body read and the names of its headers in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def path(self) -> str:
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @cached_property
    def form(self) -> dict[str, str]:
        """The body's form fields."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The body's JSON object; empty when it holds none."""
        try:
            fields = json.loads(self.body) if self.body else {}
        except ValueError:
            return {}
        return fields if isinstance(fields, dict) else {}

    def json(self) -> Any:
        """Return the body as JSON.

        :raises ValueError: it is not JSON.
        """
        return json.loads(self.body)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer: JSON, or HTML when there is some, or nothing.

    ``is_dropped`` closes the connection instead, ``hold_seconds`` waits before either, ``is_cut``
    leaves the second half of the JSON out, and ``afterwards`` is called once the answer is on its
    way.
    """

    status: int = 200
    payload: object = None
    html: str = ""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    hold_seconds: float = 0.0
    is_dropped: bool = False
    is_cut: bool = False
    afterwards: Callable[[], None] | None = None

    def render(self) -> bytes:
        """Return the body."""
        if self.html:
            return self.html.encode()
        body = b"" if self.payload is None else json.dumps(self.payload).encode()
        return body[: len(body) // 2] if self.is_cut else body
