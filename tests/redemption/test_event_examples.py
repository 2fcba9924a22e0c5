"""The examples of docs/crm-events.md and of a source's page, run as a reader would run them."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.template.loader import render_to_string

from redemption.models import EventSource
from tests.redemption.reporting import Crm, connect_crm, only_event
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)

DOCS = Path(settings.BASE_DIR, "docs", "crm-events.md")


@pytest.fixture
def crm() -> Crm:
    return connect_crm(build_world())


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert found
    return found[1]


def run(command: list[str], crm: Crm, live_server: Any) -> Any:
    """Run an example against a real server and return its answer."""
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET": crm.secret,
        "ADDRESS": f"{live_server.url}/api/v1/events/{crm.source.name}/",
        "BODY": json.dumps(crm.body()),
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=30, check=True
    )
    return json.loads(done.stdout)


class TestDocuments:
    def test_work_in_a_shell(self, crm: Crm, live_server: Any) -> None:
        answer = run(["bash", "-eu", "-c", block("bash")], crm, live_server)
        assert (answer["outcome"], answer["duplicate"]) == ("issued", False)

    def test_work_in_python(self, crm: Crm, live_server: Any) -> None:
        answer = run([sys.executable, "-I", "-c", block("python")], crm, live_server)
        assert (answer["outcome"], answer["duplicate"]) == ("issued", False)

    def test_show_our_own_shape(self, crm: Crm) -> None:
        body = json.loads(block("json"))
        assert body.keys() == crm.body().keys()
        assert crm.report(body).status_code == 202


class TestSourcesPage:
    def test_shows_a_call_that_works(self, crm: Crm, live_server: Any) -> None:
        address = f"{live_server.url}/api/v1/events/{crm.source.name}/"
        page = render_to_string("admin/parts/event_curl.html", {"event_address": address})
        found = re.search(r'<code id="event-curl">(.*?)</code>', page, re.DOTALL)
        assert found
        EventSource.objects.update(campaign=crm.world.campaign)
        call = html.unescape(found[1]).replace("whsec_…", crm.secret, 1)
        call = call.replace("…", str(crm.world.campaign.pk), 1)
        answer = run(["bash", "-eu", "-c", call], crm, live_server)
        assert answer["outcome"] == "issued"
        assert only_event().outcome == "issued"
