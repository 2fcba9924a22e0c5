"""Where people are signed in: written at log-in, touched once a minute, ended from afar.

A row stands beside Django's session and goes with it, in both directions: signing out deletes
the row, ending the row deletes the session, and the browser that had it is out at its next click.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib.sessions.models import Session

from credit.models import Authenticator, UserSession

# In Django's session: when it was noted last, in seconds of the epoch.
SEEN_AT: Final = "seen_at"
_USER_AGENT_LENGTH: Final = 300
_SET_UP_KEPT: Final = timedelta(days=1)


def record_session(
    *,
    user_id: UUID,
    session_key: str,
    user_agent: str,
    address: str,
    signed_in_at: datetime,
    now: datetime,
) -> None:
    """Note that a session, which is stored already, is somebody's; or that they were seen in it."""
    UserSession.objects.update_or_create(
        session_id=session_key,
        defaults={
            "user_id": user_id,
            "user_agent": user_agent.replace("\0", "")[:_USER_AGENT_LENGTH],
            "address": address,
            "last_seen_at": now,
        },
        create_defaults={
            "user_id": user_id,
            "session_id": session_key,
            "user_agent": user_agent.replace("\0", "")[:_USER_AGENT_LENGTH],
            "address": address,
            "signed_in_at": signed_in_at,
            "last_seen_at": now,
        },
    )


def end_session(*, session_id: UUID, user_id: UUID | None = None) -> bool:
    """End one session; return False when there is none, or (``user_id``) it is another's."""
    sessions = UserSession.objects.filter(pk=session_id)
    if user_id is not None:
        sessions = sessions.filter(user_id=user_id)
    keys = list(sessions.values_list("session_id", flat=True))
    return _delete(keys) > 0


def end_sessions(*, user_id: UUID, keep_key: str | None = None) -> int:
    """End all sessions of a person but the one with ``keep_key``; return how many."""
    sessions = UserSession.objects.filter(user_id=user_id).exclude(session_id=keep_key or "")
    return _delete(list(sessions.values_list("session_id", flat=True)))


def clear_sign_ins(*, now: datetime) -> None:
    """Delete what nobody can sign in with any more: old sessions, set-ups that were left."""
    Session.objects.filter(expire_date__lte=now).delete()
    Authenticator.objects.filter(confirmed=False, created_at__lt=now - _SET_UP_KEPT).delete()


def _delete(keys: list[str]) -> int:
    _, deleted = Session.objects.filter(session_key__in=keys).delete()
    return deleted.get("sessions.Session", 0)
