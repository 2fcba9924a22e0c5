from giftcards.admin import cards, catalogue, offers, pools

__all__ = ["cards", "catalogue", "offers", "pools"]
