"""Files of cards as people and villains send them, for every door that takes one."""

from __future__ import annotations

import codecs
from typing import Final

from alerts.services.imports import SPREADSHEET_HINT

SAVE_AS_HINT: Final = 'In the spreadsheet, choose "Save as" and "CSV UTF-8".'
CODE_HINT: Final = "A code looks like 8 to 40 letters, digits and dashes."

# Each is one card: 00123456 with the PIN 0042, good until the end of 2031.
GOOD_FILES: Final = [
    "\ufeffCode;PIN;Expires on\r\n 00123456 ;0042;12/2031\r\n".encode(),
    b"sep=\t\ncode\tpin\texpires-on\n00123456\t0042\t12/31\n",
    "code,pin,expires_on\n00123456,0042,2031-12-31\n".encode("utf-16"),
    b"code;pin;expires_on\n00123456;0042;31.12.2031\n",
    b'"CODE","note","pin","expires_on"\n"00123456","paid, ok","0042","2031-12-31"\n\n',
    # Line ends of old Macs, a last line without one, and UTF-16 the other way round.
    b"code,pin,expires_on\r00123456,0042,2031-12-31",
    codecs.BOM_UTF16_BE + "code\tpin\texpires_on\n00123456\t0042\t31.12.2031\n".encode("utf-16-be"),
]

# A row of code,pin,number,expires_on and what is said of it, by field.
BAD_ROWS: Final[list[tuple[str, list[tuple[str, str]]]]] = [
    ("1.23E+15,,,", [("code", SPREADSHEET_HINT)]),
    ("SHORT,,,", [("code", CODE_HINT)]),
    (",1234,,", [("code", "The code is missing.")]),
    ("GIFT_0001_AAAA,,,", [("code", CODE_HINT)]),
    ("GÏFT-0001-AAAA,,,", [("code", CODE_HINT)]),
    ("--------------,,,", [("code", CODE_HINT)]),
    ("=HYPERLINK(0),,,", [("code", CODE_HINT)]),
    ("GIFT-0001-AAAA,1.2E+7,,", [("pin", SPREADSHEET_HINT)]),
    (
        "GIFT-0001-AAAA,12 34,,",
        [("pin", "A PIN has 1 to 20 letters, digits and dashes.")],
    ),
    ("GIFT-0001-AAAA,,6.00649E+15,", [("number", SPREADSHEET_HINT)]),
    (
        "GIFT-0001-AAAA,,n/a,",
        [("number", "A card number has 4 to 40 letters, digits, dashes and spaces.")],
    ),
    (
        "GIFT-0001-AAAA,,,2026-03-02",
        [("expires_on", "The date of expiry must be in the future.")],
    ),
    ("GIFT-0001-AAAA,,,2027-02-30", [("expires_on", "This date does not exist.")]),
    ("GIFT-0001-AAAA,,,13/2027", [("expires_on", "This date does not exist.")]),
    (
        "GIFT-0001-AAAA,,,3/4/2027",
        [
            (
                "expires_on",
                "Write the date as year-month-day, such as 2031-12-31, or as month/year.",
            )
        ],
    ),
    ("GIFT-0001-AAAA,,", [("", "Cells in this row: 3; columns: 4.")]),
    ('"GIFT-0001"-AAAA,,,', [("", "A quotation mark is out of place in this row.")]),
    (
        "SHORT,12 34,,1999-01-01",
        [
            ("code", CODE_HINT),
            ("pin", "A PIN has 1 to 20 letters, digits and dashes."),
            ("expires_on", "The date of expiry must be in the future."),
        ],
    ),
]

# What is no file of cards, and what is said of it.
BAD_FILES: Final = [
    (b"", "The file is empty."),
    (b"code\n", "The file has no rows."),
    (b"code\n\n\n", "The file has no rows."),
    (
        b"GIFT-0001-AAAA\nGIFT-0002-BBBB\n",
        'The column "code" is missing. Is the first line a header?',
    ),
    (
        b"PK\x03\x04rest",
        f"This is a spreadsheet or an archive, not CSV. {SAVE_AS_HINT}",
    ),
    (
        b"code\n" + b"GIFT-0001-AAAA\n" * 5 + b"GIFT-\xff\xfe-0002\n",
        f"Line 7 has unreadable characters. {SAVE_AS_HINT}",
    ),
    # Latin-1, and bad in its very last row.
    (
        b"code,note\n"
        + b"GIFT-0001-AAAA,\n" * 3
        + "GIFT-0002-BBBB,Gr\u00fc\u00dfe\n".encode("latin-1"),
        f"Line 5 has unreadable characters. {SAVE_AS_HINT}",
    ),
    (b"code\nGIFT-0001-AAAA\nGIFT\0-0002-BBBB\n", f"Line 3 is not text. {SAVE_AS_HINT}"),
    # UTF-16 that does not say so.
    ("code\nGIFT-0001-AAAA\n".encode("utf-16-le"), f"Line 1 is not text. {SAVE_AS_HINT}"),
    (b"code,code\nGIFT-0001-AAAA,x\n", 'The column "code" is there 2 times.'),
    (
        b"code\n" + b"A" * 5_000_000,
        "The row that begins on line 2 is longer than 64 kB. Is a quotation mark left open?",
    ),
    (
        b'code\n"GIFT-0001-AAAA\n' + b"GIFT-0002-BBBB\n" * 9_000,
        "The row that begins on line 2 is longer than 64 kB. Is a quotation mark left open?",
    ),
]
