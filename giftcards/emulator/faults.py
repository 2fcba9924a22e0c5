"""The script of faults: which requests a fault strikes."""

import hashlib
import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Final

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
MATCH_CHECKS: Final[dict[str, Callable[[Any], bool]]] = {
    "request": lambda value: value in REQUEST_KINDS,
    "brand": lambda value: isinstance(value, str),
    "request_id": lambda value: isinstance(value, str),
    "nth": lambda value: type(value) is int and value > 0,
    "every": lambda value: type(value) is int and value > 0,
    "probability": lambda value: type(value) in (int, float) and 0 <= value <= 1,
}


class FaultRuleError(ValueError):
    """A rule cannot be understood; the message names the rule and the word."""


class FaultRule:
    """One rule: what it matches, what it does, and how often it did.

    The conditions of ``match`` must all hold. ``nth`` and ``every`` count the requests of this
    kind, brand and id since the rule was set, from 1.
    """

    def __init__(self, rule: Mapping[str, Any]) -> None:
        if not isinstance(rule, Mapping):
            raise FaultRuleError(f"{rule!r}: a rule is an object")
        match = rule.get("match", {})
        _check_match(match)
        self.request: str | None = match.get("request")
        self.brand: str = match.get("brand", "*")
        self.request_id: str = match.get("request_id", "*")
        self.nth: int | None = match.get("nth")
        self.every: int | None = match.get("every")
        self.probability: float = match.get("probability", 1.0)
        self.action: str = rule.get("action", "")
        self.parameters = {
            name: value for name, value in rule.items() if name not in ("match", "action")
        }
        _check_action(self.action, self.parameters)
        self.seen = 0
        self.struck = 0
        self._seen_by_id: Counter[str] = Counter()

    def strikes(self, *, request: str, brand: str, request_id: str, draw: str) -> bool:
        """Count a request and return whether the rule strikes it.

        :param draw: seeds the toss of ``probability``.
        """
        if request not in ((self.request,) if self.request else BUYING):
            return False
        if not _is_among(brand, self.brand) or not _is_among(request_id, self.request_id):
            return False
        self.seen += 1
        self._seen_by_id[request_id] += 1
        if self.nth is not None and self.seen != self.nth:
            return False
        if self.every is not None and self.seen % self.every:
            return False
        if self.probability < 1.0:
            # The toss hangs on the id and its own count, not on the order in which threads
            # happen to arrive, so that a storm of orders fails for the same ones every time.
            toss = _toss(f"{draw}:{request_id}:{self._seen_by_id[request_id]}")
            if toss >= self.probability:
                return False
        self.struck += 1
        return True

    def describe(self) -> dict[str, object]:
        match = {
            name: getattr(self, name) for name in MATCH_CHECKS if getattr(self, name) is not None
        }
        counts = {"seen": self.seen, "struck": self.struck}
        return {"match": match, "action": self.action, **self.parameters, **counts}


class FaultScript:
    """The rules in force, the first of two contradicting ones winning."""

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed
        self._lock = Lock()
        self._rules: list[FaultRule] = []

    def replace(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Put these rules in the place of the old ones, with all counts at zero.

        :raises FaultRuleError: a rule cannot be understood; the old rules stay.
        """
        if not isinstance(rules, list | tuple):
            raise FaultRuleError("faults: a list of rules")
        fresh = [FaultRule(rule) for rule in rules]
        with self._lock:
            self._rules = fresh

    def course(self, *, request: str, brand: str, request_id: str) -> Course:
        """Return how a request will go."""
        course = Course()
        with self._lock:
            struck = [
                rule
                for number, rule in enumerate(self._rules)
                if rule.strikes(
                    request=request,
                    brand=brand,
                    request_id=request_id,
                    draw=f"{self._seed}:{number}",
                )
            ]
        # Applied from the last to the first, so that the first has the last word.
        for rule in reversed(struck):
            course = ACTIONS[rule.action](course, **rule.parameters)
        return course

    @property
    def rules(self) -> list[FaultRule]:
        return list(self._rules)


def _check_match(match: object) -> None:
    if not isinstance(match, Mapping):
        raise FaultRuleError("match: an object")
    for name, value in match.items():
        if name not in MATCH_CHECKS:
            raise FaultRuleError(f"match: has no {name!r}")
        if not MATCH_CHECKS[name](value):
            raise FaultRuleError(f"match.{name}: not {value!r}")


def _check_action(action: object, parameters: Mapping[str, Any]) -> None:
    if not isinstance(action, str) or action not in ACTIONS:
        raise FaultRuleError(f"action: one of {', '.join(ACTIONS)}, not {action!r}")
    known = inspect.signature(ACTIONS[action]).parameters
    for name, value in parameters.items():
        if name not in known or name == "course":
            raise FaultRuleError(f"{action}: has no {name!r}")
        kind = known[name].annotation
        # JSON may write 30.0 as 30, and to Python True is an integer too.
        if type(value) not in ((int, float) if kind is float else (kind,)):
            raise FaultRuleError(f"{action}.{name}: {kind.__name__}, not {value!r}")
    try:
        ACTIONS[action](Course(), **parameters)
    except (TypeError, ValueError) as error:
        raise FaultRuleError(f"{action}: {error}") from error


def _is_among(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _toss(text: str) -> float:
    """Return a number from 0 up to 1 that ``text`` decides."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64
