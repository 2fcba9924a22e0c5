"""An Idempotency-Key over real HTTP, on every POST that does something."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from config.bench.web import Web
from tests.api.matrix import IS_FULL
from tests.api.repeating import KINDS
from tests.api.serving import Caller, assert_problem, count_rows, make_secret
from tests.invariants import broken_invariants
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

# Twenty where money or a person's card is at stake, and everywhere in the full matrix.
_AT_ONCE = 20
_A_FEW = 6
_IN_A_CROWD = frozenset({"redemption", "provision", "allocation"})


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=1_000_000)


def growth(before: dict[str, int]) -> Counter[str]:
    """Return by how many rows each table has grown."""
    return Counter(count_rows()) - Counter(before)


def is_replay(response: httpx.Response) -> bool:
    return bool(response.headers.get("Idempotency-Replayed") == "true")


@pytest.mark.parametrize("kind", KINDS)
class TestKey:
    def test_of_many_at_once_stands_for_one_effect_and_one_answer(
        self, web: Web, world: World, platform: Caller, kind: str
    ) -> None:
        path, body = KINDS[kind](world, platform)
        before = count_rows()
        assert platform.post(path, body).status_code in (200, 201, 202)
        once = growth(before)
        # Only what was just made or ended is another one: all else is the same again.
        path, body = KINDS[kind](world, platform)
        before = count_rows()

        def ask(_number: int) -> httpx.Response:
            with Caller(web, platform.secret) as caller:
                for _ in range(5):
                    response = caller.post(path, body, key="the same")
                    if response.status_code != 409:
                        break
            return response

        crowd = _AT_ONCE if IS_FULL or kind in _IN_A_CROWD else _A_FEW
        with ThreadPoolExecutor(crowd) as threads:
            answers = list(threads.map(ask, range(crowd)))
        assert {answer.status_code for answer in answers} <= {200, 201, 202}
        assert sum(not is_replay(answer) for answer in answers) == 1
        assert len({answer.text for answer in answers}) == 1
        assert growth(before) == once
        assert broken_invariants() == {}

    def test_is_refused_for_another_request(
        self, world: World, platform: Caller, kind: str
    ) -> None:
        path, body = KINDS[kind](world, platform)
        other_path, other_body = KINDS[kind](world, platform)
        assert platform.post(path, body, key="one").is_success
        before = count_rows()
        for changed in (other_body | {"colour": "red"}, {**body, **changed_in(body)}):
            assert_problem(platform.post(path, changed, key="one"), 422, "GC-107")
        if other_path != path:
            assert_problem(platform.post(other_path, body, key="one"), 422, "GC-107")
        assert count_rows() == before

    def test_belongs_to_the_organisation_not_to_its_api_key(
        self, web: Web, world: World, platform: Caller, kind: str
    ) -> None:
        path, body = KINDS[kind](world, platform)
        first = platform.post(path, body, key="one")
        before = count_rows()
        with Caller(web, make_secret(None)) as rotated:
            again = rotated.post(path, body, key="one")
        assert is_replay(again)
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        with Caller(web, make_secret(world.agency)) as other:
            answer = other.post(path, body, key="one")
        assert not is_replay(answer)
        assert not is_replay(first)
        if kind in ("redemption", "provision", "cancel"):
            # That it was asked for in vain stands in the trace.
            assert set(growth(before)) <= {"redemption_provisioningtrace"}

    def test_keeps_a_refusal_that_will_not_pass(
        self, world: World, platform: Caller, kind: str
    ) -> None:
        path, body = KINDS[kind](world, platform)
        wrong = body | {"colour": "red"}
        first = platform.post(path, wrong, key="wrong")
        again = platform.post(path, wrong, key="wrong")
        assert not is_replay(first)
        assert is_replay(again)
        refusals = [assert_problem(answer, 400, "GC-012") for answer in (first, again)]
        assert refusals[0]["errors"] == refusals[1]["errors"]
        assert_problem(platform.post(path, body, key="wrong"), 422, "GC-107")

    def test_is_free_after_a_refusal_of_the_caller(
        self, web: Web, world: World, platform: Caller, kind: str
    ) -> None:
        path, body = KINDS[kind](world, platform)
        with Caller(web, make_secret(None, ("monitoring",))) as other, Caller(web, "x") as nobody:
            assert_problem(other.post(path, body, key="one"), 403, "GC-110")
            assert_problem(nobody.post(path, body, key="one"), 401, "GC-109")
        answer = platform.post(path, body, key="one")
        assert answer.is_success
        assert not is_replay(answer)


def changed_in(body: dict[str, Any]) -> dict[str, Any]:
    """Return another value of the last field."""
    name = list(body)[-1]
    return {name: "something else" if isinstance(body[name], str) else None}
