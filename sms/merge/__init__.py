"""Merge tags in the texts we send, and what such a text costs."""

from sms.merge.cleaning import NAME_LENGTH, clean_name, clean_text
from sms.merge.plain import (
    PlainWords,
    describe_character,
    drop_accents,
    make_plain,
)
from sms.merge.segments import Segments, count_segments
from sms.merge.tags import TAGS, check_template, find_tags, merge_tags

__all__ = [
    "NAME_LENGTH",
    "TAGS",
    "PlainWords",
    "Segments",
    "check_template",
    "clean_name",
    "clean_text",
    "count_segments",
    "describe_character",
    "drop_accents",
    "find_tags",
    "make_plain",
    "merge_tags",
]
