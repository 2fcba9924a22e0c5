"""What is forbidden to sales of cards, and to cards outside of one."""

from typing import Final

from tests.guards.forbidden import NEW, Forbidden, copy_row, never_removed

CARD: Final = "giftcards_giftcard"
SALE: Final = "giftcards_cardsale"
_MOVES: Final = "giftcards_card_moves_by_sale"
# The world's pool becomes the platform's, and its one card in stock is sold.
SELL: Final = (
    "UPDATE giftcards_pool SET kind = 'master', client_id = NULL;"
    "SELECT giftcards_sell_cards(gen_random_uuid(), p.id, c.id, 1, 100, 'Bought', 'k', 'test',"
    " now()) FROM giftcards_pool p, credit_client c;"
)
_REVERSE: Final = "SELECT giftcards_reverse_sale(id, 'test', now()) FROM giftcards_cardsale;"
_ADD_POOL: Final = (
    "INSERT INTO giftcards_pool (id, name, brand_id, denomination_id, kind, purchase_method,"
    " low_stock_threshold, warning_percent, critical_percent, reserved)"
    " SELECT gen_random_uuid(), 'Stock', brand_id, denomination_id, 'master', 'csv_only', 20, 20,"
    " 10, false FROM giftcards_pool;"
)


def _another(**changes: str) -> str:
    """Return the statements that write a second sale like the first, paid by who knows what."""
    return SELL + copy_row(
        SALE, **{"id": NEW, "transaction_id": NEW, "idempotency_key": "'k2'", **changes}
    )


SALES: Final = [
    # The owner's functions may, so it is the application that tries.
    *(
        Forbidden(_MOVES, CARD, statements, as_application=True)
        for statements in (
            _ADD_POOL + "UPDATE giftcards_giftcard SET pool_id ="
            " (SELECT id FROM giftcards_pool WHERE kind = 'master') WHERE status = 'available'",
            "UPDATE giftcards_giftcard SET client_id = NULL WHERE status = 'available'",
            "UPDATE giftcards_giftcard SET client_id = NULL WHERE status = 'claimed'",
            "UPDATE giftcards_giftcard SET sale_id = gen_random_uuid()",
            SELL + "UPDATE giftcards_giftcard SET sale_id = NULL WHERE sale_id IS NOT NULL",
        )
    ),
    Forbidden(
        "giftcards_card_is_sold_later",
        CARD,
        copy_row(CARD, "status = 'available'", id=NEW, code_digest="'\\x0102'", sale_id=NEW),
    ),
    Forbidden(
        "giftcards_card_sold_stays",
        CARD,
        SELL + "DELETE FROM giftcards_giftcard WHERE sale_id IS NOT NULL",
    ),
    *(
        Forbidden(
            "giftcards_cardsale_is_reversed_once",
            SALE,
            f"{SELL} {reverse} UPDATE giftcards_cardsale SET {change}",
        )
        for reverse, change in (
            ("", "actor = 'x'"),
            ("", "quantity = 2, total_minor = 200"),
            (_REVERSE, "refund_id = gen_random_uuid()"),
            (_REVERSE, "reversed_at = NULL, refund_id = NULL"),
        )
    ),
    Forbidden("refuse_removal", SALE, SELL + "DELETE FROM giftcards_cardsale"),
    never_removed(SALE)[1],
    Forbidden("giftcards_cardsale_once", SALE, _another(idempotency_key="'k'")),
    Forbidden("giftcards_cardsale_sells_something", SALE, _another(quantity="0", total_minor="0")),
    Forbidden(
        "giftcards_cardsale_sells_something",
        SALE,
        _another(price_per_card_minor="0", total_minor="0"),
    ),
    Forbidden("giftcards_cardsale_total_is_quantity_times_price", SALE, _another(total_minor="99")),
    Forbidden("giftcards_cardsale_reversal_has_its_refund", SALE, _another(refund_id=NEW)),
    Forbidden("giftcards_cardsale_reversal_has_its_refund", SALE, _another(reversed_at="now()")),
]
