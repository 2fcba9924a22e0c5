"""The examples of docs/api.md and docs/loyalty.md, run with curl as a reader would run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from config.bench.web import Web
from config.environment import PROJECT_DIR
from redemption.services.redeem import Contact
from tests.api.serving import make_secret
from tests.loyalty.shop import open_shop
from tests.redemption.asking import ask
from tests.redemption.desking import now
from tests.redemption.visiting import put
from tests.world import World, build_world

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are for curl"),
]

_DOCS: Final = "".join(
    Path(PROJECT_DIR, "docs", name).read_text("utf-8") for name in ("api.md", "loyalty.md")
)
_BLOCK: Final = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
# The first block takes its variables from the demo; here they are of the test's world.
EXAMPLES: Final = [one for one in _BLOCK.findall(_DOCS) if "curl" in one]


def name_of(example: str) -> str:
    found = re.search(r"/api/v1(/[^\s\"?]*)", example)
    assert found, example
    return found[1]


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(3)
    agency_account = world.account.parent
    assert agency_account is not None
    put(agency_account, 1_000_000)
    return world


@pytest.fixture
def shell(web: Web, world: World, tmp_path: Path) -> dict[str, str]:
    """What the examples find in the environment, and a curl that tells each answer's status."""
    Path(tmp_path, "cards.csv").write_text("code\nNEW-4821-7730\nNEW-4821-7731\n")
    Path(tmp_path, ".curlrc").write_text('write-out = "%{stderr}%{http_code} %{url}\\n"\n')
    contact = Contact(method="sms", to="+12025550123")
    code, taken = world.invite(2)
    redemption = ask(taken, contact=contact, now=now())
    shop = open_shop(world)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CURL_HOME": str(tmp_path),
        "BASE": f"http://127.0.0.1:{web.port}",
        "KEY": make_secret(world.agency),
        "CODE": code,
        "CAMPAIGN": str(world.campaign.pk),
        "RECIPIENT": str(world.recipient(code).pk),
        "ID": str(redemption.redemption_id),
        "ACCOUNT": str(world.account.pk),
        # One level higher than the example tells, where there are accounts in any world.
        "CLIENT_ACCOUNT": str(world.account.parent_id),
        "CAMPAIGN_ACCOUNT": str(world.account.pk),
        "CLIENT": str(world.client.pk),
        "CUSTOMER": str(shop.customer().pk),
        "SESSION": str(shop.till.pk),
        "SKU": shop.coffee.sku,
    }


class TestExamples:
    def test_are_all_found(self) -> None:
        assert len(EXAMPLES) >= 14
        assert sum(one.count("curl ") for one in EXAMPLES) == _DOCS.count("curl -s")

    @pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
    def test_do_what_they_say(self, shell: dict[str, str], tmp_path: Path, example: str) -> None:
        told = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", example],
            env=shell,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert told.returncode == 0, told
        statuses = [int(line[:3]) for line in told.stderr.splitlines()]
        assert len(statuses) == example.count("curl ")
        assert {status // 100 for status in statuses} == {2}, (told.stdout, told.stderr)
