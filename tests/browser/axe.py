"""What axe-core finds wrong with a page as it stands in the browser: none of it is let pass."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

from playwright.sync_api import Page

# WCAG 2.2 A and AA, and what axe calls good practice.
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What still comes into view has only half its colours.
_SETTLE = """() => Promise.all(document.getAnimations()
  .filter((one) => one.effect.getTiming().iterations !== Infinity)
  .map((one) => one.finished.catch(() => null)))"""
_RUN = """async (tags) => {
  const options = {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]};
  const found = await axe.run(document, options);
  const why = (node) => [...node.any, ...node.all, ...node.none].map((check) => check.message);
  return found.violations.flatMap(({id, help, nodes}) =>
    nodes.map((node) => `${id}: ${help}: ${node.target.join(" ")}: ${why(node).join("; ")}`));
}"""


def violations(page: Page) -> list[str]:
    """Return what axe-core finds, a line for each place; the page may forbid scripts of others."""
    page.evaluate(_SETTLE)
    # Put in by the debugger, whatever the page's policy allows.
    page.evaluate(_source())
    found: list[str] = page.evaluate(_RUN, _TAGS)
    return found


def violations_in_both(page: Page) -> list[str]:
    """Return what axe-core finds in light and in dark."""
    found: list[str] = []
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {words}" for words in violations(page)]
    return found


def _source() -> str:
    # Of the wheel only the script is used.
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
