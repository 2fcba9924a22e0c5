from giftcards.admin import batches, cards, catalogue, offers, orders, pools, providers, sales

__all__ = ["batches", "cards", "catalogue", "offers", "orders", "pools", "providers", "sales"]
