from __future__ import annotations

from collections.abc import Iterator

import pytest

from giftcards.models import GiftCard
from giftcards.services import card_staging


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a few rows go through as many parts and transactions as many do."""
    monkeypatch.setattr(card_staging, "_PART_ROWS", 2)
    monkeypatch.setattr("giftcards.services.receiving._ROWS_A_TRANSACTION", 2)


@pytest.fixture
def no_card_without_a_batch() -> Iterator[None]:
    """Whatever happened: a card that is there belongs to an import that says so."""
    yield
    strays = GiftCard.objects.filter(source="upload").exclude(batch__state="imported")
    assert not strays.filter(batch__isnull=False).exists()
