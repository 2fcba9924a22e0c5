"""Where a request comes from, as far as that can be believed.

``X-Forwarded-For`` is a list that every proxy adds one entry to, at its end; what stands before
the entries of our own proxies was written by whoever asked. So the client is the entry that the
outermost of our proxies wrote: as many from the end as there are proxies of ours.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

# Of IPv6, one customer gets a /64 at least, so a single address of it says nothing.
_IPV6_PREFIX: Final = 64
UNKNOWN_ADDRESS: Final = "::"


def client_address(meta: Mapping[str, Any], *, trusted_hops: int) -> str:
    """Return the address a request came from; ``::`` when there is none (a socket file).

    :param meta: the request's ``META``.
    :param trusted_hops: how many proxies in front are ours (TRUSTED_PROXY_HOPS).
    """
    peer = parse_address(str(meta.get("REMOTE_ADDR", ""))) or UNKNOWN_ADDRESS
    if not trusted_hops:
        return peer
    entries = str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    # Fewer entries than proxies: it has not come through all of them.
    if len(entries) < trusted_hops:
        return peer
    return parse_address(entries[-trusted_hops]) or peer


def network_of(address: str) -> str:
    """Return what one person can hardly change: an IPv4 address, the /64 of an IPv6 one."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    network = ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False)
    return str(network.network_address)


def parse_address(text: str) -> str | None:
    """Read an address, with or without a port, as proxies write it; None when it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(parsed)
