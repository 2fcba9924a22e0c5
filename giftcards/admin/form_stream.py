"""A form with a file that is read as it comes, never held as a whole.

Django reads a form to its end before a view sees any of it, and keeps a large file in memory or on
a disk. Here the fields before the file are read first, then the file as far as somebody asks for
it, then the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.http import HttpRequest, QueryDict, UnreadablePostError
from django.http.multipartparser import FILE, RAW, ChunkIter, LazyStream, Parser
from django.utils.datastructures import MultiValueDict
from django.utils.http import parse_header_parameters

_CHUNK_BYTES: Final = 65_536
_LONGEST_BOUNDARY: Final = 200


class FormStream:
    """The parts of a form as they arrive.

    ``fields`` are those read so far, and the request's ``POST`` from here on; ``file_name`` is
    empty where the form has no file.

    :raises UnreadablePostError: the sender breaks off, while anything is read.
    """

    def __init__(self, request: HttpRequest) -> None:
        self.fields = QueryDict(mutable=True)
        self.file_name = ""
        self._body = _Body(request)
        # The stubs ask for lines as well, which nobody reads.
        chunks = ChunkIter(self._body, _CHUNK_BYTES)  # type: ignore[arg-type]
        self._parts = iter(Parser(LazyStream(chunks), _boundary(request)))
        self._file: Iterator[bytes] = iter(())
        # As REST framework does it: whoever asks for POST must not read the body once more.
        post: Any = request
        post._post, post._files = self.fields, MultiValueDict()  # noqa: SLF001
        self._read_fields()

    def read(self, _size: int, /) -> bytes:
        """Return the next bytes of the file, none at its end, where all else is read as well."""
        for chunk in self._file:
            if chunk:
                return chunk
        self.read_to_end()
        return b""

    def read_head(self, *, max_bytes: int, max_lines: int) -> tuple[bytes, bool]:
        """Return the file from where it stands, and whether that was all.

        It ends once there are more bytes or lines than asked for.
        """
        head = bytearray()
        feeds = returns = 0
        while chunk := self.read(_CHUNK_BYTES):
            head += chunk
            feeds += chunk.count(b"\n")
            returns += chunk.count(b"\r")
            if len(head) > max_bytes or max(feeds, returns) > max_lines:
                return bytes(head), False
        return bytes(head), True

    def read_to_end(self) -> None:
        """Read what is left, so that the browser hears the answer; of a file nothing is kept."""
        for _ in self._file:
            pass
        self._file = iter(())
        self._read_fields()
        while self._body.read(_CHUNK_BYTES):
            pass
        self._body.check_whole()

    def _read_fields(self) -> None:
        """Read fields up to the next file, or to the end."""
        for kind, about, stream in self._parts:
            if kind == RAW:
                continue
            parameters = about["content-disposition"][1]
            name = _decode(parameters.get("name", b""))
            if kind == FILE:
                if self.file_name:
                    raise SuspiciousOperation("More than one file was sent.")
                self.file_name = _decode(parameters["filename"])
                self._file = stream
                return
            self._keep(name, stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1))

    def _keep(self, name: str, value: bytes) -> None:
        if len(value) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig("A field is over 10 MB.")
        if len(self.fields) >= settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:
            raise TooManyFieldsSent("The form has too many fields.")
        self.fields.appendlist(name, _decode(value))


class _Body:
    """A request's body that knows whether all of it has come.

    A connection that ends early reads like the end of the body, and half a file like a whole one.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._left = int(request.META.get("CONTENT_LENGTH") or 0)

    def read(self, size: int, /) -> bytes:
        chunk: bytes = self._request.read(size)
        self._left -= len(chunk)
        return chunk

    def check_whole(self) -> None:
        if self._left > 0:
            raise UnreadablePostError("The sender has broken off.")


def _boundary(request: HttpRequest) -> bytes:
    _, options = parse_header_parameters(request.META.get("CONTENT_TYPE", ""))
    boundary = options.get("boundary", "")
    if not boundary or len(boundary) > _LONGEST_BOUNDARY or not boundary.isascii():
        raise SuspiciousOperation("The form has no boundary.")
    return boundary.encode()


def _decode(raw: bytes | str) -> str:
    return raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
