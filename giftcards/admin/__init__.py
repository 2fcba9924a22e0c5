from giftcards.admin import batches, cards, catalogue, offers, pools

__all__ = ["batches", "cards", "catalogue", "offers", "pools"]
