"""The table of problems: every kind of alert in the code has its chapter."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from alerts.runbook import (
    PROBLEMS,
    Chapter,
    Component,
    Grade,
    chapter_url,
    find_problem,
    runbook_url,
    suggest_grade,
)

ROOT = Path(settings.BASE_DIR)
APPS = ("alerts", "credit", "giftcards", "sms", "redemption", "loyalty", "config")
# Made at run time, by name of the file and the expression; each is in the table by hand.
COMPOSED = {
    "giftcards/services/buffers.py": {"buffer_budget", "buffer_stalled"},
    "redemption/services/stuck.py": {"stuck_card", "stuck_card_taken_back"},
}


def kinds_in_code() -> dict[str, str]:
    """Return every kind that is given to ``raise_alert`` or ``Finding``, and where."""
    found: dict[str, str] = {}
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            found |= dict.fromkeys(kinds_in(ast.parse(path.read_text())), str(path))
    for where, kinds in COMPOSED.items():
        found |= dict.fromkeys(kinds, where)
    return found


def kinds_in(tree: ast.Module) -> set[str]:
    words = dict(named_words(tree))
    given = {
        keyword.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in ("raise_alert", "Finding")
        for keyword in call.keywords
        if keyword.arg == "kind"
    }
    plain = {str(value.value) for value in given if isinstance(value, ast.Constant)}
    by_name = {value.id for value in given if isinstance(value, ast.Name)}
    return plain | {words[name] for name in by_name if name in words}


def named_words(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the module's names of strings: ``KIND: Final = "out_of_stock"``."""
    for node in tree.body:
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value.value


class TestFindProblem:
    def test_knows_every_kind_that_is_raised(self) -> None:
        kinds = kinds_in_code()
        assert {"out_of_stock", "ledger_audit", "codes_guessed", "low_credit"} <= set(kinds)
        assert {kind: where for kind, where in kinds.items() if find_problem(kind) is None} == {}

    def test_reads_a_composed_kind_by_its_beginning(self) -> None:
        problem = find_problem("monitor_failed:pools")
        assert problem is not None
        assert problem.chapter == Chapter.JOB_NOT_RUNNING

    def test_knows_nothing_of_a_stranger(self) -> None:
        assert find_problem("weather") is None


class TestRunbookUrl:
    def test_leads_to_the_chapter(self) -> None:
        assert runbook_url("out_of_stock") == "/admin/runbook/#empty-pool"
        assert runbook_url("channel_stopped") == "/admin/runbook/#text-not-delivered"
        assert chapter_url(Chapter.CANARY) == "/admin/runbook/#canary"

    def test_leads_to_the_top_for_a_stranger(self) -> None:
        assert runbook_url("weather") == "/admin/runbook/"


class TestSuggestGrade:
    def test_is_what_the_table_says_of_a_critical_alert(self) -> None:
        graded = {
            kind: suggest_grade(kind=kind, severity="critical")
            for kind in ("redemptions_failing", "database_down", "all_pools_empty",
                         "out_of_stock", "delivery_rate", "slow_redemptions", "low_credit")
        }  # fmt: skip
        assert graded == {
            "redemptions_failing": Grade.P0,
            "database_down": Grade.P0,
            "all_pools_empty": Grade.P0,
            "out_of_stock": Grade.P1,
            "delivery_rate": Grade.P1,
            "slow_redemptions": Grade.P1,
            "low_credit": Grade.P2,
        }

    def test_is_lower_for_what_is_not_critical(self) -> None:
        assert suggest_grade(kind="out_of_stock", severity="warning") == Grade.P2
        assert suggest_grade(kind="out_of_stock", severity="info") == Grade.P3

    def test_is_p2_for_a_critical_stranger(self) -> None:
        assert suggest_grade(kind="weather", severity="critical") == Grade.P2


class TestProblems:
    def test_are_graded_as_the_documentation_says(self) -> None:
        text = (ROOT / "docs" / "incidents.md").read_text()
        (table,) = re.findall(r"\| kind of alert.+?\n\n", text, re.DOTALL)
        for grade in (Grade.P0, Grade.P1):
            (line,) = re.findall(rf"^\| (.+) \| {grade} \|$", table, re.MULTILINE)
            told = {kind for kind in re.findall(r"`(\w+)`", line) if not kind.endswith("_")}
            assert told == {kind for kind, one in PROBLEMS.items() if one.grade == grade}

    def test_use_every_chapter_and_component(self) -> None:
        # "Rollback and switches" is a way out and no problem: no alert is about it.
        chapters = {problem.chapter for problem in PROBLEMS.values()}
        assert set(Chapter) - chapters == {Chapter.ROLLBACK_AND_SWITCHES}
        assert {part for problem in PROBLEMS.values() for part in problem.touches} == set(Component)
