"""An emulator's own doors, under ``/_control/``: nothing of them exists at the vendor."""

from collections.abc import Callable, Mapping
from decimal import InvalidOperation
from typing import Any

from alerts.emulator.exchange import Answer, Request
from alerts.emulator.faults import FaultScript

Route = Callable[[Request], Answer]


class ControlPanel:
    """Answers requests to ``/_control/``; an emulator adds ``routes`` of its own."""

    def __init__(
        self,
        *,
        faults: FaultScript[Any],
        reset: Callable[[], None],
        routes: Mapping[tuple[str, str], Route],
    ) -> None:
        self._faults = faults
        self._reset = reset
        own = {
            ("GET", "faults"): self._show_faults,
            ("POST", "faults"): self._set_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "reset"): self._start_afresh,
        }
        self._routes = {
            (method, f"/_control/{name}"): route
            for (method, name), route in {**own, **routes}.items()
        }

    def respond(self, request: Request) -> Answer:
        """Return the answer; a mistake in the request is told in ``error``."""
        route = self._routes.get((request.method, request.path))
        if route is None:
            return Answer(status=404, payload={"error": f"no {request.method} {request.path}"})
        try:
            return route(request)
        except (ValueError, KeyError, InvalidOperation) as error:
            return Answer(status=400, payload={"error": f"{type(error).__name__}: {error}"})

    def _show_faults(self, _request: Request) -> Answer:
        return Answer(payload=[rule.describe() for rule in self._faults.rules])

    def _set_faults(self, request: Request) -> Answer:
        self._faults.replace(request.json())
        return self._show_faults(request)

    def _clear_faults(self, _request: Request) -> Answer:
        self._faults.replace([])
        return Answer(payload=[])

    def _start_afresh(self, _request: Request) -> Answer:
        self._reset()
        return Answer(payload={"status": "ok"})
