from giftcards.admin import batches, cards, catalogue, offers, pools, sales

__all__ = ["batches", "cards", "catalogue", "offers", "pools", "sales"]
