"""Status callbacks in a burst, over real HTTP: the state only moves forward.

They come twice, out of order, after the end, forged, and about texts that are not ours, from
several senders at once. ``make storm`` for more of them, and to see how fast they are answered.
"""

import http.client
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random  # noqa: TID251  it decides the order of a test's posts
from statistics import quantiles
from urllib.parse import urlencode, urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from django.core.cache import cache
from twilio.request_validator import RequestValidator

from sms.models import Message, StatusEvent
from sms.services.calls import CALLBACK_PATH
from tests.database import owner_url
from tests.sms.emulator_fixture import AUTH_TOKEN
from tests.sms.figures import show
from tests.sms.texting_fixture import NOBODY_LISTENS, Texting

# By the environment, for `make storm`.
CALLBACKS = int(os.environ.get("STORM_CALLBACKS", "300"))
SEED = int(os.environ.get("STORM_SEED", "1"))
SENDERS = 8
# About each text: two statuses of its way twice, its end twice.
OF_EACH = ("queued", "sent", "sent", "end", "end")
FORGED = 0.1
STRANGE = 0.1
NO_LANDLINE = "30006"

Post = tuple[str, dict[str, str], str]  # path, form, signature


def plan_post(message_id: object, form: dict[str, str], token: str = AUTH_TOKEN) -> Post:
    path = CALLBACK_PATH.format(message_id=message_id)
    address = f"{NOBODY_LISTENS}{path}"
    return path, form, RequestValidator(token).compute_signature(address, form)


def plan_burst(messages: list[Message], ends: dict[UUID, str], dice: Random) -> list[Post]:
    """Plan what is posted about the messages, in an order that has nothing to do with theirs."""
    posts = []
    for message in messages:
        for status in OF_EACH:
            form = {"MessageSid": str(message.provider_id), "MessageStatus": status}
            if status == "end":
                form["MessageStatus"] = ends[message.pk]
                if ends[message.pk] == "undelivered":
                    form["ErrorCode"] = NO_LANDLINE
            posts.append(plan_post(message.pk, form))
        if dice.random() < FORGED * len(OF_EACH):
            # Whoever forges wants another end than the true one.
            lie = {"MessageSid": str(message.provider_id), "MessageStatus": "canceled"}
            posts.append(plan_post(message.pk, lie, token="not-the-token"))
        if dice.random() < STRANGE * len(OF_EACH):
            strange = {"MessageSid": f"SM{uuid4().hex}", "MessageStatus": "delivered"}
            posts.append(plan_post(uuid4(), strange))
    dice.shuffle(posts)
    # And much later, when all is over.
    late = [
        plan_post(one.pk, {"MessageSid": str(one.provider_id), "MessageStatus": "sending"})
        for one in messages[:: len(OF_EACH)]
    ]
    return posts + late


def post_all(base_url: str, posts: list[Post]) -> tuple[Counter[int], list[float]]:
    """Post everything, several at once; return how often each answer came, and how fast."""
    host = urlsplit(base_url).netloc
    answers: Counter[int] = Counter()
    seconds: list[float] = []

    def post(one: Post) -> tuple[int, float]:
        path, form, signature = one
        started = time.perf_counter()
        connection = http.client.HTTPConnection(host, timeout=30)
        try:
            headers = {
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Twilio-Signature": signature,
            }
            connection.request("POST", path, urlencode(form), headers)
            return connection.getresponse().status, time.perf_counter() - started
        finally:
            connection.close()

    with ThreadPoolExecutor(SENDERS) as senders:
        for status, took in senders.map(post, posts):
            answers[status] += 1
            seconds.append(took)
    return answers, seconds


@contextmanager
def watch_ranks() -> Iterator[list[str]]:
    """Look at all states again and again; collect each that has gone back."""
    stop, broken = threading.Event(), list[str]()
    seen: dict[UUID, int] = {}

    def watch() -> None:
        with psycopg.connect(owner_url(), autocommit=True) as owner:
            while not stop.wait(0.05):
                for key, rank, state in owner.execute(
                    "SELECT id, sms_state_rank(state), state FROM sms_message"
                ):
                    if rank < seen.get(key, rank):
                        broken.append(f"{key} went back to {state}")
                    seen[key] = rank

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield broken
    finally:
        stop.set()
        watcher.join()
    assert seen, "nobody looked"


class TestABurst:
    def test_moves_every_text_to_its_own_end_and_none_back(
        self, texting: Texting, live_server: object, capfd: pytest.CaptureFixture[str]
    ) -> None:
        cache.clear()
        dice = Random(SEED)
        count = max(10, round(CALLBACKS / (len(OF_EACH) * (1 + FORGED + STRANGE))))
        for number in range(count):
            texting.queue(f"text {number}", to=f"+1206555{number:04d}")
        texting.send()
        messages = list(Message.objects.order_by("pk"))
        assert {one.state for one in messages} == {"accepted"}
        assert texting.emulator.wait_until_quiet(timeout_seconds=60)
        ends = {
            one.pk: "undelivered" if number % 10 == 0 else "delivered"
            for number, one in enumerate(messages)
        }
        posts = plan_burst(messages, ends, dice)
        started = time.perf_counter()
        with watch_ranks() as gone_back:
            answers, seconds = post_all(str(live_server), posts)
        took = time.perf_counter() - started
        cuts = quantiles(seconds, n=20)
        show(
            capfd,
            f"{len(posts)} callbacks from {SENDERS} senders in {took:.1f} s"
            f" ({len(posts) / took:.0f} a second): answered in {cuts[9] * 1000:.0f} ms (p50),"
            f" {cuts[18] * 1000:.0f} ms (p95); answers {dict(sorted(answers.items()))}",
        )
        assert gone_back == []
        assert dict(Message.objects.values_list("pk", "state")) == ends
        assert not Message.objects.exclude(next_attempt_at=None).exists()
        told = {"delivered": ["accepted", "delivered"], "undelivered": ["accepted", "given_up"]}
        for one in messages:
            assert texting.outcomes(one) == told[ends[one.pk]]
        # Nothing is kept of what was forged or strange, and nothing twice.
        kept = Counter(StatusEvent.objects.values_list("status", flat=True))
        assert kept == {
            "queued": count,
            "sent": count,
            **Counter(ends.values()),
            "sending": len(messages[:: len(OF_EACH)]),
        }
        assert set(answers) == {204, 403, 404}
        ours = {one.pk for one in messages}
        strange = sum(UUID(path.split("/")[-2]) not in ours for path, _, _ in posts)
        forged = sum(form["MessageStatus"] == "canceled" for _, form, _ in posts)
        assert (answers[403], answers[404]) == (forged, strange)
        assert len(texting.bodies()) == count
