"""Ports of this machine, for what a command starts on it."""

from __future__ import annotations

import contextlib
import socket
from urllib.parse import urlsplit

from config.children import ChildError


def free_port(wanted: int = 0) -> int:
    """Return a port nobody listens on: the wanted one if it is free, else any."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            # As the servers do it: a port that merely lingers in TIME_WAIT counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise ChildError("No port is free on 127.0.0.1.")


def port_of(url: str | None) -> int:
    """Return a former address's port, so that a second terminal's addresses stay right."""
    parts = urlsplit(url or "")
    return (parts.port or 0) if parts.hostname == "127.0.0.1" else 0
