from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.merge import TAGS, Segments, check_template, count_segments, merge_tags

HALF = "Here is half a tag. Write it with two braces: {{first_name}}."


class TestCheckTemplate:
    @pytest.mark.parametrize(
        "body",
        [
            "Hi {{first_name}}, your {{brand}} card: {{ reveal_link }}",
            " ".join(f"{{{{{tag}}}}}" for tag in TAGS),
            "No tags, one { brace } and 100 %",
            "{% load %} is only text",
        ],
    )
    def test_finds_nothing_wrong_with_known_tags(self, body: str) -> None:
        assert check_template(body) == []

    @pytest.mark.parametrize(
        "tag",
        ["{{nickname}}", "{{First_Name}}", "{{}}", "{{ }}", "{{code|safe}}", "{{code.x}}",
         "{{first name}}", "{{cоde}}", "{{code\n}}"],
    )  # fmt: skip
    def test_refuses_any_other_tag(self, tag: str) -> None:
        (words,) = check_template(f"Hi {tag}!")
        assert words.startswith(f"{tag} is no tag. ")

    @pytest.mark.parametrize(
        ("tag", "words"),
        [
            ("{{frist_name}}", "{{frist_name}} is no tag. Did you mean {{first_name}}?"),
            ("{{ Code }}", "{{ Code }} is no tag. Did you mean {{code}}?"),
            ("{{zip}}", f"{{{{zip}}}} is no tag. Choose from: {', '.join(TAGS)}."),
        ],
    )
    def test_says_what_may_have_been_meant(self, tag: str, words: str) -> None:
        assert check_template(tag) == [words]

    @pytest.mark.parametrize(
        "body", ["Hi {{first_name}", "Hi first_name}}", "{{{code}}}", "{\u200b{code}}", "{{"]
    )
    def test_refuses_half_a_tag(self, body: str) -> None:
        assert check_template(body) == [HALF]

    def test_tells_everything_once(self) -> None:
        assert len(check_template("{{a}} {{b}} {{a}} {{")) == 3

    @pytest.mark.parametrize("body", ["", " \n "])
    def test_wants_some_words(self, body: str) -> None:
        assert check_template(body) == ["Write the text of the message."]


class TestMergeTags:
    def test_puts_the_values_in(self) -> None:
        merged = merge_tags(
            "Hi {{first_name}}, {{ amount }} of {{brand}}. {{first_name}}!",
            {"first_name": "Ana", "amount": "$25.00", "brand": "Target"},
        )
        assert merged == "Hi Ana, $25.00 of Target. Ana!"

    def test_leaves_nothing_for_a_value_that_is_missing(self) -> None:
        assert merge_tags("PIN: {{pin}}.", {}) == "PIN: ."

    def test_leaves_an_unknown_tag_as_it_is_even_with_a_value(self) -> None:
        assert merge_tags("{{secret}}", {"secret": "x"}) == "{{secret}}"

    @pytest.mark.parametrize(
        ("body", "values", "merged"),
        [
            ("{{first_name}}", {"first_name": "{{code}}", "code": "SECRET"}, "{{code}}"),
            (
                "{{first_name}}{{last_name}}",
                {"first_name": "{{co", "last_name": "de}}", "code": "SECRET"},
                "{{code}}",
            ),
            ("{{{first_name}}}", {"first_name": "{code}", "code": "SECRET"}, "{{code}}"),
            ("{\u200b{code}}", {"code": "SECRET"}, "{{code}}"),
            ("{{first_name}}", {"first_name": "{\x00{code}\x00}", "code": "SECRET"}, "{{code}}"),
        ],
    )
    def test_lets_no_value_bring_in_another_tag(
        self, body: str, values: dict[str, str], merged: str
    ) -> None:
        assert merge_tags(body, values) == merged

    @pytest.mark.parametrize(
        "value", ["{{7*7}}", "{% debug %}", "${7*7}", "{0.__class__}", "%(code)s", r"\1\g<name>"]
    )
    def test_evaluates_nothing(self, value: str) -> None:
        assert merge_tags("{{brand}}", {"brand": value}) == value
        assert merge_tags(f"Hi {value}", {}) == f"Hi {value}"

    @pytest.mark.parametrize(
        ("value", "merged"),
        [
            ("A\x00n\x1ba\x7f\x9f", "Ana"),
            ("Ana\r\nFrom: x", "Ana From: x"),
            ("A\u2028n\n\na\t!", "A n a !"),
            ("\u202eanA\u2066\u200f\u061c", "anA"),
            ("A\u200bn\ufeffa", "Ana"),
            ("\ud800Ana", "Ana"),
            ("👩\u200d👧", "👩\u200d👧"),
            ("José Ñandú 李", "José Ñandú 李"),
        ],
    )
    def test_cleans_the_values(self, value: str, merged: str) -> None:
        assert merge_tags("{{first_name}}", {"first_name": value}) == merged

    def test_keeps_the_lines_of_the_template(self) -> None:
        assert merge_tags("Hi\r\n{{first_name}}\r\tyou\x00", {"first_name": "A"}) == "Hi\nA\n you"

    @given(st.dictionaries(st.sampled_from(TAGS), st.text()), st.lists(st.sampled_from(TAGS)))
    def test_shows_each_value_where_its_tag_stood_and_nowhere_else(
        self, values: dict[str, str], tags: list[str]
    ) -> None:
        separator = "\n"
        body = separator.join(f"{{{{{tag}}}}}" for tag in tags)
        alone = [merge_tags(f"{{{{{tag}}}}}", values) for tag in tags]
        assert merge_tags(body, values) == separator.join(alone)


