"""A redemption never waits for those who are told of its trouble, and they hear of it all."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from alerts.models import Alert, Notice
from alerts.services.alerts import raise_alert
from alerts.services.sending import send_due_notices
from alerts.transactions import transaction
from redemption.models import Redemption
from tests.alerts.noticing import promised, standings, tell_mailboxes, tell_slack, tell_webhook
from tests.alerts.receivers import free_port, receiving, silent_socket
from tests.redemption.asking import ask
from tests.sms.mail_fixture import use_mail_server
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Keep the address of every connection that Python's sockets are asked for.

    PostgreSQL's library has connections of its own and is not seen; what speaks HTTP, SMTP or
    Redis is.
    """
    asked: list[object] = []

    class Watched(socket.socket):
        def connect(self, address: Any, /) -> None:
            asked.append(address)
            super().connect(address)

    monkeypatch.setattr(socket, "socket", Watched)
    return asked


def ports(calls: list[object]) -> set[int]:
    return {address[1] for address in calls if isinstance(address, tuple)}


class TestRedeemWithoutStock:
    """The redemption that finds no card raises a critical alert."""

    def test_calls_nobody_and_promises_the_notice(
        self, world: World, settings: Settings, calls: list[object]
    ) -> None:
        with receiving() as receiver:
            tell_slack(settings, receiver.url)
            tell_webhook(settings, receiver.url)
            (code,) = world.invite()
            assert ask(code).state == "waiting_stock"
            alerts = Alert.objects.filter(severity="critical").count()
            assert alerts >= 1
            assert len(promised()) == 2 * Alert.objects.count()
            # Whatever the redemption did, it knocked at no channel's door.
            assert receiver.posts == []
            assert receiver.port not in ports(calls)
            # The control: the job does, and it is seen to.
            send_due_notices(now=NOW)
            assert receiver.port in ports(calls)
            assert len(receiver.posts) == len(promised())

    def test_is_answered_while_every_channel_is_dead(
        self, world: World, settings: Settings
    ) -> None:
        port = free_port()
        settings.ALERT_TIMEOUT = 1.0
        with silent_socket() as address:
            tell_slack(settings, f"http://127.0.0.1:{port}/")
            tell_webhook(settings, address)
            use_mail_server(settings, f"smtp://127.0.0.1:{free_port()}")
            tell_mailboxes(settings, "ops@example.com")
            (code, _) = world.invite(2)
            assert ask(code).state == "waiting_stock"
            made = Notice.objects.count()
            assert made >= 3
            assert send_due_notices(now=NOW) == 0
        assert {state for state, _, _ in standings()} == {"queued"}
        assert Notice.objects.count() == made
        # Slack is back: what it missed arrives, once.
        with receiving(port) as receiver:
            for minutes in (20, 40):
                send_due_notices(now=NOW + timedelta(minutes=minutes))
            of_slack = Notice.objects.filter(channel="slack")
            assert len(receiver.posts) == of_slack.count()
            assert set(of_slack.values_list("state", flat=True)) == {"sent"}
        assert Redemption.objects.get().state == "waiting_stock"


class TestRaiseAlertInATransaction:
    def test_calls_nobody_until_the_commit(
        self, world: World, settings: Settings, calls: list[object]
    ) -> None:
        with receiving() as receiver:
            tell_slack(settings, receiver.url)
            with transaction():
                raise_alert(
                    kind="x",
                    severity=Alert.Severity.CRITICAL,
                    subject="Look",
                    dedupe_key="x",
                    now=NOW,
                )
                # Not even the bell: who came now would find nothing.
                assert calls == []
            assert receiver.posts == []
            assert receiver.port not in ports(calls)
            assert send_due_notices(now=NOW) == 1
            assert len(receiver.posts) == 1
