from giftcards.models.card import CardBatch, CardEvent, GiftCard, StagedCard
from giftcards.models.catalogue import Brand, Denomination
from giftcards.models.pool import Pool

__all__ = ["Brand", "CardBatch", "CardEvent", "Denomination", "GiftCard", "Pool", "StagedCard"]
