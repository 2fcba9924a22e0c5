"""Why somebody did what stays in the records."""

from __future__ import annotations

from typing import Final

from loyalty.services.refusals import refuse

_LONGEST: Final = 500


def read_stated_reason(reason: str) -> str:
    """Return a reason without the space around it.

    :raises ValidationFailedError: there is none, or it is too long (GC-012).
    """
    reason = reason.strip()
    if not reason or "\0" in reason or len(reason) > _LONGEST:
        raise refuse("reason", f"Say why, in at most {_LONGEST} characters.")
    return reason
