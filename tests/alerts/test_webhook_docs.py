"""docs/webhooks.md says what is so: its code checks real calls, its lists are ours."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from django.conf import settings

from alerts.services.webhook_events import EVENTS, TEST_EVENT
from alerts.signatures import make_secret, signed_headers
from config.environment import PROJECT_DIR
from tests.alerts.hooking import Receiver, deliveries, now_and, send, subscribe
from tests.redemption.asking import ask
from tests.world import build_world

PAGE: Final = (PROJECT_DIR / "docs" / "webhooks.md").read_text("utf-8")
BODIES: Final = [json.loads(one) for one in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
SPOKEN: Final = {"30 s": 30, "5 min": 300, "25 min": 1500, "1 h 30": 5400, "4 h": 14400,
                 "8 h": 28800, "12 h": 43200, "22 h": 79200, "24 h": 86400}  # fmt: skip


def check_of_the_page() -> Callable[..., bool]:
    """Return the function that the page gives to receivers."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found: dict[str, Any] = {}
    exec(code, found)  # noqa: S102  it is what is tried
    check: Callable[..., bool] = found["is_from_giftline"]
    return check


class TestPage:
    def test_lists_the_events(self) -> None:
        rows = dict(re.findall(r"^\| `([a-z]+\.[a-z]+)` \| (.+) \|$", PAGE, re.MULTILINE))
        assert rows == EVENTS

    def test_tells_the_schedule(self) -> None:
        (told,) = re.findall(r"tried again after (.+?): ten tries", PAGE)
        waits = [SPOKEN[one] for one in re.split(r", | and ", told)]
        assert waits == list(settings.WEBHOOK_RETRY_SCHEDULE)

    def test_has_a_function_that_knows_our_signatures(self) -> None:
        check, secret, other = check_of_the_page(), make_secret(), make_secret()
        body = b'{"type": "pool.low"}'
        for in_use in ([secret], [other, secret]):
            signed = signed_headers(secrets_in_use=in_use, event_id="e1", body=body, now=now_and())
            assert check(secret, signed, body)
            assert not check(make_secret(), signed, body)
            assert not check(secret, signed, body + b" ")
            assert not check(secret, {**signed, "webhook-id": "e2"}, body)
        old = signed_headers(
            secrets_in_use=[secret],
            event_id="e1",
            body=body,
            now=datetime.fromtimestamp(time.time() - 400, tz=UTC),
        )
        assert not check(secret, old, body)

    @pytest.mark.django_db(transaction=True)
    def test_shows_bodies_as_they_come(self) -> None:
        world = build_world()
        shown = {body["type"]: body for body in BODIES}
        assert set(shown) == {"redemption.issued", "pool.low", "credit.low", TEST_EVENT}
        with Receiver() as receiver:
            endpoint, secret = subscribe(world.client, receiver.url)
            world.stock(1)
            ask(world.invite()[0])
            assert send() == 1
            (post,) = receiver.posts
        assert check_of_the_page()(secret, post.headers, post.body)
        assert {name: type(value) for name, value in post.json["data"].items()} == {
            name: type(value) for name, value in shown["redemption.issued"]["data"].items()
        }
        assert list(post.json) == list(shown["redemption.issued"])
        assert len(deliveries(endpoint)) == 1