class TestCountSegments:
    @pytest.mark.parametrize(
        ("text", "segments"),
        [
            ("", Segments("GSM-7", 0, 0)),
            ("a", Segments("GSM-7", 1, 1)),
            ("a" * 160, Segments("GSM-7", 160, 1)),
            ("a" * 161, Segments("GSM-7", 161, 2)),
            ("a" * 306, Segments("GSM-7", 306, 2)),
            ("a" * 307, Segments("GSM-7", 307, 3)),
            ("€" * 80, Segments("GSM-7", 160, 1)),
            ("€" * 81, Segments("GSM-7", 162, 2)),
            # 152 + the half of a pair would fill the first message; the pair moves on.
            ("a" * 152 + "€" + "a" * 152, Segments("GSM-7", 306, 3)),
            ("@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉÄÖÑÜ§¿äöñüà¡\n", Segments("GSM-7", 42, 1)),
            ("^{}\\[~]|€", Segments("GSM-7", 18, 1)),
            ("ç", Segments("UCS-2", 1, 1, "ç")),
            ("’" + "a" * 69, Segments("UCS-2", 70, 1, "’")),
            ("’" + "a" * 70, Segments("UCS-2", 71, 2, "’")),
            ("’" + "a" * 133, Segments("UCS-2", 134, 2, "’")),
            ("’" + "a" * 134, Segments("UCS-2", 135, 3, "’")),
            ("🎁", Segments("UCS-2", 2, 1, "🎁")),
            ("a" * 158 + "🎁🎁", Segments("UCS-2", 162, 3, "🎁")),
            ("🎁" * 35, Segments("UCS-2", 70, 1, "🎁")),
            # 33 pairs fill 66 of 67.
            ("🎁" * 67, Segments("UCS-2", 134, 3, "🎁")),
        ],
        ids=lambda value: f"{value[:6]!r}×{len(value)}" if isinstance(value, str) else "",
    )
    def test_counts_as_the_network_does(self, text: str, segments: Segments) -> None:
        assert count_segments(text) == segments

    @given(st.text())
    def test_never_promises_more_room_than_there_is(self, text: str) -> None:
        counted = count_segments(text)
        single, each = (160, 153) if counted.encoding == "GSM-7" else (70, 67)
        room = single if counted.segments == 1 else counted.segments * each
        assert counted.characters <= room
        assert (counted.segments == 0) == (text == "")
