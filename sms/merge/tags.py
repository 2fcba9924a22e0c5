"""A template is data: its tags are replaced in one pass and nothing in it is ever evaluated."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Final

from sms.merge.cleaning import clean_line, clean_name, clean_text

TAGS: Final = (
    "first_name", "last_name", "amount", "brand", "code", "pin", "redemption_url",
    "expiration_date", "reveal_link", "opt_in_link", "support_phone", "company",
)  # fmt: skip
# What a stranger may have written: Note [Names] in sms/merge/cleaning.py.
NAME_TAGS: Final = ("first_name", "last_name")

_ANY: Final = r"\{\{[ \t]*(?P<name>[a-z_]+)[ \t]*\}\}"
_NAME: Final = r"[ \t]?\{\{[ \t]*(?:first_name|last_name)[ \t]*\}\}"
_TAG: Final = re.compile(_ANY)
_ONE_NAME: Final = re.compile(rf"(?P<blank>[ \t]?){_ANY}")
# Names that stand together, with what would be left hanging if there were none.
_MERGED: Final = re.compile(rf"(?P<names>(?:{_NAME})+)(?P<after>[,;:!]?[ \t]+)?|{_ANY}")
# Whatever a person may have meant as a tag.
_LIKE_A_TAG: Final = re.compile(r"\{\{(?P<inside>[^{}]*)\}\}|\{\{|\}\}")
_SIMILAR: Final = 0.5


def check_template(body: str) -> list[str]:
    """Return a sentence for each thing wrong with a template; none when it can be saved."""
    if not body.strip():
        return ["Write the text of the message."]
    problems = []
    for match in _LIKE_A_TAG.finditer(body):
        known = _TAG.fullmatch(match[0])
        if match["inside"] is None:
            problems.append("Here is half a tag. Write it with two braces: {{first_name}}.")
        elif known is None or known["name"] not in TAGS:
            problems.append(_refuse(match[0], match["inside"]))
    return list(dict.fromkeys(problems))


def find_tags(body: str) -> frozenset[str]:
    """Return the names of the tags in a template, the unknown ones as they are written."""
    found = (match[0] for match in _LIKE_A_TAG.finditer(body))
    return frozenset(
        known["name"] if (known := _TAG.fullmatch(tag)) and known["name"] in TAGS else tag
        for tag in found
    )


def merge_tags(body: str, values: Mapping[str, str]) -> str:
    """Put ``values`` in place of the tags of ``body``.

    A known tag without a value leaves nothing; an unknown one stays as it is written. A value
    goes in on one line, and tags in it stay text. A name is cleaned (Note [Names]), and where
    there is none its blank goes too: "Hi {{first_name}}, your card" is "Hi, your card". Control
    characters and marks that turn the reading direction are removed.
    """

    def replace(match: re.Match[str]) -> str:
        if match["names"] is None:
            return clean_line(values.get(match["name"], "")) if match["name"] in TAGS else match[0]
        return _merge_names(match, values)

    # The body is cleaned at the end too, when nothing can join up any more to a tag.
    return clean_text(_MERGED.sub(replace, body.replace("\r\n", "\n")))


def _merge_names(match: re.Match[str], values: Mapping[str, str]) -> str:
    after = match["after"] or ""
    parts = [
        (one["blank"], clean_name(values.get(one["name"], "")))
        for one in _ONE_NAME.finditer(match["names"])
    ]
    merged = "".join(blank + name for blank, name in parts if name)
    is_first = match.start() == 0 or match.string[match.start() - 1] == "\n"
    if not merged:
        return "" if is_first else after
    if is_first and not parts[0][1]:
        merged = merged.lstrip()
    return merged + after


def _refuse(tag: str, inside: str) -> str:
    near = difflib.get_close_matches(inside.strip().lower(), TAGS, n=1, cutoff=_SIMILAR)
    if near:
        return f"{tag} is no tag. Did you mean {{{{{near[0]}}}}}?"
    return f"{tag} is no tag. Choose from: {', '.join(TAGS)}."
