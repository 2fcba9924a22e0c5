"""The script of faults: which requests a fault strikes."""

import hashlib
import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, ClassVar, Generic, TypeVar

_COUNTS: Mapping[str, Callable[[Any], bool]] = {
    "nth": lambda value: type(value) is int and value > 0,
    "every": lambda value: type(value) is int and value > 0,
    "probability": lambda value: type(value) in (int, float) and 0 <= value <= 1,
}


class FaultRuleError(ValueError):
    """A rule cannot be understood; the message names the rule and the word."""


class FaultRule:
    """One rule: what it matches, what it does, and how often it did.

    An emulator says in ``checks`` by what else a request can be told, in ``defaults`` what goes
    without saying, in ``actions`` what can be done to its course (``undisturbed`` makes one), and
    asks :meth:`strikes_one_of` about the requests that fit. ``nth`` and ``every`` count those
    since the rule was set, from 1.
    """

    checks: ClassVar[Mapping[str, Callable[[Any], bool]]]
    defaults: ClassVar[Mapping[str, Any]]
    actions: ClassVar[Mapping[str, Callable[..., Any]]]
    undisturbed: ClassVar[Callable[[], Any]]

    def __init__(self, rule: Mapping[str, Any]) -> None:
        if not isinstance(rule, Mapping):
            raise FaultRuleError(f"{rule!r}: a rule is an object")
        self._check_match(rule.get("match", {}))
        self.match = {**self.defaults, "probability": 1.0, **rule.get("match", {})}
        self.action: str = rule.get("action", "")
        self.parameters = {
            name: value for name, value in rule.items() if name not in ("match", "action")
        }
        self._check_action()
        self.seen = 0
        self.struck = 0
        self._seen_by_key: Counter[str] = Counter()

    def strikes_one_of(self, key: str, *, draw: str) -> bool:
        """Count a request that fits and return whether the rule strikes it.

        :param key: whose request it is: an id, a number.
        :param draw: seeds the toss of ``probability``.
        """
        self.seen += 1
        self._seen_by_key[key] += 1
        if self.seen != self.match.get("nth", self.seen) or self.seen % self.match.get("every", 1):
            return False
        # The toss hangs on the key and its own count, not on the order in which threads happen to
        # arrive, so that a storm fails for the same ones every time.
        probability = self.match["probability"]
        if probability < 1.0 and _toss(f"{draw}:{key}:{self._seen_by_key[key]}") >= probability:
            return False
        self.struck += 1
        return True

    def apply(self, course: Any) -> Any:
        """Return how a request goes that the rule strikes."""
        return self.actions[self.action](course, **self.parameters)

    def describe(self) -> dict[str, object]:
        counts = {"seen": self.seen, "struck": self.struck}
        return {"match": self.match, "action": self.action, **self.parameters, **counts}

    def _check_match(self, match: object) -> None:
        if not isinstance(match, Mapping):
            raise FaultRuleError("match: an object")
        checks = {**self.checks, **_COUNTS}
        for name, value in match.items():
            if name not in checks:
                raise FaultRuleError(f"match: has no {name!r}")
            if not checks[name](value):
                raise FaultRuleError(f"match.{name}: not {value!r}")

    def _check_action(self) -> None:
        action: object = self.action
        if not isinstance(action, str) or action not in self.actions:
            raise FaultRuleError(f"action: one of {', '.join(self.actions)}, not {action!r}")
        known = inspect.signature(self.actions[action]).parameters
        for name, value in self.parameters.items():
            if name not in known or name == "course":
                raise FaultRuleError(f"{action}: has no {name!r}")
            kind = known[name].annotation
            # JSON may write 30.0 as 30, and to Python True is an integer too.
            if type(value) not in ((int, float) if kind is float else (kind,)):
                raise FaultRuleError(f"{action}.{name}: {kind.__name__}, not {value!r}")
        try:
            self.apply(type(self).undisturbed())
        except (TypeError, ValueError) as error:
            raise FaultRuleError(f"{action}: {error}") from error


Rule = TypeVar("Rule", bound=FaultRule)


class FaultScript(Generic[Rule]):
    """The rules in force, the first of two contradicting ones winning."""

    def __init__(self, rule_type: type[Rule], *, seed: int = 0) -> None:
        self._rule_type = rule_type
        self._seed = seed
        self._lock = Lock()
        self._rules: list[Rule] = []

    def replace(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Put these rules in the place of the old ones, with all counts at zero.

        :raises FaultRuleError: a rule cannot be understood; the old rules stay.
        """
        if not isinstance(rules, list | tuple):
            raise FaultRuleError("faults: a list of rules")
        fresh = [self._rule_type(rule) for rule in rules]
        with self._lock:
            self._rules = fresh

    def disturb(self, course: Any, strikes: Callable[[Rule, str], bool]) -> Any:
        """Return how a request will go.

        :param course: how it would go without the script.
        :param strikes: counts the request at a rule, with the seed of its toss, and tells whether
            the rule strikes it.
        """
        with self._lock:
            struck = [
                rule
                for number, rule in enumerate(self._rules)
                if strikes(rule, f"{self._seed}:{number}")
            ]
        # Applied from the last to the first, so that the first has the last word.
        for rule in reversed(struck):
            course = rule.apply(course)
        return course

    @property
    def rules(self) -> list[Rule]:
        return list(self._rules)


def is_among(name: str, pattern: str) -> bool:
    """Tell whether a name fits a pattern, which may end with a star."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _toss(text: str) -> float:
    """Return a number from 0 up to 1 that ``text`` decides."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64
