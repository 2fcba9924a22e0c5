"""The site, of which a request may ask that its worker dies before it answers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from typing import Any

from config.wsgi import application as _site


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Do all that the request asks for, and then, if told, be killed with the answer unsent."""
    answer = _site(environ, start_response)
    if environ.get("HTTP_X_DIE") == "before-the-answer":
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
