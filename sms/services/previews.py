"""A template as somebody would get it: its words with example values, and what they cost."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Final

from credit.models import Client
from sms.merge import (
    PlainWords,
    Segments,
    check_template,
    count_segments,
    describe_character,
    drop_accents,
    find_tags,
    make_plain,
    merge_tags,
)
from sms.models import MessageTemplate
from sms.services.examples import EXAMPLES, Example, example_values

Purpose = MessageTemplate.Purpose
Channel = MessageTemplate.Channel

# What the provider takes at most, in characters.
LONGEST_TEXT: Final = 1600
_BRINGS_CARD: Final = frozenset({Purpose.REWARD, Purpose.RESEND, Purpose.REMINDER, Purpose.APOLOGY})
_SECRETS: Final = frozenset({"code", "pin"})
# What stays empty, because there is no card yet or it is not asked for.
_EMPTY: Final[Mapping[str, frozenset[str]]] = {
    Purpose.OPT_IN: frozenset(
        {"code", "pin", "redemption_url", "expiration_date", "reveal_link", "last_name"}
    ),
    Purpose.DELAY_NOTICE: frozenset(
        {"code", "pin", "expiration_date", "reveal_link", "opt_in_link"}
    ),
    **dict.fromkeys(_BRINGS_CARD, frozenset({"opt_in_link"})),
}
_LINK: Final = re.compile(r"https?://\S+")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A template as it stands on the screen, saved or not."""

    purpose: str
    channel: str
    locale: str
    subject: str
    body: str

    @property
    def is_mail(self) -> bool:
        return self.channel == Channel.EMAIL


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a text; ``kind`` is ``"costly"``, ``"unknown"``, ``"link"`` or nothing."""

    text: str
    kind: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would arrive, what it costs, and what speaks against it.

    :param problems: why it can't be saved.
    :param warnings: what to think of before it is used.
    :param costly: the characters that make a text cost more, those of the template only.
    :param plain_body: the template in plain characters, where that makes it cheaper; else empty.
    :param bare_body: the same without accents either.
    :param longest: what it costs with the example that costs most, where that is more.
    """

    subject: str
    text: str
    parts: list[Part]
    paragraphs: list[Part]
    problems: list[str]
    warnings: list[str]
    length: Segments
    without_costly: int
    costly: list[PlainWords]
    plain_body: str
    bare_body: str
    longest: tuple[Example, Segments] | None


def preview_template(*, words: Words, example: Example, client: Client | None) -> Preview:
    """Write a template with an example's values. Nothing is stored or sent."""
    values = example_values(example, client=client, locale=words.locale)
    text = merge_tags(words.body, values)
    length = count_segments(text)
    own = _costly_of(words.body) if not words.is_mail else ""
    return Preview(
        subject=merge_subject(words.subject, values),
        text=text,
        parts=list(_parts(text, words.body, "" if words.is_mail else length.costly)),
        paragraphs=[_paragraph(part) for part in re.split(r"\n\s*\n", text) if part.strip()],
        problems=find_problems(words),
        warnings=list(_warnings(words)),
        length=length,
        without_costly=count_segments("".join(c for c in text if c not in length.costly)).segments,
        costly=[describe_character(character) for character in own],
        plain_body=_cheaper(words.body, make_plain(words.body)) if own else "",
        bare_body=_cheaper(make_plain(words.body), drop_accents(make_plain(words.body)))
        if own
        else "",
        longest=None if words.is_mail else _longest(words, length, client),
    )


def merge_subject(subject: str, values: Mapping[str, str]) -> str:
    """Return an e-mail's subject, always on one line: a second one would be another header."""
    return " ".join(merge_tags(subject, values).split())


def find_problems(words: Words) -> list[str]:
    """Return why a template can't be saved or tried."""
    problems = check_template(words.body)
    if words.is_mail:
        problems += (
            [f"Subject: {one}" for one in check_template(words.subject)]
            if words.subject.strip()
            else ["An e-mail needs a subject."]
        )
    elif len(words.body) > LONGEST_TEXT:
        problems.append(f"A text has at most {LONGEST_TEXT:,} characters.")
    return problems


def _warnings(words: Words) -> Iterator[str]:
    tags = find_tags(words.body) | (find_tags(words.subject) if words.is_mail else frozenset())
    if tags & _SECRETS and words.purpose in _BRINGS_CARD:
        yield (
            "The card's code stands in the message itself: whoever reads it can spend the card, "
            "also on a lost or shared phone. With {{reveal_link}} it shows on one device only. "
            + (
                "An e-mail can't be called back."
                if words.is_mail
                else "The provider's copy of the text is emptied once it has arrived; "
                "the phone keeps it."
            )
        )
    if words.purpose in _BRINGS_CARD and not tags & {"reveal_link", "code"}:
        yield "Nobody could get at the card: put in {{reveal_link}}."
    if words.purpose == Purpose.OPT_IN and "opt_in_link" not in tags:
        yield "Without {{opt_in_link}} the only way to agree is to reply YES: say so."
    empty = sorted(tags & _EMPTY.get(words.purpose, frozenset()))
    if empty:
        listed = ", ".join(f"{{{{{tag}}}}}" for tag in empty)
        yield f"Always empty in this kind of message: {listed}."
    if words.subject and tags & _SECRETS & find_tags(words.subject):
        yield "A subject shows on a locked screen: keep the code out of it."


def _costly_of(body: str) -> str:
    # Tags are in plain letters, so the template itself can be counted.
    return count_segments(merge_tags(body, {})).costly


def _cheaper(body: str, changed: str) -> str:
    return changed if changed != body else ""


def _longest(
    words: Words, length: Segments, client: Client | None
) -> tuple[Example, Segments] | None:
    counted = [
        (
            example,
            count_segments(
                merge_tags(words.body, example_values(example, client=client, locale=words.locale))
            ),
        )
        for example in EXAMPLES
    ]
    worst = max(counted, key=lambda one: one[1].segments)
    return worst if worst[1].segments > length.segments else None


def _parts(text: str, body: str, costly: str) -> Iterator[Part]:
    """Cut a text where something in it is to be seen."""
    unknown = [tag for tag in find_tags(body) if "{" in tag or "}" in tag]
    patterns = [("unknown", re.escape(tag)) for tag in sorted(unknown, key=len, reverse=True)]
    patterns.append(("link", _LINK.pattern))
    if costly:
        patterns.append(("costly", f"[{re.escape(costly)}]+"))
    found = re.compile("|".join(f"({pattern})" for _, pattern in patterns))
    end = 0
    for match in found.finditer(text):
        if match.start() > end:
            yield Part(text[end : match.start()])
        yield Part(match[0], patterns[(match.lastindex or 1) - 1][0])
        end = match.end()
    if end < len(text):
        yield Part(text[end:])


def _paragraph(text: str) -> Part:
    return Part(text.strip(), "link" if _LINK.fullmatch(text.strip()) else "")
