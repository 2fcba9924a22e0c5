"""Row-level security binds nobody who may walk past it: such a role does not start to serve."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

log = structlog.get_logger()


def refuse_powerful_role(*, using: str = DEFAULT_DB_ALIAS) -> None:
    """Stop a server or worker whose role is a superuser or has BYPASSRLS.

    On a sandbox it is only said: there is nobody's data to keep apart. A database that can't be
    reached yet stops nothing, since the readiness page tells and it may come.

    :raises ImproperlyConfigured: names the role and what to do.
    """
    try:
        with connections[using].cursor() as cursor:
            cursor.execute(
                "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles"
                " WHERE rolname = current_user"
            )
            name, is_powerful = cursor.fetchone()
    except OperationalError as error:
        log.warning("role not checked", error=type(error).__name__)
        return
    finally:
        # Whoever forks after this must not share a connection with its children.
        connections[using].close()
    if not is_powerful:
        return
    words = (
        f"The role {name} of DATABASE_URL is a superuser or has BYPASSRLS, so it would see every"
        " tenant's rows. Give the server a role of its own: CREATE ROLE giftline_app LOGIN"
        " NOSUPERUSER NOBYPASSRLS PASSWORD …; then run migrate with MIGRATION_DATABASE_URL set to"
        " the tables' owner."
    )
    if not settings.SANDBOX:
        raise ImproperlyConfigured(words)
    log.warning("powerful role", words=words)
