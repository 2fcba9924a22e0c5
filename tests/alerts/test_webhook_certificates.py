"""Whom a webhook is told over https: who can show a certificate that is good for the name."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from pytest_django import Settings

from alerts.models import WebhookDelivery
from alerts.providers.outgoing_addresses import Door
from alerts.services.sending import send_due_notices
from credit.selectors.viewers import SYSTEM
from redemption.services.webhook_endpoints import send_test_event
from tests.alerts.certificates import Authority, self_signed
from tests.alerts.hooking import Receiver, deliveries, now_and, send, subscribe
from tests.alerts.noticing import NOW, raise_one, standings, tell_slack
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)

HOST = "hooks.acorn.example"
NO_PROMISE = "Its certificate is not good: "


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make()


def at_home(trust: ssl.SSLContext | None = None) -> Door:
    """Return a door whose every name is this machine's, and that trusts as told."""
    return Door(resolve=lambda _host, _port: ["127.0.0.1"], is_sandbox=True, trust=trust)


def tell(receiver: Receiver, *, door: Door, host: str = HOST) -> tuple[WebhookDelivery, str]:
    """Have an event sent to a receiver, and return its delivery and what the log says of it."""
    url = f"https://{host}:{receiver.port}/hook"
    endpoint, _ = subscribe(build_world().client, url, door=door)
    send_test_event(viewer=SYSTEM, endpoint_id=endpoint.pk, now=now_and())
    assert send(door=door) == 1
    (delivery,) = deliveries(endpoint)
    (line,) = delivery.tries
    return delivery, line["error"]


class TestWebhook:
    def test_goes_to_who_is_vouched_for(self, authority: Authority, tmp_path: Path) -> None:
        with Receiver(authority.serving(tmp_path, HOST)) as receiver:
            delivery, error = tell(receiver, door=at_home(authority.trusting()))
            (post,) = receiver.posts
        assert (delivery.state, error) == ("delivered", "")
        assert post.headers["host"] == f"{HOST}:{receiver.port}"

    def test_goes_to_an_address_that_the_certificate_names(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        with Receiver(authority.serving(tmp_path, "127.0.0.1")) as receiver:
            delivery, error = tell(receiver, door=at_home(authority.trusting()), host="127.0.0.1")
            assert len(receiver.posts) == 1
        assert (delivery.state, error) == ("delivered", "")

    def test_is_kept_from_who_vouches_for_itself(self, tmp_path: Path) -> None:
        with Receiver(self_signed(tmp_path, HOST)) as receiver:
            delivery, error = tell(receiver, door=at_home())
            assert receiver.posts == []
        assert error == f"{NO_PROMISE}self-signed certificate."
        assert (delivery.state, delivery.tries[0]["status"]) == ("pending", None)
        assert delivery.endpoint.last_error == error

    def test_is_kept_from_whose_authority_nobody_knows(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        with Receiver(authority.serving(tmp_path, HOST)) as receiver:
            _, error = tell(receiver, door=at_home())
            assert receiver.posts == []
        assert error == f"{NO_PROMISE}unable to get local issuer certificate."

    def test_is_kept_from_who_has_another_name(self, authority: Authority, tmp_path: Path) -> None:
        with Receiver(authority.serving(tmp_path, "hooks.birch.example")) as receiver:
            _, error = tell(receiver, door=at_home(authority.trusting()))
            assert receiver.posts == []
        assert error == (f"{NO_PROMISE}Hostname mismatch, certificate is not valid for '{HOST}'.")

    def test_is_kept_from_whose_time_is_up(self, authority: Authority, tmp_path: Path) -> None:
        with Receiver(authority.serving(tmp_path, HOST, days=-1)) as receiver:
            _, error = tell(receiver, door=at_home(authority.trusting()))
            assert receiver.posts == []
        assert error == f"{NO_PROMISE}certificate has expired."

    def test_is_kept_from_who_speaks_plainly(self, authority: Authority) -> None:
        with Receiver() as receiver:
            _, error = tell(receiver, door=at_home(authority.trusting()))
            assert receiver.posts == []
        assert error == "No TLS connection could be made."

    def test_would_go_to_anybody_without_the_check(self, tmp_path: Path) -> None:
        # The control: nothing but the check keeps it from who vouches for itself.
        careless = ssl.create_default_context()
        careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
        with Receiver(self_signed(tmp_path, "hooks.birch.example")) as receiver:
            delivery, _ = tell(receiver, door=at_home(careless))
            assert len(receiver.posts) == 1
        assert delivery.state == "delivered"


class TestNotice:
    def test_is_kept_from_who_vouches_for_itself(self, settings: Settings, tmp_path: Path) -> None:
        with Receiver(self_signed(tmp_path, "127.0.0.1")) as receiver:
            tell_slack(settings, receiver.url)
            raise_one()
            assert send_due_notices(now=NOW) == 0
            assert receiver.posts == []
        assert standings() == [("queued", 1, "No encrypted connection that can be trusted")]

    def test_goes_to_who_is_vouched_for(
        self,
        settings: Settings,
        authority: Authority,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        bundle = tmp_path / "authorities.pem"
        bundle.write_bytes(authority.pem)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        with Receiver(authority.serving(tmp_path, "127.0.0.1")) as receiver:
            tell_slack(settings, receiver.url)
            raise_one()
            assert send_due_notices(now=NOW) == 1
            assert len(receiver.posts) == 1


class TestDoor:
    def test_is_not_opened_to_this_machine_by_a_certificate(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        # Outside a sandbox the address decides first, whoever vouches for it.
        outside = Door(resolve=lambda _host, _port: ["127.0.0.1"], trust=authority.trusting())
        with Receiver(authority.serving(tmp_path, HOST)) as receiver:
            url = f"https://{HOST}:{receiver.port}/hook"
            endpoint, _ = subscribe(build_world().client, url, door=at_home())
            send_test_event(viewer=SYSTEM, endpoint_id=endpoint.pk, now=now_and())
            assert send(door=outside) == 1
            assert receiver.posts == []
        (delivery,) = deliveries(endpoint)
        assert delivery.tries[0]["error"] == "Not called. Use the port 443 or 8443."
