"""Database functions live in files beside the app that owns them; migrations install them."""

from pathlib import Path

from django.conf import settings
from django.db.migrations.operations import RunSQL


def install(app: str, *names: str) -> RunSQL:
    """Return the operation that runs ``<app>/sql/<name>.sql`` for each name, in that order.

    Every file is ``CREATE OR REPLACE``, so that a later migration installs a new text of the
    same function by naming the file again.
    """
    return RunSQL("\n".join(read(app, name) for name in names), reverse_sql=RunSQL.noop)


def read(app: str, name: str) -> str:
    """Return the text of ``<app>/sql/<name>.sql``."""
    return (Path(settings.BASE_DIR) / app / "sql" / f"{name}.sql").read_text()
