"""The words people read, collected from templates and code, and their translations.

Nothing here needs gettext's tools: templates are read by Django's own parser, so a message is
exactly what the page will look up, and the ``.mo`` that Django loads is written by polib. It is
committed beside its ``.po``; a test holds the two together, and both to the code.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import polib
from django.template import Template, engines
from django.template.base import Node
from django.templatetags.i18n import BlockTranslateNode, TranslateNode

from config.environment import PROJECT_DIR

LANGUAGES: Final = ("es",)
_CODE: Final = ("alerts", "credit", "giftcards", "sms", "redemption", "loyalty", "config")
_CALLS: Final = frozenset({"_", "gettext", "gettext_lazy", "gettext_noop"})
_PLURAL_CALLS: Final = frozenset({"ngettext", "ngettext_lazy"})
# What the catalogue advises carries no mark: the reports that clients read as well look it up.
_CATALOGUE_CALL: Final = "Explanation"
_ADVICE: Final = "action"
_HEADER: Final = {
    "Project-Id-Version": "giftline",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
}
_PLURAL_FORMS: Final = {"es": "nplurals=2; plural=(n != 1);"}
_WRAP_AT: Final = 98


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Words:
    """One message in English; ``plural`` is empty where it has no number."""

    singular: str
    plural: str = ""


class UnreadableWordsError(Exception):
    """A message is written in a way that can't be collected; the text says where."""


def collect_words(root: Path = PROJECT_DIR) -> dict[Words, list[str]]:
    """Return every message of templates and code, with the files that use it, in their order."""
    found: dict[Words, list[str]] = {}
    for path in _sources(root):
        place = path.relative_to(root).as_posix()
        read = _words_of_module if path.suffix == ".py" else _words_of_template
        for words in read(path.read_text("utf-8"), place):
            places = found.setdefault(words, [])
            if place not in places:
                places.append(place)
    return found


def po_path(language: str, root: Path = PROJECT_DIR) -> Path:
    """Return where a language's translations are written by people; the ``.mo`` lies beside."""
    return root / "locale" / language / "LC_MESSAGES" / "django.po"


def merge_words(former: polib.POFile, found: Mapping[Words, list[str]]) -> polib.POFile:
    """Return a catalogue of exactly the messages found, with the translations there are."""
    known = {Words(entry.msgid, entry.msgid_plural): entry for entry in former}
    merged = polib.POFile(wrapwidth=_WRAP_AT)
    merged.header = former.header
    merged.metadata = dict(former.metadata)
    for words, places in found.items():
        entry = known.get(words) or polib.POEntry(
            msgid=words.singular,
            msgid_plural=words.plural,
            msgstr_plural={0: "", 1: ""} if words.plural else {},
        )
        entry.occurrences = [(place, "") for place in places]
        entry.flags = []
        merged.append(entry)
    return merged


def new_catalogue(language: str) -> polib.POFile:
    """Return a catalogue without messages."""
    catalogue = polib.POFile(wrapwidth=_WRAP_AT)
    catalogue.metadata = {
        **_HEADER,
        "Language": language,
        "Plural-Forms": _PLURAL_FORMS[language],
    }
    return catalogue


def read_catalogue(path: Path) -> polib.POFile:
    """Return the catalogue in a ``.po`` file."""
    return polib.pofile(str(path), wrapwidth=_WRAP_AT, encoding="utf-8")


def compile_catalogue(catalogue: polib.POFile) -> bytes:
    """Return the ``.mo`` that Django loads; the same catalogue gives the same bytes."""
    compiled: bytes = catalogue.to_binary()
    return compiled


def _sources(root: Path) -> Iterator[Path]:
    templates = (p for p in (root / "templates").rglob("*") if p.suffix in {".html", ".txt"})
    yield from sorted(templates)
    for app in _CODE:
        yield from sorted(p for p in (root / app).rglob("*.py") if "migrations" not in p.parts)


def _words_of_template(text: str, place: str) -> Iterator[Words]:
    if '_("' in text or "_('" in text:
        raise UnreadableWordsError(f"{place}: write {{% translate %}} instead of _()")
    template: Template = engines["django"].from_string(text).template  # type: ignore[attr-defined]
    kinds = (TranslateNode, BlockTranslateNode)
    nodes: list[Node] = [n for kind in kinds for n in template.nodelist.get_nodes_by_type(kind)]
    for node in sorted(nodes, key=lambda node: node.token.lineno or 0 if node.token else 0):
        if node.message_context:  # type: ignore[attr-defined]
            raise UnreadableWordsError(f"{place}: a context is not collected")
        if isinstance(node, BlockTranslateNode):
            singular, _names = node.render_token_list(node.singular)
            plural, _names = node.render_token_list(node.plural) if node.plural else ("", [])
            yield Words(singular, plural)
        elif isinstance(node, TranslateNode):
            literal = node.filter_expression.var.literal
            if not isinstance(literal, str):
                raise UnreadableWordsError(f"{place}: only words in quotes can be translated")
            yield Words(literal.replace("%", "%%"))  # as Django looks it up


def _words_of_module(text: str, place: str) -> Iterator[Words]:
    for node in ast.walk(ast.parse(text)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
        if node.func.id in _CALLS and node.args and len(texts) == 1:
            yield Words(str(texts[0]))
        elif node.func.id in _PLURAL_CALLS:
            if len(texts) < 2:
                raise UnreadableWordsError(f"{place}: a plural needs its words in quotes")
            yield Words(str(texts[0]), str(texts[1]))
        elif node.func.id == _CATALOGUE_CALL:
            for given in node.keywords:
                if given.arg == _ADVICE and isinstance(given.value, ast.Constant):
                    yield Words(str(given.value.value))
