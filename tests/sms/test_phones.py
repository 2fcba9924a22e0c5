from __future__ import annotations

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from sms.phones import PhoneError, mask_email, mask_phone, parse_phone

IN_DIGITS = "Enter the number in digits, such as +1 202 555 0143."
MISSING = "This number doesn't exist. Please check each digit."


class TestParsePhone:
    @pytest.mark.parametrize(
        ("text", "e164"),
        [
            ("(202) 555-0143", "+12025550143"),
            ("202.555.0143", "+12025550143"),
            ("+1 202 555 0143", "+12025550143"),
            ("1-202-555-0143", "+12025550143"),
            ("２０２５５５０１４３", "+12025550143"),
            ("＋１ ２０２ ５５５ ０１４３", "+12025550143"),
            ("202\u2013555\u20110143", "+12025550143"),
            ("\u202a+1\u00a0202\u202f555 0143\u202c", "+12025550143"),
            ("+44 20 7946 0958", "+442079460958"),
            ("011 44 20 7946 0958", "+442079460958"),
            ("+39 06 698 12345", "+390669812345"),
        ],
    )
    def test_stores_one_form_of_all(self, text: str, e164: str) -> None:
        assert parse_phone(text, region="US") == e164

    def test_takes_the_country_from_the_region(self) -> None:
        assert parse_phone("020 7946 0958", region="GB") == "+442079460958"

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "Enter a mobile number."),
            (" \u200b ", "Enter a mobile number."),
            ("1" * 41, "This is too long for a mobile number."),
            ("abc", IN_DIGITS),
            ("call me at 2025550143", IN_DIGITS),
            ("1-800-FLOWERS", IN_DIGITS),
            ("2025550143\x00", IN_DIGITS),
            ("12", MISSING),
            ("202-555-014", MISSING),
            ("+1 202 555 01434", MISSING),
            ("555-1234", MISSING),
            ("(555) 123-4567", MISSING),
            ("911", MISSING),
            (
                "+999 12345678",
                "Start the number with + and a country code, such as +1 202 555 0143.",
            ),
            ("202-555-0143 ext. 5", "Leave out the extension: a text can't be sent to one."),
            ("202-555-0143 x5", "Leave out the extension: a text can't be sent to one."),
            ("+12025550143;ext=5", "Leave out the extension: a text can't be sent to one."),
            ("900-555-0143", "This kind of number can't get texts. Enter a mobile number."),
        ],
    )
    def test_refuses_with_a_sentence(self, text: str, sentence: str) -> None:
        with pytest.raises(PhoneError) as caught:
            parse_phone(text, region="US")
        assert str(caught.value) == sentence

    @pytest.mark.parametrize(
        ("text", "e164"), [("555-1234", "+15551234"), ("(555) 123-4567", "+15551234567")]
    )
    def test_takes_made_up_numbers_only_when_told(self, text: str, e164: str) -> None:
        assert parse_phone(text, region="US", allow_possible=True) == e164

    def test_refuses_impossible_numbers_even_then(self) -> None:
        with pytest.raises(PhoneError, match="doesn't exist"):
            parse_phone("911", region="US", allow_possible=True)

    def test_speaks_the_language_of_the_page(self) -> None:
        with translation.override("es"), pytest.raises(PhoneError):
            parse_phone("abc", region="US")

    @given(st.text() | st.text("0123456789 +-()x;ext=", max_size=20))
    def test_returns_digits_or_refuses_whatever_is_typed(self, text: str) -> None:
        try:
            e164 = parse_phone(text, region="US", allow_possible=True)
        except PhoneError:
            return
        assert e164.startswith("+")
        assert e164[1:].isdecimal()
        assert e164.isascii()
        assert parse_phone(e164, region="DE", allow_possible=True) == e164


class TestMaskPhone:
    @pytest.mark.parametrize(
        ("phone", "masked"),
        [("+12025550143", "•••0143"), ("+4512345", "•••2345"), ("+12345", "•••45"), ("", "•••")],
    )
    def test_shows_the_end(self, phone: str, masked: str) -> None:
        assert mask_phone(phone) == masked


class TestMaskEmail:
    @pytest.mark.parametrize(
        ("address", "masked"),
        [
            ("jane.doe@example.com", "j•••@e•••.com"),
            ("a@b.co", "•••@•••.co"),
            ("jane@mail.example.co.uk", "j•••@m•••.uk"),
            ("jane@localhost", "j•••@•••"),
            ("no address", "•••@•••"),
            ("", "•••@•••"),
        ],
    )
    def test_shows_the_first_letters_and_the_end(self, address: str, masked: str) -> None:
        assert mask_email(address) == masked
