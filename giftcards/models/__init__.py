from giftcards.models.card import CardBatch, CardEvent, GiftCard, StagedCard
from giftcards.models.catalogue import Brand, Denomination
from giftcards.models.offer import AgencyBrand, AgencyPrice, ClientBrand, ClientDenomination
from giftcards.models.order import ProviderOrder, ProviderOrderEvent
from giftcards.models.pool import Pool
from giftcards.models.provider import ProviderBrand, ProviderCircuit, ProviderFloat
from giftcards.models.sale import CardSale
from giftcards.models.upload import UploadJob

__all__ = [
    "AgencyBrand",
    "AgencyPrice",
    "Brand",
    "CardBatch",
    "CardEvent",
    "CardSale",
    "ClientBrand",
    "ClientDenomination",
    "Denomination",
    "GiftCard",
    "Pool",
    "ProviderBrand",
    "ProviderCircuit",
    "ProviderFloat",
    "ProviderOrder",
    "ProviderOrderEvent",
    "StagedCard",
    "UploadJob",
]
