"""The runbook and the other documents of ``docs/``, as pages of the admin.

Whoever is woken at night has the admin open already, and perhaps only a telephone: the text is
the one of the repository, so there is no second one to go stale.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token

# No HTML of the text's own: what it prints is what the renderer makes.
_MARKDOWN: Final = MarkdownIt("js-default", {"html": False})
_CHAPTER: Final = "h2"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A text of docs/ as HTML, with the chapters to jump to: anchor and words."""

    title: str
    html: SafeString
    chapters: tuple[tuple[str, str], ...]


def show_document(site: Any, request: HttpRequest, *, name: str) -> HttpResponse:
    """Show a document of docs/ by its name without the ending.

    :raises Http404: there is none of that name.
    """
    path = _documents().get(name)
    if path is None:
        raise Http404
    document = read_document(path)
    request.current_app = site.name
    return TemplateResponse(
        request,
        "admin/document.html",
        {
            **site.each_context(request),
            "title": document.title,
            "document": document,
            "is_runbook": name == "runbook",
        },
    )


def read_document(path: Path) -> Document:
    """Read a Markdown file; links to its neighbours lead to their pages here."""
    return _render(path.read_text())


@functools.lru_cache(maxsize=32)
def _render(text: str) -> Document:
    tokens = _MARKDOWN.parse(text)
    title, chapters = "", []
    for opening, inline in _headings(tokens):
        words = _words_of(inline)
        anchor = slug_of(words)
        opening.attrSet("id", anchor)
        if opening.tag == "h1":
            title = title or words
            # The page prints its title itself.
            opening.hidden = inline.hidden = True
            inline.children = []
        elif opening.tag == _CHAPTER:
            chapters.append((anchor, words))
    for token in tokens:
        _mend_links(token)
    html = _MARKDOWN.renderer.render(_without_title(tokens), _MARKDOWN.options, {})
    # Wide tables and statements are scrolled on a phone, and by the keyboard too.
    html = html.replace("<table>", '<div class="wide" tabindex="0"><table>')
    html = html.replace("</table>", "</table></div>").replace("<pre>", '<pre tabindex="0">')
    return Document(title=title, html=SafeString(html), chapters=tuple(chapters))


def slug_of(words: str) -> str:
    """Return a heading's anchor, the same that a repository's web page gives it."""
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def _headings(tokens: Sequence[Token]) -> Iterator[tuple[Token, Token]]:
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            yield token, tokens[index + 1]


def _words_of(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())


def _without_title(tokens: Sequence[Token]) -> list[Token]:
    kept = [token for token in tokens if not token.hidden or token.tag != "h1"]
    return [token for token in kept if not (token.type == "heading_close" and token.tag == "h1")
            and not (token.type == "inline" and token.hidden)]  # fmt: skip


def _mend_links(token: Token) -> None:
    """Let links to other documents lead to their pages; one that leads to none is left out."""
    for child in token.children or ():
        if child.type == "link_open":
            target = _address_of(str(child.attrGet("href") or ""))
            if target is None:
                child.tag, child.attrs = "span", {}
            else:
                child.attrSet("href", target)
        elif child.type == "image":
            # Pictures stay in the repository; their words stand in for them.
            child.type, child.tag, child.children = "text", "", None
    _close_spans(token)


def _close_spans(token: Token) -> None:
    opened: list[str] = []
    for child in token.children or ():
        if child.type == "link_open":
            opened.append(child.tag)
        elif child.type == "link_close":
            child.tag = opened.pop()


def _address_of(target: str) -> str | None:
    parts = urlsplit(target)
    if parts.scheme in ("http", "https", "mailto") or target.startswith(("#", "/")):
        return target
    name = parts.path.removesuffix(".md")
    if name not in _documents():
        return None
    anchor = f"#{parts.fragment}" if parts.fragment else ""
    if name == "runbook":
        return reverse("admin:runbook") + anchor
    return reverse("admin:document", args=[name]) + anchor


def _documents() -> dict[str, Path]:
    return {path.stem: path for path in (Path(settings.BASE_DIR) / "docs").glob("*.md")}
