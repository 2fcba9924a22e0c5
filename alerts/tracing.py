"""Which request a line of the log, and a call to a vendor, belongs to.

Note [Request id]
A request gets an id at the door (config/middleware.py), and what it leaves to be done later is a
row that keeps it. Whoever works on such a row later speaks under the row's id, not its own, so
that one search of the logs shows a redemption from the form to the phone. What a worker runs has
a ``run_id`` besides, which its lines share whatever rows they are about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from structlog.contextvars import bound_contextvars, get_contextvars

HEADER: Final = "X-Request-ID"
# What is sent on in a header: nothing that could end it.
_SENDABLE: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


@contextmanager
def tracing(request_id: str) -> Iterator[None]:
    """Let every line that is logged meanwhile, in this thread, name a request.

    :param request_id: the row's; of one without any the lines keep the id they have.
    """
    if not request_id:
        yield
        return
    with bound_contextvars(request_id=request_id):
        yield


def current_request_id() -> str:
    """Return the id that the lines of the log have now, to be kept or sent on; "" without one."""
    request_id = str(get_contextvars().get("request_id", ""))
    return request_id if _SENDABLE.fullmatch(request_id) else ""


def request_headers() -> dict[str, str]:
    """Return the header that tells who is called which request of ours it is for, if any."""
    request_id = current_request_id()
    return {HEADER: request_id} if request_id else {}
