"""The faults: what each does to a request and to the text it creates.

Every function here is an action a rule can name; its keyword arguments are the parameters the
rule can give.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Final

from sms.emulator.plans import USUAL_PLAN, DeliveryPlan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Course:
    """How one request will go.

    ``is_accepted`` is whether the request is carried out, whatever the caller is told of it.
    """

    is_accepted: bool = True
    is_dropped: bool = False
    hold_seconds: float = 0.0
    error_status: int | None = None
    error_code: int | None = None
    error_message: str = ""
    retry_after_seconds: int | None = None
    plan: DeliveryPlan = USUAL_PLAN

    @property
    def is_disturbed(self) -> bool:
        """Whether the caller gets anything but the prompt and true answer."""
        return bool(self.hold_seconds or self.is_dropped or self.error_status)


def timeout(course: Course, *, seconds: float = 30.0, accepted: bool = True) -> Course:
    """Answer after ``seconds``; when not accepted, close the connection then."""
    return _disturb(course, hold_seconds=seconds, is_accepted=accepted, is_dropped=not accepted)


def drop(course: Course, *, accepted: bool = False) -> Course:
    """Close the connection without a word once the request is read."""
    return _disturb(course, is_dropped=True, is_accepted=accepted)


def status(course: Course, *, status: int = 503, accepted: bool = False) -> Course:
    """Answer 5xx: 502 and 504 as a gateway does, in HTML, the others with Twilio's JSON."""
    if not 500 <= status <= 599:
        raise ValueError("status: from 500 to 599; for others there is error")
    code = None if status in (502, 504) else 20000 + status
    return _disturb(course, error_status=status, error_code=code, is_accepted=accepted)


def rate_limited(course: Course, *, retry_after: int = 1) -> Course:
    """Answer 429 with code 20429 and a Retry-After header in seconds."""
    return _disturb(
        course,
        error_status=429,
        error_code=20429,
        retry_after_seconds=retry_after,
        is_accepted=False,
    )


def error(course: Course, *, code: int, status: int = 400, message: str = "") -> Course:
    """Refuse with one of Twilio's error codes."""
    return _disturb(
        course, error_status=status, error_code=code, error_message=message, is_accepted=False
    )


def undelivered(course: Course, *, code: int = 30003) -> Course:
    """Send the text; the carrier reports that it did not arrive."""
    return _replan(course, outcome="undelivered", error_code=code)


def failed(course: Course, *, code: int = 30008) -> Course:
    """Accept the text and never send it."""
    return _replan(course, outcome="failed", error_code=code)


def stuck(course: Course, *, status: str = "queued") -> Course:
    """Stay ``queued``, or ``sent`` without ever a receipt."""
    if status not in ("queued", "sent"):
        raise ValueError("status: a text gets stuck when queued or sent")
    return _replan(course, outcome=status, error_code=None)


def duplicate_callbacks(course: Course, *, copies: int = 2) -> Course:
    """Post every callback ``copies`` times."""
    return _replan(course, copies=copies)


def callbacks_out_of_order(course: Course) -> Course:
    """Post the callbacks at the end, the last status first."""
    return _replan(course, is_reversed=True)


def late_callback(course: Course, *, seconds: float = 5.0) -> Course:
    """Post every callback ``seconds`` after its status changed."""
    return _replan(course, late_seconds=seconds)


def no_callback(course: Course) -> Course:
    """Deliver the text and never tell."""
    return _replan(course, is_silent=True)


def callback_before_response(course: Course) -> Course:
    """Deliver the text and post all callbacks before the request is answered."""
    return _replan(course, is_early=True)


def _disturb(course: Course, **changes: Any) -> Course:
    # Of two faults that touch the answer only one can show, so nothing is left of the other.
    return dataclasses.replace(Course(plan=course.plan), **changes)


def _replan(course: Course, **changes: Any) -> Course:
    return dataclasses.replace(course, plan=dataclasses.replace(course.plan, **changes))


ACTIONS: Final[dict[str, Callable[..., Course]]] = {
    action.__name__: action
    for action in (
        timeout,
        drop,
        status,
        rate_limited,
        error,
        undelivered,
        failed,
        stuck,
        duplicate_callbacks,
        callbacks_out_of_order,
        late_callback,
        no_callback,
        callback_before_response,
    )
}
