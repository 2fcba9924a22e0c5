"""What strangers write into their names, and what becomes of it in a text, an e-mail, its head."""

from __future__ import annotations

import unicodedata
from email import message_from_bytes
from email.message import EmailMessage

import pytest
from django.core.mail import EmailMessage as Mail
from django.template.defaultfilters import urlize
from hypothesis import given
from hypothesis import strategies as st

from sms.emulator.segments import count_segments as count_as_the_emulator
from sms.merge import (
    NAME_LENGTH,
    TAGS,
    clean_name,
    clean_text,
    count_segments,
    describe_character,
    drop_accents,
    find_tags,
    make_plain,
    merge_tags,
)
from sms.services.letters import write_html
from sms.services.parties import RenderedText
from sms.services.previews import merge_subject

SECRET = "GIFT-7777-SECRET"
# Letters that hostile names are made of, so that a thousand tries are not a thousand times noise.
hostile = st.text(
    st.one_of(
        st.sampled_from("{}code_ .:/\\@<>&\"'\r\n\t\0\x1b\x7f\x85\u2028\u200b\u200d\u202e\u2066"),
        st.sampled_from("\ufeff\u061c\u00ad\u0301\u20e3🌈👩\ud800\U000e0041אنé。．a1"),
        st.characters(),
    ),
    max_size=120,
)


class TestCleanName:
    @pytest.mark.parametrize(
        ("typed", "shown"),
        [
            ("Ana", "Ana"),
            ("J.R. Smith", "J.R. Smith"),
            ("St.John", "St. John"),
            ("O'Neil-García", "O'Neil-García"),
            ("  Ana \r\n Bcc: x ", "Ana Bcc: x"),
            ("https://evil.example/win", "evil. example/win"),
            ("hTTp:\\\\evil.example", "evil. example"),
            ("www.evil.example", "www. evil. example"),
            ("evil.\u200bexample", "evil. example"),
            ("evil.\u200dexample", "evil. \u200dexample"),
            ("evil。example", "evil。 example"),
            ("10.0.0.1", "10. 0. 0. 1"),
            ("ana@evil.example", "ana@evil. example"),
            ("\u202egnp.exe", "gnp. exe"),
            ("Jose\u0301", "José"),
            ("Z" + "\u0316" * 50, "Z" + "\u0316" * 4),
            ("\u200d\u3164\u200b\x00", ""),
            ("🏴\U000e0067\U000e007f A\U000e0041na", "🏴\U000e0067\U000e007f Ana"),
            ("علی\u200cرضا", "علی\u200cرضا"),
            ("x" * 200, "x" * NAME_LENGTH),
        ],
    )
    def test_keeps_names_and_takes_addresses_apart(self, typed: str, shown: str) -> None:
        assert clean_name(typed) == shown

    @given(hostile)
    def test_leaves_nothing_that_could_be_tapped_or_turned(self, typed: str) -> None:
        name = clean_name(typed)
        assert len(name) <= NAME_LENGTH
        assert "<a " not in urlize(name, autoescape=True)
        assert "://" not in name
        unseen = {"Cc", "Cs", "Zl", "Zp"}
        assert not [c for c in name if unicodedata.category(c) in unseen or c in "\u202e\u2066"]

    @given(hostile)
    def test_changes_nothing_the_second_time(self, typed: str) -> None:
        assert clean_text(clean_text(typed)) == clean_text(typed)


