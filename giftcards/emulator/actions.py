"""The faults: what each does to a request.

Every function here is an action a rule can name; its keyword arguments are the parameters the
rule can give.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Final

ORDER_ENDS: Final = ("SUCCESS", "ERROR", "CANCELLED", "REQUESTED", "PENDING", "PROCESSING")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Course:
    """How one request will go.

    ``is_done`` is whether the request is carried out, whatever the caller is told of it;
    ``work_seconds`` is how long that takes, ``hold_seconds`` how long the answer lags behind.
    ``order_end`` is what an asynchronous order comes to.
    """

    is_done: bool = True
    is_dropped: bool = False
    is_cut: bool = False
    work_seconds: float = 0.0
    hold_seconds: float = 0.0
    error_status: int | None = None
    error_code: str = ""
    error_message: str = ""
    error_html: str = ""
    retry_after_seconds: int | None = None
    order_end: str = "SUCCESS"


def timeout(course: Course, *, seconds: float = 30.0, sold: bool = True) -> Course:
    """Answer after ``seconds``; when not sold, close the connection then."""
    return _disturb(course, hold_seconds=seconds, is_done=sold, is_dropped=not sold)


def slow(course: Course, *, seconds: float = 2.0) -> Course:
    """Work for ``seconds`` and answer truly; the same id meanwhile is answered with 729."""
    return _disturb(course, work_seconds=seconds)


def drop(course: Course, *, sold: bool = True) -> Course:
    """Close the connection without a word."""
    return _disturb(course, is_dropped=True, is_done=sold)


def status(course: Course, *, status: int = 502, page: bool = False, sold: bool = False) -> Course:
    """Answer an HTTP status as a gateway does: with nothing, or with its page in HTML."""
    if not 300 <= status <= 599:
        raise ValueError("status: from 300 to 599")
    html = f"<html><body><h1>{status}</h1></body></html>" if page else ""
    return _disturb(course, error_status=status, error_html=html, is_done=sold)


def error(
    course: Course, *, code: str, status: int = 0, message: str = "", sold: bool = False
) -> Course:
    """Answer one of Tillo's codes, with the status it usually has."""
    return _disturb(
        course,
        error_code=code,
        error_status=status or None,
        error_message=message,
        is_done=sold,
    )


def rate_limited(course: Course, *, retry_after: int = 1) -> Course:
    """Answer 429 with code 211 and the headers that tell when to come back."""
    return _disturb(course, error_code="211", retry_after_seconds=retry_after, is_done=False)


def malformed(course: Course, *, sold: bool = True) -> Course:
    """Answer half of the JSON, with status 200."""
    return _disturb(course, is_cut=True, is_done=sold)


def order_ends(course: Course, *, status: str = "ERROR") -> Course:
    """Let an asynchronous order come to this; at REQUESTED, PENDING or PROCESSING it is stuck."""
    if status not in ORDER_ENDS:
        raise ValueError(f"status: one of {', '.join(ORDER_ENDS)}")
    return dataclasses.replace(course, order_end=status)


def _disturb(course: Course, **changes: Any) -> Course:
    # Of two faults that touch the answer only one can show, so nothing is left of the other.
    return dataclasses.replace(Course(order_end=course.order_end), **changes)


ACTIONS: Final[dict[str, Callable[..., Course]]] = {
    action.__name__: action
    for action in (
        timeout,
        slow,
        drop,
        status,
        error,
        rate_limited,
        malformed,
        order_ends,
    )
}
