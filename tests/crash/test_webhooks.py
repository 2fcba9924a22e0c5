"""kill -9 of the process that sends webhooks, between the call and its record."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from alerts.models import WebhookDelivery
from alerts.services.webhook_sending import webhook_lease
from credit.selectors.viewers import SYSTEM
from redemption.services.webhook_endpoints import send_test_event
from tests.alerts.hooking import Post, Receiver, now_and, send, subscribe
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)

# What a worker does when the clock asks.
PROGRAM = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django
django.setup()
from alerts.scope import EVERYTHING, seeing
from tests.alerts.hooking import send
print("ready", flush=True)
with seeing(EVERYTHING):
    send()
print("done", flush=True)
"""


class TestAKilledSender:
    def test_leaves_what_is_sent_again_under_the_same_id(self) -> None:
        world = build_world()
        with Receiver() as receiver:
            endpoint, secret = subscribe(world.client, receiver.url)
            send_test_event(viewer=SYSTEM, endpoint_id=endpoint.pk, now=now_and())
            worker = subprocess.Popen(
                [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True
            )

            def kill(_post: Post) -> None:
                # The call has arrived, and nobody lives to write that down.
                if worker.poll() is None:
                    os.kill(worker.pid, 9)
                    worker.wait()

            receiver.on_post = kill
            assert worker.wait(timeout=60) == -9
            assert worker.stdout is not None
            assert worker.stdout.read() == "ready\n"
            worker.stdout.close()
            delivery = WebhookDelivery.objects.get()
            assert (delivery.state, delivery.attempts, delivery.tries) == ("pending", 1, [])
            # While its lease runs nobody takes it up; then somebody does.
            assert send(later=5) == 0
            assert send(later=webhook_lease().total_seconds() + 1) == 1
            delivery.refresh_from_db()
            assert (delivery.state, delivery.attempts) == ("delivered", 2)
            first, second = receiver.posts
        assert first.id == second.id == str(delivery.event_id)
        assert first.body == second.body
        assert first.is_signed_with(secret)
        assert second.is_signed_with(secret)
