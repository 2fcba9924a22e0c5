from giftcards.admin import cards, catalogue, pools

__all__ = ["cards", "catalogue", "pools"]
