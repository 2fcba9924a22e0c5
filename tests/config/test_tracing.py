"""One id from the form to the phone: in the log of each process, and in the calls to vendors."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from structlog.contextvars import bound_contextvars, get_contextvars

from alerts.tracing import request_headers, tracing
from giftcards.emulator import Emulator as Tillo
from redemption.models import Redemption
from sms.emulator import Emulator
from sms.models import Message
from tests.config.job_processes import Company, company, until
from tests.giftcards.tillo_fixture import API_KEY, SECRET_KEY, SECTOR
from tests.loglines import catch_log, of_request, read_lines
from tests.redemption.buying import build_buying_world
from tests.redemption.test_api import SMS, make_key
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER

pytestmark = pytest.mark.django_db(transaction=True)

REQUEST_ID = "the-redemption-of-jane-42"


@pytest.fixture
def team(tmp_path: Path, twilio_emulator: Emulator, tillo_emulator: Tillo) -> Iterator[Company]:
    """A worker whose calls go to the emulators."""
    with company(
        tmp_path,
        TWILIO_API_BASE_URL=twilio_emulator.base_url,
        TWILIO_ACCOUNT_SID=ACCOUNT_SID,
        TWILIO_AUTH_TOKEN=AUTH_TOKEN,
        TWILIO_FROM_NUMBER=FROM_NUMBER,
        TILLO_BASE_URL=tillo_emulator.base_url,
        TILLO_API_KEY=API_KEY,
        TILLO_SECRET_KEY=SECRET_KEY,
        TILLO_SECTOR=SECTOR,
    ) as team:
        yield team


@pytest.mark.usefixtures("tillo_settings")
class TestOneRedemption:
    def test_is_found_by_its_id_in_every_log_and_at_the_vendors(
        self,
        team: Company,
        live_server: LiveServer,
        settings: Settings,
        twilio_emulator: Emulator,
        tillo_emulator: Tillo,
    ) -> None:
        settings.PUBLIC_BASE_URL = live_server.url
        # They serve other tests as well, and remember what those asked.
        twilio_emulator._server.request_ids.clear()
        tillo_emulator._server.request_ids.clear()
        world = build_buying_world()
        (code,) = world.invite()
        team.worker("one")
        with catch_log() as caught:
            answer = requests.post(
                f"{live_server.url}/api/v1/redemptions/",
                data=json.dumps({"code": code, "contact": SMS}),
                headers={
                    "Authorization": f"Api-Key {make_key(world.client)}",
                    "Content-Type": "application/json",
                    "Idempotency-Key": "once",
                    "X-Request-ID": REQUEST_ID,
                },
                timeout=60,
            )
            assert answer.status_code in (201, 202), answer.text
            until(lambda: Message.objects.filter(accepted_at__isnull=False).exists(), seconds=60)
            until(lambda: "[TWILIO] SMS sent successfully" in team.log("one"))

        assert answer.headers["X-Request-ID"] == REQUEST_ID
        assert Redemption.objects.get().request_id == REQUEST_ID
        (sid,) = Message.objects.values_list("provider_id", flat=True)
        # The web process, in which the emulators run here, too.
        here = of_request(caught.lines, REQUEST_ID)
        assert "[PROVISION] Waiting" in here
        assert any(event.startswith("[EMULATOR] Answered 201") for event in here)
        # The worker, which heard of the id from the rows alone.
        lines = read_lines(team.log("one"))
        there = of_request(lines, REQUEST_ID)
        assert "[ORDER] Asked" in there
        assert "[PROVISION] Order settled" in there
        assert f"[TWILIO] SMS sent successfully, SID {sid}" in there
        runs = {line["run_id"] for line in lines if line.get("request_id") == REQUEST_ID
                and "run_id" in line}  # fmt: skip
        assert len(runs) >= 2
        # The vendors, in the header of each call.
        assert set(twilio_emulator.request_ids) == {REQUEST_ID}
        assert set(tillo_emulator.request_ids) == {REQUEST_ID}
        (sale,) = tillo_emulator.sales()
        for secret in (code, sale.code, SMS["phone"].replace(" ", ""), AUTH_TOKEN, SECRET_KEY):
            assert secret not in caught.text + team.log("one")


class TestTracing:
    def test_binds_the_rows_id_and_gives_the_former_back(self) -> None:
        with bound_contextvars(request_id="mine"):
            with tracing("its"):
                assert request_headers() == {"X-Request-ID": "its"}
            assert get_contextvars()["request_id"] == "mine"
            with tracing(""):
                assert request_headers() == {"X-Request-ID": "mine"}

    def test_knows_nothing_of_another_thread(self) -> None:
        seen: list[dict[str, str]] = []
        with tracing("its"):
            thread = threading.Thread(target=lambda: seen.append(request_headers()))
            thread.start()
            thread.join()
        assert seen == [{}]

    @pytest.mark.parametrize("hostile", ["a\r\nX-Evil: 1", "", "x" * 65, "ä"])
    def test_sends_nothing_that_ends_a_header(self, hostile: str) -> None:
        with bound_contextvars(request_id=hostile):
            assert request_headers() == {}
