"""Two jobs at once, and the target that neither may pass."""

import pytest

from giftcards.models import ProviderOrder
from giftcards.services import buffers
from giftcards.services.buffers import IN_WORK_AT_MOST, refill_buffers
from tests.giftcards.buying import make_buffer
from tests.races import run_at_once
from tests.world import NOW, build_world

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tillo_settings")]
JOBS = 6


def race() -> int:
    """Run the job several times at once; return how many orders there are."""
    results = run_at_once(JOBS, lambda: refill_buffers(now=NOW))
    assert [one for one in results if isinstance(one, Exception)] == []
    return ProviderOrder.objects.count()


class TestRefillBuffers:
    def test_never_passes_the_target(self) -> None:
        world = build_world()
        world.stock(2, pool=make_buffer(world, target=5))
        assert race() == 3

    def test_never_has_more_in_work_than_the_limit(self) -> None:
        world = build_world()
        for number in range(3):
            make_buffer(world, target=IN_WORK_AT_MOST, name=f"Buffer {number}")
        assert race() == IN_WORK_AT_MOST

    def test_never_passes_the_budget(self) -> None:
        make_buffer(build_world(), target=10, daily_budget_minor=10_000)
        assert race() == 4

    def test_would_pass_it_if_they_did_not_take_turns(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(buffers, "_take_turns", lambda: None)
        make_buffer(build_world(), target=5)
        # A control: several have counted before any of them has ordered.
        assert race() > 5