class TestMergeTags:
    @given(hostile, hostile, st.sampled_from([name for name in TAGS if name != "code"]))
    def test_never_brings_in_what_the_template_does_not_ask_for(
        self, first: str, other: str, tag: str
    ) -> None:
        values = {"first_name": first, "last_name": first[::-1], tag: other, "code": SECRET}
        body = f"{{{{first_name}}}}{{{{last_name}}}}{{{{{tag}}}}} {{{{ first_name }}}}"
        assert SECRET not in merge_tags(body, values)

    @given(hostile)
    def test_never_makes_another_line(self, name: str) -> None:
        assert merge_tags("Hi {{first_name}} {{brand}}", {"first_name": name, "brand": name}).count(
            "\n"
        ) == 0  # fmt: skip

    @pytest.mark.parametrize(
        ("body", "values", "merged"),
        [
            ("Hi {{first_name}}, welcome", {}, "Hi, welcome"),
            ("Hi {{first_name}} {{last_name}}, welcome", {"last_name": "S"}, "Hi S, welcome"),
            ("Hi {{first_name}} {{last_name}}!", {"first_name": "A"}, "Hi A!"),
            ("{{first_name}}, welcome", {}, "welcome"),
            ("{{first_name}} {{last_name}}: hi", {"last_name": "S"}, "S: hi"),
            ("A\n{{first_name}} hi {{first_name}} ho", {}, "A\nhi ho"),
            ("Hi {{first_name}}", {"first_name": "\u200b"}, "Hi"),
        ],
    )
    def test_greets_nobody_by_an_empty_name(
        self, body: str, values: dict[str, str], merged: str
    ) -> None:
        assert merge_tags(body, values) == merged


class TestInAnEmail:
    @given(hostile)
    def test_is_escaped_and_makes_no_link(self, name: str) -> None:
        body = merge_tags("Hi {{first_name}}\n\nBye {{brand}}", {"first_name": name, "brand": name})
        html = write_html(RenderedText(body=body, preview=""), locale="en")
        empty = write_html(RenderedText(body="Hi\n\nBye", preview=""), locale="en")
        first = html.split("Bye")[0]
        assert first.count("<") == empty.split("Bye")[0].count("<")

    @given(hostile)
    def test_adds_no_header(self, name: str) -> None:
        subject = merge_subject(
            "A card for {{first_name}} by {{brand}}", {"first_name": name, "brand": name}
        )
        assert len(subject.splitlines()) == 1
        sent = Mail(subject=subject, body="x", from_email="a@x.example", to=["b@x.example"])
        heads: EmailMessage = message_from_bytes(sent.message().as_bytes(), EmailMessage)
        assert heads["Bcc"] is None
        assert len(heads.get_all("Subject", [])) == 1


class TestCountSegments:
    @given(
        st.text(
            st.one_of(
                st.sampled_from("aZ €^[]~\\|\n@ñáí’🎁👩\u200d"), st.characters(codec="utf-8")
            ),
            min_size=1,
            max_size=700,
        )
    )
    def test_is_what_the_provider_bills(self, text: str) -> None:
        assert count_segments(text).segments == count_as_the_emulator(text)

    @given(st.text(st.sampled_from("aé€🎁👩🏽"), min_size=1, max_size=400))
    def test_cuts_no_character_in_two(self, text: str) -> None:
        counted = count_segments(text)
        is_wide = counted.encoding == "UCS-2"
        single, each = (70, 67) if is_wide else (160, 153)
        units = [len(one.encode("utf-16-be")) // 2 if is_wide else 1 + (one == "€") for one in text]
        # Filled one by one, as 3GPP TS 23.040 joins messages.
        filled = [0]
        for unit in units:
            if filled[-1] + unit > each:
                filled.append(0)
            filled[-1] += unit
        assert counted.segments == (1 if sum(units) <= single else len(filled))
        assert counted.characters == sum(units)


class TestPlainWords:
    def test_offers_plain_characters(self) -> None:
        assert make_plain("“It’s” – here…\u00a0•") == '"It\'s" - here... *'
        assert drop_accents("aquí está él, señor 李") == "aqui esta él, señor 李"
        assert count_segments(make_plain("“It’s” – here…")).encoding == "GSM-7"

    @pytest.mark.parametrize(
        ("character", "name", "instead"),
        [
            ("’", "right single quotation mark", "'"),
            ("á", "latin small letter a with acute", "a"),
            ("🎁", "wrapped present", ""),
            ("\ue000", "U+E000", ""),
        ],
    )
    def test_names_what_costs(self, character: str, name: str, instead: str) -> None:
        told = describe_character(character)
        assert (told.name, told.instead) == (name.lower() if name[1] != "+" else name, instead)

    def test_finds_the_tags(self) -> None:
        assert find_tags("{{ code }} {{frist}} {{") == {"code", "{{frist}}", "{{"}
