"""What a form that is slowed down asks for each code: a little work, or a wait.

The page's script looks for a number whose SHA-256, with the challenge and the code in front, ends
a search of about 2^18 tries: a second or two on a phone, and the same for each guess of somebody
who guesses. It is worth something for this code only, so nothing has to be remembered about it.
Where no script runs, the same code is entered once more some seconds later.
"""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
from typing import Final

from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest

from redemption.throttling import digest_of_code

WORK_BITS: Final = 16
WAIT_SECONDS: Final = 15
_LASTS_SECONDS: Final = 15 * 60
_LONGEST: Final = 128
_WORK: Final = TimestampSigner(salt="giftline.slow.work")
_WAIT: Final = TimestampSigner(salt="giftline.slow.wait")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Slowing:
    """What the page carries: the script's challenge, and the proof of when the wait began."""

    challenge: str
    bits: int
    wait: str
    seconds: int


def slow_down(*, code: str = "") -> Slowing:
    """Return what a form asks for; the wait for ``code`` begins now."""
    return Slowing(
        challenge=_WORK.sign(secrets.token_urlsafe(12)),
        bits=WORK_BITS,
        wait=_WAIT.sign(_name(code)) if code else "",
        seconds=WAIT_SECONDS,
    )


def has_paid(request: HttpRequest, *, code: str) -> bool:
    """Tell whether the work was done for this code, or the wait is over."""
    return _has_worked(
        request.POST.get("challenge", ""), request.POST.get("work", ""), code=code
    ) or _has_waited(request.POST.get("wait", ""), code=code)


def is_work(challenge: str, code: str, work: str) -> bool:
    """Tell whether a number is a good one: its hash begins with enough zero bits."""
    found = hashlib.sha256(f"{challenge}:{code}:{work}".encode()).digest()
    return int.from_bytes(found[:8]) >> (64 - WORK_BITS) == 0


def _has_worked(challenge: str, work: str, *, code: str) -> bool:
    if not work or len(challenge) > _LONGEST or len(work) > _LONGEST:
        return False
    try:
        _WORK.unsign(challenge, max_age=_LASTS_SECONDS)
    except BadSignature:
        return False
    return is_work(challenge, code, work)


def _has_waited(wait: str, *, code: str) -> bool:
    try:
        name = _WAIT.unsign(wait, max_age=_LASTS_SECONDS)
    except BadSignature:
        return False
    if name != _name(code):
        return False
    try:
        _WAIT.unsign(wait, max_age=WAIT_SECONDS)
    except BadSignature:
        return True  # its signature is good, so it is old enough
    return False


def _name(code: str) -> str:
    return digest_of_code(code).hex()[:32]
