"""schemathesis, run over the whole schema against a real server with real data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from config.environment import PROJECT_DIR
from tests.api.serving import make_secret, serving
from tests.world import World

_CONFIG: Final = Path(__file__).with_name("schema_run.toml")
_CODES: Final = 400


def run_schemathesis(
    world: World, *, folder: Path, examples: int, seed: int, phases: str
) -> tuple[int, str]:
    """Ask every operation with a key of all scopes; return the exit status and what was printed.

    :param examples: at most so many requests of each kind for an operation.
    """
    facts = folder / "facts.json"
    facts.write_text(json.dumps(_facts_of(world)))
    secret = make_secret(None)
    with serving(folder) as web:
        result = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                "--config-file",
                str(_CONFIG),
                "run",
                f"http://127.0.0.1:{web.port}/api/schema/",
                *("--header", f"Authorization: Api-Key {secret}"),
                *("--checks", "all", "--phases", phases, "--continue-on-failure", "--no-shrink"),
                *("--max-examples", str(examples), "--seed", str(seed)),
                *("--suppress-health-check", "all", "--output-truncate", "false"),
                *("--generation-database", "none"),
            ],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(PROJECT_DIR),
                "SCHEMA_FACTS": str(facts),
                "COLUMNS": "200",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    return result.returncode, result.stdout + _errors_in(folder / "web.log")


def _facts_of(world: World) -> dict[str, Any]:
    world.stock(_CODES // 2)
    assert world.account.parent is not None
    return {
        "codes": world.invite(_CODES),
        "ids": {
            "account_id": str(world.account.pk),
            "pool_id": str(world.pool.pk),
            "client_id": str(world.client.pk),
            "from_account_id": str(world.account.parent.pk),
            "to_account_id": str(world.account.pk),
        },
    }


def _errors_in(log: Path) -> str:
    """Return what the server has to say, if the API has failed; pages have no static files here."""
    text = log.read_text()
    return text if "unexpected error" in text or "database error" in text else ""
