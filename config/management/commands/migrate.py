"""Django's ``migrate``, run by the tables' owner, and the grants of the runtime role."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone

from alerts.services.verification import prove_invariants
from config.grants import RoleMissingError, grant_to_runtime_role, weakness_of_runtime_role

OWNER_ALIAS = "owner"


class Command(migrate.Command):
    help = (
        "Brings the tables up to date as their owner (MIGRATION_DATABASE_URL) and grants the"
        " runtime role (DATABASE_URL) what it needs. Safe to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER_ALIAS)
        parser.add_argument(
            "--verify",
            action="store_true",
            help="First prove that the database is as it must be; change nothing if it is not.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["database"] == DEFAULT_DB_ALIAS and _name_the_same_database():
            options["database"] = OWNER_ALIAS
        if options["verify"]:
            self._prove()
        super().handle(*args, **options)
        if options["plan"] or options["check_unapplied"] or options["database"] != OWNER_ALIAS:
            return
        runtime_role = settings.DATABASES[DEFAULT_DB_ALIAS]["USER"]
        connection = connections[OWNER_ALIAS]
        if runtime_role == connection.settings_dict["USER"]:
            self._warn(
                "DATABASE_URL and MIGRATION_DATABASE_URL name the same role, so the server owns"
                " the tables it works on: row-level security is off and triggers can be disabled."
                " Give the server a role of its own in production."
            )
            return
        try:
            grant_to_runtime_role(
                connection,
                role=runtime_role,
                narrowed=settings.RUNTIME_PRIVILEGES,
            )
        except RoleMissingError as error:
            raise CommandError(str(error)) from None
        weakness = weakness_of_runtime_role(connection, role=runtime_role)
        if weakness:
            self._warn(weakness)
        if options["verbosity"] >= 1:
            self.stdout.write(f"Granted {runtime_role} what it needs.")

    def _prove(self) -> None:
        """Prove the database before anything is changed.

        What reads a table or a column that comes with this very upgrade can't be asked yet, and
        is passed over.

        :raises CommandError: something is broken.
        """
        verified = prove_invariants(now=timezone.now())
        broken = [proof for proof in verified.broken if not proof.is_missing]
        for proof in broken:
            ids = ", ".join(proof.ids) or proof.problem
            self.stderr.write(self.style.ERROR(f"{proof.name}: {proof.sentence} Not so: {ids}"))
        if broken:
            raise CommandError(
                f"{len(broken)} promises of the database are broken, so nothing was migrated."
                " `manage.py verify` tells more; mend it, or migrate without --verify."
            )
        passed_over = len(verified.broken)
        self.stdout.write(
            f"The database is as it must be: {len(verified.proofs) - passed_over} promises hold"
            + (f", {passed_over} come with this upgrade." if passed_over else ".")
        )

    def _warn(self, text: str) -> None:
        line = "!" * 80
        self.stderr.write(self.style.WARNING(f"{line}\nWARNING: {text}\n{line}"))


def _name_the_same_database() -> bool:
    """Whether both roles look at one database; a test runner may have moved only one of them."""
    default, owner = (
        {part: connections[alias].settings_dict[part] for part in ("NAME", "HOST", "PORT")}
        for alias in (DEFAULT_DB_ALIAS, OWNER_ALIAS)
    )
    return default == owner
