"""The script of faults: which orders and questions a fault strikes."""

from typing import Final

from alerts.emulator import faults
from giftcards.emulator.actions import ACTIONS, Course

REQUEST_KINDS: Final = (
    "issue",
    "order",
    "status",
    "reverse",
    "cancel",
    "balance",
    "stock",
    "brands",
    "floats",
)
BUYING: Final = ("issue", "order")


class FaultRule(faults.FaultRule):
    """A rule about requests of one kind (else what buys), for some brands and ids."""

    checks = {
        "request": lambda value: value in REQUEST_KINDS,
        "brand": lambda value: isinstance(value, str),
        "request_id": lambda value: isinstance(value, str),
    }
    defaults = {"brand": "*", "request_id": "*"}
    actions = ACTIONS
    undisturbed = Course

    def strikes(self, *, request: str, brand: str, request_id: str, draw: str) -> bool:
        """Count a request and return whether the rule strikes it."""
        kinds = (self.match["request"],) if "request" in self.match else BUYING
        return (
            request in kinds
            and faults.is_among(brand, self.match["brand"])
            and faults.is_among(request_id, self.match["request_id"])
            and self.strikes_one_of(request_id, draw=draw)
        )


class FaultScript(faults.FaultScript[FaultRule]):
    """The rules in force, the first of two contradicting ones winning."""

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__(FaultRule, seed=seed)

    def course(self, *, request: str, brand: str, request_id: str) -> Course:
        """Return how a request will go."""
        disturbed: Course = self.disturb(
            Course(),
            lambda rule, draw: rule.strikes(
                request=request, brand=brand, request_id=request_id, draw=draw
            ),
        )
        return disturbed
