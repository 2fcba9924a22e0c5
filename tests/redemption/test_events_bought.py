"""Events whose cards are bought on the spot: answered at once, followed to their end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from giftcards.emulator import Emulator
from redemption.models import Campaign, EventTry, Redemption
from redemption.services.event_replays import replay_event
from redemption.services.inbound_events import process_events
from tests.redemption.buying import build_buying_world, work
from tests.redemption.reporting import Crm, connect_crm, only_event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tillo_settings")]

DOWN = [{"action": "error", "code": "706"}]
# Beyond every pause of the circuit.
LATER = timedelta(hours=2)


@pytest.fixture
def crm() -> Crm:
    return connect_crm(build_buying_world(), stock=0)


def sweep(minutes: int) -> int:
    return process_events(now=datetime.now(UTC) + timedelta(minutes=minutes), limit=10)


class TestAnEvent:
    def test_is_answered_before_its_card_is_there(self, crm: Crm) -> None:
        answer = crm.report(event_id="evt-1")
        reward = Redemption.objects.get()
        assert answer.status_code == 202
        assert answer.json()["outcome"] == "provisioning"
        assert answer.json()["redemption_id"] == str(reward.pk)
        again = crm.report(event_id="evt-1")
        assert (again.status_code, again.json()) == (200, {**answer.json(), "duplicate": True})
        assert sweep(2) == 1
        assert (only_event().outcome, only_event().tries) == ("provisioning", 1)
        work(now=datetime.now(UTC))
        assert sweep(4) == 1
        event = only_event()
        assert (event.outcome, event.error_code, event.redemption_id) == ("issued", "", reward.pk)
        assert [t.outcome for t in EventTry.objects.all()] == ["provisioning", "issued"]
        assert crm.report(event_id="evt-1").json()["outcome"] == "issued"
        assert sweep(60) == 0

    def test_whose_card_can_not_be_bought_may_be_tried_again(
        self, crm: Crm, tillo_emulator: Emulator
    ) -> None:
        Campaign.objects.update(queue_when_empty=False)
        tillo_emulator.set_faults(DOWN)
        crm.report()
        failed = only_event().redemption_id
        work(now=datetime.now(UTC))
        assert Redemption.objects.get().state == "failed"
        assert sweep(2) == 1
        event = only_event()
        assert (event.outcome, event.redemption_id) == ("refused", failed)
        assert event.error_code != ""
        tillo_emulator.set_faults([])
        later = datetime.now(UTC) + LATER
        again = replay_event(event_id=event.pk, actor="user:7", now=later)
        assert again.outcome == "provisioning"
        assert again.redemption_id != failed
        work(now=later)
        assert sweep(130) == 1
        assert only_event().outcome == "issued"
