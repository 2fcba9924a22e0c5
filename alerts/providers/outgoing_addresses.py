"""Where a webhook may go: never into our own network, whatever an address or its name says.

Note [Where to]
Whoever registers an endpoint has us call an address of their choosing. It is refused unless it is
https to a public address. The form of the address is checked when it is written; what its name
stands for is checked then and again at every call, all of its addresses, and the connection is
made to the very address that was checked, so that a name which changes its mind in between
("DNS rebinding") gets nobody in. In a sandbox (``SANDBOX=1``), where receivers run beside us,
loopback addresses may be called too, also over http.
"""

from __future__ import annotations

import dataclasses
import re
import socket
import ssl
import threading
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

LONGEST_URL: Final = 500
PORTS: Final = frozenset({443, 8443})
# A look-up that takes longer is given up; the name may be tried again later.
_LOOK_UP_SECONDS: Final = 4.0
_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*"
    r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\Z"
)
# What programs read as an IPv4 address besides four plain numbers: 127.1, 0x7f.1, 017700000001.
_NUMBER_LIKE: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\Z")
# Beyond what is_global says.
_NOT_PUBLIC_4: Final = tuple(
    map(ip_network, ("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4"))
)
# Global unicast, less what stands for an IPv4 address or for nobody: 6to4, Teredo and the other
# protocol assignments, documentation.
_PUBLIC_6: Final = ip_network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(
    map(ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
)

Resolve = Callable[[str, int], list[str]]


class AddressRefusedError(Exception):
    """We do not call this address; the words say why, for whoever chose it."""


class NameUnknownError(Exception):
    """The name stands for no address, or nobody answered in time."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An address in its parts. ``path`` has the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return host if self.port == usual else f"{host}:{self.port}"


def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses that a name stands for just now.

    :raises NameUnknownError: there are none, or the look-up takes longer than four seconds.
    """
    found: list[str] = []

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(row[4][0]) for row in rows))

    # The system's look-up has no time limit of its own that could be relied on.
    thread = threading.Thread(target=look_up, name="webhook-look-up", daemon=True)
    thread.start()
    thread.join(_LOOK_UP_SECONDS)
    if thread.is_alive() or not found:
        raise NameUnknownError(f"The name {host} is not known.")
    return list(found)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How calls get out of here: who resolves names, whom we trust, and whether we are at play."""

    resolve: Resolve = resolve_host
    is_sandbox: bool = False
    trust: ssl.SSLContext | None = None

    def check(self, url: str) -> Target:
        """Return the parts of an address that may be called, as far as its form tells.

        :raises AddressRefusedError: it may not.
        """
        if not 0 < len(url) <= LONGEST_URL:
            raise AddressRefusedError(f"An address has at most {LONGEST_URL} characters.")
        if not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>^`{|}'):
            raise AddressRefusedError(
                "Write it in plain ASCII without spaces; a name in other letters as xn--…"
            )
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").removesuffix("."), parts.port
        except ValueError:
            raise AddressRefusedError("This is not an address.") from None
        if parts.scheme not in ("https", "http"):
            raise AddressRefusedError("Use an https:// address.")
        if "@" in parts.netloc:
            raise AddressRefusedError("Leave user name and password out of the address.")
        if parts.fragment or url.endswith("#"):
            raise AddressRefusedError("Leave out what follows the #: it is never sent.")
        _check_host(host, is_bracketed=parts.netloc.startswith("["))
        target = Target(
            scheme=parts.scheme,
            host=host,
            port=(443 if parts.scheme == "https" else 80) if port is None else port,
            path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        )
        if not self.is_sandbox:
            _check_way(target)
        literal = _read_literal(host)
        if literal is not None:
            self._check_addresses(target, [literal])
        return target

    def find_addresses(self, target: Target) -> list[str]:
        """Return the addresses of a target, each of which may be called.

        :raises AddressRefusedError: one of them may not.
        :raises NameUnknownError: there are none.
        """
        literal = _read_literal(target.host)
        found = [literal] if literal is not None else self.resolve(target.host, target.port)
        if not found:
            raise NameUnknownError(f"The name {target.host} is not known.")
        self._check_addresses(target, found)
        return found

    def _check_addresses(self, target: Target, found: list[str]) -> None:
        # All of them: a name with one that may not be called is a trap.
        if self.is_sandbox and all(is_loopback(address) for address in found):
            return
        _check_way(target)
        if not all(is_public(address) for address in found):
            raise AddressRefusedError("It leads to an address that is not a public one.")


def open_door() -> Door:
    """Return the door that the settings give."""
    return Door(is_sandbox=settings.SANDBOX)


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the open internet, and of nothing else."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return (
            ip.is_global
            and not (ip.is_multicast or ip.is_private or ip.is_reserved)
            and not any(ip in network for network in _NOT_PUBLIC_4)
        )
    return _is_public_6(ip)


def is_loopback(address: str) -> bool:
    """Tell whether an IP address is this machine's own."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _is_public_6(ip: IPv6Address) -> bool:
    if ip.scope_id is not None or ip not in _PUBLIC_6 or not ip.is_global:
        return False
    return not any(ip in network for network in _NOT_PUBLIC_6)


def _check_way(target: Target) -> None:
    if target.scheme != "https":
        raise AddressRefusedError("Use an https:// address.")
    if target.port not in PORTS:
        raise AddressRefusedError("Use the port 443 or 8443.")


def _check_host(host: str, *, is_bracketed: bool) -> None:
    if not host:
        raise AddressRefusedError("This address names no host.")
    if is_bracketed or ":" in host:
        if _read_literal(host) is None:
            raise AddressRefusedError("This is not an IP address.")
        return
    if _NUMBER_LIKE.match(host) and _read_literal(host) is None:
        raise AddressRefusedError("Write an IPv4 address as four plain numbers.")
    if not _NAME.match(host):
        raise AddressRefusedError("This is not a host name.")


def _read_literal(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        return None
