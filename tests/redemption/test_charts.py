from __future__ import annotations

import pytest

from redemption.dashboard.charts import HEIGHT, WIDTH, draw_bars


class TestDrawBars:
    def test_makes_heights_proportional_and_keeps_them_in_the_picture(self) -> None:
        chart = draw_bars([("a", 0), ("b", 5), ("c", 10)], tick_every=1)
        heights = [bar.height for bar in chart.bars]
        assert heights[0] == 0
        assert heights[2] == pytest.approx(2 * heights[1], abs=0.2)
        assert all(0 <= bar.y <= chart.axis_y <= HEIGHT for bar in chart.bars)
        assert all(bar.x + bar.width <= WIDTH for bar in chart.bars)
        assert chart.total == 15

    @pytest.mark.parametrize(
        ("largest", "labels"),
        [
            (0, ["0", "1"]),
            (1, ["0", "1"]),
            (4, ["0", "1", "2", "3", "4"]),
            (7, ["0", "2", "4", "6", "8"]),
            (34_000, ["0", "10,000", "20,000", "30,000", "40,000"]),
        ],
    )
    def test_labels_its_scale_in_round_steps(self, largest: int, labels: list[str]) -> None:
        chart = draw_bars([("a", largest)], tick_every=1)
        assert [line.label for line in chart.lines] == labels

    def test_counts_ticks_backwards_from_the_last_bar(self) -> None:
        chart = draw_bars([(str(number), 1) for number in range(10)], tick_every=4)
        assert [bar.tick for bar in chart.bars if bar.tick] == ["1", "5", "9"]

    def test_draws_nothing_of_nothing(self) -> None:
        assert draw_bars([], tick_every=7).bars == ()
