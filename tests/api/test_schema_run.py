"""Every operation of the schema, asked by schemathesis: no failure of any check."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.api.schema_run import run_schemathesis
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)

# `make schema-test` asks more, with other seeds, and for every boundary that the schema names
# ("coverage"), which takes three quarters of the time.
_EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES") or 4)
_SEED = int(os.environ.get("SCHEMA_SEED") or 1)
_PHASES = os.environ.get("SCHEMA_PHASES") or "examples,fuzzing,stateful"


class TestSchema:
    def test_is_what_the_api_does(self, tmp_path: Path) -> None:
        status, printed = run_schemathesis(
            build_world(), folder=tmp_path, examples=_EXAMPLES, seed=_SEED, phases=_PHASES
        )
        sys.stdout.write(printed)
        assert status == 0, printed
        assert "error" not in printed.partition("SUMMARY")[2]
