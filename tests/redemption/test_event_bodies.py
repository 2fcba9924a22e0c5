"""Paths into a foreign body, and what is understood of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redemption.services.event_bodies import PathError, parse_path, understand

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


class TestParsePath:
    @pytest.mark.parametrize(
        ("path", "steps"),
        [
            ("$.contact.id", ("contact", "id")),
            ("$.contact_id", ("contact_id",)),
            ("$.contact-id", ("contact-id",)),
            ("$['Contact ID']", ("Contact ID",)),
            ("$.people[0].id", ("people", 0, "id")),
            ("$[12]['a.b'].c", (12, "a.b", "c")),
            ("$.straße", ("straße",)),
        ],
    )
    def test_names_one_place(self, path: str, steps: tuple[str | int, ...]) -> None:
        assert parse_path(path) == steps

    @pytest.mark.parametrize(
        "path",
        ["", "$", "contact", ".contact", "$contact", "$..id", "$.*", "$.a[*]", "$.a[-1]",
         "$.a[0:2]", "$.a[?(@.b)]", "$.a[00]", "$.a[99999]", '$["a"]', "$.a.", "$.a b", "$['']",
         "$['a\\'b']", "$.1a", "$." + "a" * 200],
    )  # fmt: skip
    def test_refuses_what_names_many_or_none(self, path: str) -> None:
        with pytest.raises(PathError):
            parse_path(path)

    @given(st.text())
    def test_never_breaks(self, text: str) -> None:
        try:
            assert parse_path(text)
        except PathError as error:
            assert str(error)  # noqa: PT017  one of the two


class TestUnderstand:
    MAPPING = {"event_type": "$.t", "contact_id": "$.c", "occurred_at": "$.at"}

    @pytest.mark.parametrize(
        ("value", "text"),
        [("4711", "4711"), (4711, "4711"), (" 4711 ", "4711"), ("é", "é"), (-1, "-1")],
    )
    def test_reads_texts_and_whole_numbers(self, value: Any, text: str) -> None:
        understood = understand({"t": "x", "c": value}, mapping=self.MAPPING, campaign_ref="k")
        assert (understood.contact_id, understood.campaign_ref) == (text, "k")
        assert understood.missing == ()

    @pytest.mark.parametrize(
        "value", [None, True, 1.5, "", "  ", [], {}, "a\x00b", "x" * 121, 10**120, "\ud800"]
    )
    def test_says_what_is_missing(self, value: Any) -> None:
        understood = understand({"t": "x", "c": value}, mapping=self.MAPPING)
        assert understood.contact_id == ""
        assert understood.missing == ("contact_id at $.c", "campaign_id, which has no path")

    @pytest.mark.parametrize(
        ("value", "moment"),
        [
            ("2026-03-02T15:29:41Z", datetime(2026, 3, 2, 15, 29, 41, tzinfo=UTC)),
            ("2026-03-02T15:29:41+01:00", datetime(2026, 3, 2, 14, 29, 41, tzinfo=UTC)),
            ("2026-03-02 15:29:41", datetime(2026, 3, 2, 15, 29, 41, tzinfo=UTC)),
            (1772465381, datetime(2026, 3, 2, 15, 29, 41, tzinfo=UTC)),
            ("yesterday", None),
            ("2026-02-31T00:00:00Z", None),
            (10**30, None),
            (True, None),
            (None, None),
        ],
    )
    def test_reads_when_it_happened_if_it_can(self, value: Any, moment: datetime | None) -> None:
        body = {"t": "x", "c": "y", "at": value}
        assert understand(body, mapping=self.MAPPING).occurred_at == moment

    def test_reads_our_own_shape_without_paths(self) -> None:
        body = {"event_type": "x", "contact_id": "y", "campaign_id": "z"}
        understood = understand(body, mapping={})
        assert (understood.event_type, understood.contact_id) == ("x", "y")
        assert (understood.campaign_ref, understood.missing) == ("z", ())

    @given(st.dictionaries(st.sampled_from(["t", "c", "at", "x"]), JSON))
    def test_never_breaks(self, body: dict[str, Any]) -> None:
        mapping = {**self.MAPPING, "campaign_id": "$.x[0]['t'].c"}
        understood = understand(body, mapping=mapping)
        for text in (understood.event_type, understood.contact_id, understood.campaign_ref):
            assert len(text) <= 120
            assert "\x00" not in text
