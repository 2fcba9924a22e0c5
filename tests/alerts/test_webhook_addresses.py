"""Where webhooks may go: never inwards, whatever the address, its name or its answer says."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
import requests

from alerts.providers.outgoing import call_webhook
from alerts.providers.outgoing_addresses import (
    AddressRefusedError,
    Door,
    NameUnknownError,
    Target,
    is_public,
    resolve_host,
)
from tests.alerts.hooking import SANDBOX, Receiver

PUBLIC = "93.184.216.34"


def knowing(*rounds: list[str]) -> Door:
    """Return a door whose names stand for these addresses, another list at each look-up."""
    left = list(rounds)

    def resolve(_host: str, _port: int) -> list[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return Door(resolve=resolve)


HOSTILE = [
    # Not https, or hardly an address.
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "javascript:alert(1)",
    "//example.com/",
    "example.com",
    "",
    "https://",
    "https:///hook",
    "https://example.com:0/",
    "https://example.com:99999/",
    "https://example.com:443:80/",
    "https://example.com/\r\nHost: evil",
    "https://exa mple.com/",
    "https://example.com/#top",
    f"https://example.com/{'a' * 500}",
    # Whose host is it?
    "https://example.com@127.0.0.1/",
    "https://user:secret@example.com/",
    "https://example.com\\@127.0.0.1/",
    "https://exämple.com/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127.0.0.1%00.example.com/",
    "https://-example.com/",
    "https://example..com/",
    # Ports of other services.
    "https://example.com:22/",
    "https://example.com:6379/",
    "https://example.com:80/",
    # This machine and its neighbours.
    "https://127.0.0.1/",
    "https://127.8.8.8/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://192.0.0.192/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://192.88.99.1/",
    # The same in other spellings.
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0/",
    "https://127.0.0.1./",
    # IPv6.
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fec0::1]/",
    "https://[fc00::1]/",
    "https://[fd12:3456::1]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://[100::1]/",
    "https://[::1",
]


class TestDoor:
    @pytest.mark.parametrize("url", HOSTILE)
    def test_refuses(self, url: str) -> None:
        door = knowing([PUBLIC])
        with pytest.raises(AddressRefusedError):
            door.find_addresses(door.check(url))

    @pytest.mark.parametrize(
        ("url", "target"),
        [
            (
                "https://example.com",
                Target(scheme="https", host="example.com", port=443, path="/"),
            ),
            (
                "https://Hooks.Example.COM.:8443/a/b?c=d&e=%20",
                Target(scheme="https", host="hooks.example.com", port=8443, path="/a/b?c=d&e=%20"),
            ),
            (
                f"https://{PUBLIC}/hook",
                Target(scheme="https", host=PUBLIC, port=443, path="/hook"),
            ),
            (
                "https://[2606:4700::1111]/",
                Target(scheme="https", host="2606:4700::1111", port=443, path="/"),
            ),
        ],
    )
    def test_lets_out_to_public_addresses(self, url: str, target: Target) -> None:
        assert knowing([PUBLIC]).check(url) == target
        assert knowing([PUBLIC]).find_addresses(target)

    @pytest.mark.parametrize(
        "found",
        [
            ["127.0.0.1"],
            ["10.1.2.3"],
            ["169.254.169.254"],
            ["::1"],
            ["::ffff:10.0.0.1"],
            ["fe80::1%eth0"],
            # One that may be called and one that may not.
            [PUBLIC, "192.168.0.1"],
            ["2606:4700::1111", "fd00::1"],
            ["nonsense"],
        ],
    )
    def test_refuses_a_name_that_stands_for_one_of_ours(self, found: list[str]) -> None:
        door = knowing(found)
        with pytest.raises(AddressRefusedError, match="not a public one"):
            door.find_addresses(door.check("https://hooks.example.com/"))

    def test_refuses_a_name_that_stands_for_nothing(self) -> None:
        door = knowing([])
        with pytest.raises(NameUnknownError):
            door.find_addresses(door.check("https://hooks.example.com/"))

    def test_of_a_sandbox_lets_out_to_this_machine_alone(self) -> None:
        assert SANDBOX.find_addresses(SANDBOX.check("http://127.0.0.1:9000/x")) == ["127.0.0.1"]
        for url in ("http://10.0.0.1/", "http://169.254.169.254/", f"http://{PUBLIC}/"):
            with pytest.raises(AddressRefusedError):
                SANDBOX.find_addresses(SANDBOX.check(url))


class TestIsPublic:
    @pytest.mark.parametrize("address", ["8.8.8.8", PUBLIC, "2606:4700::1111", "2a00:1450::1"])
    def test_is_true_of_the_open_internet(self, address: str) -> None:
        assert is_public(address)


class TestResolveHost:
    def test_returns_each_address_once(self) -> None:
        assert "127.0.0.1" in resolve_host("localhost", 443)
        assert len(set(resolve_host("localhost", 443))) == len(resolve_host("localhost", 443))

    def test_says_when_there_is_none(self) -> None:
        with pytest.raises(NameUnknownError, match=r"nowhere\.invalid"):
            resolve_host("nowhere.invalid", 443)


class TestCallWebhook:
    def post(self, url: str, door: Door) -> tuple[int | None, str]:
        outcome = call_webhook(url=url, headers={}, body=b"{}", timeout_seconds=5, door=door)
        return outcome.status, outcome.words

    def test_calls_the_very_address_that_was_checked(self) -> None:
        # A name that changes its mind at every look-up is looked up once for a call.
        asked: list[str] = []

        def resolve(host: str, _port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

        with Receiver() as receiver:
            url = f"http://hooks.example.com:{receiver.port}/x?y=1"
            assert self.post(url, Door(resolve=resolve, is_sandbox=True))[0] == 204
            (post,) = receiver.posts
        assert asked == ["hooks.example.com"]
        assert post.path == "/x?y=1"
        assert post.headers["host"] == f"hooks.example.com:{receiver.port}"

    def test_does_not_call_a_name_that_has_come_to_stand_for_us(self) -> None:
        door = knowing([PUBLIC], ["127.0.0.1"])
        with Receiver() as receiver:
            url = "https://rebinding.example.com:8443/"
            assert door.find_addresses(door.check(url)) == [PUBLIC]  # when it was made
            status, words = self.post(url, door)
            assert receiver.posts == []
        assert status is None
        assert words == "Not called. It leads to an address that is not a public one."

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_follows_no_redirect(self, status: int) -> None:
        with Receiver() as receiver, Receiver() as elsewhere:
            receiver.answers = [(status, {"Location": elsewhere.url}, b"")]
            assert self.post(receiver.url, SANDBOX) == (
                status,
                f"Answered {status}: redirects are not followed.",
            )
            receiver.answers = [
                (status, {"Location": "http://169.254.169.254/latest/meta-data/"}, b"")
            ]
            assert self.post(receiver.url, SANDBOX)[0] == status
            assert len(receiver.posts) == 2
            assert elsewhere.posts == []

    def test_differs_in_that_from_the_usual_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # The control: what must not happen does, to whoever calls without care.
        with Receiver() as receiver, Receiver() as elsewhere:
            receiver.answers = [(307, {"Location": elsewhere.url}, b"")]
            requests.post(receiver.url, data=b"{}", timeout=5)
            assert len(elsewhere.posts) == 1
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{elsewhere.port}")
            requests.post("http://hooks.example.com/", data=b"{}", timeout=5)
            assert len(elsewhere.posts) == 2

    def test_takes_no_proxy_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with Receiver() as receiver, Receiver() as proxy:
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            assert self.post(receiver.url, SANDBOX)[0] == 204
            assert proxy.posts == []

    def test_keeps_a_short_printable_excerpt_of_a_failure(self) -> None:
        with Receiver() as receiver:
            receiver.answers = [(500, {}, b"oh\x00 no\n" + b"x" * 5000), (200, {}, b"fine")]
            failed, fine = (
                call_webhook(
                    url=receiver.url, headers={}, body=b"{}", timeout_seconds=5, door=SANDBOX
                )
                for _ in range(2)
            )
        assert failed.excerpt.startswith("oh  no x")
        assert len(failed.excerpt) == 160
        assert (fine.status, fine.excerpt) == (200, "")

    def test_gives_up_on_an_answer_that_drips(self) -> None:
        # Each byte comes in good time; the answer as a whole does not.
        with socket.create_server(("127.0.0.1", 0)) as server:

            def drip() -> None:
                peer, _ = server.accept()
                with contextlib.suppress(OSError), peer:
                    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 200:
                        peer.sendall(bytes([byte]))
                        time.sleep(0.1)

            threading.Thread(target=drip, daemon=True).start()
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            outcome = call_webhook(
                url=url, headers={}, body=b"{}", timeout_seconds=0.6, door=SANDBOX
            )
        assert (outcome.status, outcome.words) == (None, "No answer in time.")
        assert outcome.milliseconds < 1500

    def test_gives_up_at_its_time_limit(self) -> None:
        with Receiver() as receiver:
            receiver.delay_seconds = 3
            outcome = call_webhook(
                url=receiver.url, headers={}, body=b"{}", timeout_seconds=0.3, door=SANDBOX
            )
        assert (outcome.status, outcome.words) == (None, "No answer in time.")
        assert outcome.milliseconds < 1500
