#!/usr/bin/env python
"""Django's command line, with PostgreSQL and Redis brought along where none are given."""

import contextlib
import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from alerts.scope import EVERYTHING, seeing
from config.bench.folder import throw_away_folder
from config.children import ChildError
from config.embedded import AlreadyRunningError, servers_for
from config.supervisor import interrupt_on_signals

# Commands that touch neither PostgreSQL nor Redis.
OFFLINE = {
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "makemigrations",
    "spectacular",
    "squashmigrations",
    "startapp",
    "startproject",
    "version",
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    asks_for_help = command.startswith("-") or bool({"-h", "--help"} & set(sys.argv))
    try:
        with contextlib.ExitStack() as stack:
            if command == "bench" and "--here" not in sys.argv and not asks_for_help:
                stack.enter_context(throw_away_folder())
            if command == "demo":
                stack.enter_context(interrupt_on_signals())
            if command not in OFFLINE and not asks_for_help:
                stack.enter_context(servers_for(command))
            # A command works for the platform: Note [Scope].
            stack.enter_context(seeing(EVERYTHING))
            execute_from_command_line(sys.argv)
    except (AlreadyRunningError, ChildError, ImproperlyConfigured) as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
