"""The script of faults: which texts and look-ups a fault strikes."""

from typing import Final

from alerts.emulator import faults
from sms.emulator.actions import ACTIONS, Course

REQUEST_KINDS: Final = ("create", "fetch", "list", "update")


class FaultRule(faults.FaultRule):
    """A rule about requests of one kind to some numbers."""

    checks = {
        "request": lambda value: value in REQUEST_KINDS,
        "to": lambda value: isinstance(value, str),
    }
    defaults = {"request": "create", "to": "*"}
    actions = ACTIONS
    undisturbed = Course

    def strikes(self, *, request: str, to: str, draw: str) -> bool:
        """Count a request and return whether the rule strikes it."""
        return (
            request == self.match["request"]
            and faults.is_among(to, self.match["to"])
            and self.strikes_one_of(to, draw=draw)
        )


class FaultScript(faults.FaultScript[FaultRule]):
    """The rules in force, the first of two contradicting ones winning."""

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__(FaultRule, seed=seed)

    def course(self, *, request: str, to: str, course: Course | None = None) -> Course:
        """Return how a request to ``to`` will go.

        :param course: how it would go without the script.
        """
        disturbed: Course = self.disturb(
            course or Course(),
            lambda rule, draw: rule.strikes(request=request, to=to, draw=draw),
        )
        return disturbed
