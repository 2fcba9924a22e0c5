"""What a till can scan: read back here by the tables of the standard, not by who drew it."""

from __future__ import annotations

import re

import pytest

from redemption.views.barcodes import bar_widths, draw_scannable

# ISO/IEC 15417: the widths of bars and gaps of a few symbols of set B, and of start and stop.
START_B, STOP = [2, 1, 1, 2, 1, 4], [2, 3, 3, 1, 1, 1, 2]
P, J = [3, 1, 3, 1, 2, 1], [1, 1, 2, 1, 3, 3]


class TestBarWidths:
    def test_are_those_of_the_standard(self) -> None:
        # The standard's own example: start B, P, J, J, 1, 2, 3, C, check symbol 54, stop.
        widths = bar_widths("PJJ123C")
        symbols = [widths[at : at + 6] for at in range(0, len(widths) - 7, 6)]
        assert symbols[:4] == [START_B, P, J, J]
        assert widths[-7:] == STOP
        assert all(sum(symbol) == 11 for symbol in symbols)

    @pytest.mark.parametrize("code", ["GIFT-0123", "1234567890123456", "abc def", "A" * 30])
    def test_begin_and_end_with_a_bar(self, code: str) -> None:
        assert len(bar_widths(code)) % 2 == 1
        assert bar_widths(code)[-7:] == STOP


class TestDrawScannable:
    def test_has_white_beside_the_bars(self) -> None:
        drawn = draw_scannable("PJJ123C", kind="code128")
        assert drawn.kind == "code128"
        box = re.search(r'viewBox="0 0 (\d+) 50"', drawn.svg)
        bars = [(int(x), int(width)) for x, width in re.findall(r"M(\d+) 0h(\d+)v", drawn.svg)]
        assert box is not None
        assert bars[0][0] == 10
        assert int(box[1]) - sum(bars[-1]) == 10
        assert [width for _, width in bars] == bar_widths("PJJ123C")[::2]

    @pytest.mark.parametrize(
        ("code", "kind", "drawn"),
        [
            ("GIFT-1", "qr", "qr"),
            ("GIFT-1", "code128", "code128"),
            ("GIFT-1", "none", ""),
            ("", "qr", ""),
            ("1" * 31, "code128", "qr"),
            ("GÜLTIG", "code128", "qr"),
        ],
    )
    def test_draws_what_the_tills_read(self, code: str, kind: str, drawn: str) -> None:
        assert draw_scannable(code, kind=kind).kind == drawn

    def test_prints_no_markup_of_a_code(self) -> None:
        for kind in ("qr", "code128"):
            assert "script" not in draw_scannable("<script>", kind=kind).svg
