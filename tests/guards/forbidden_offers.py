"""What is forbidden to an agency's terms and a client's choice."""

from typing import Final

from tests.guards.forbidden import Forbidden

AGENCY_BRAND: Final = "giftcards_agencybrand"
AGENCY_PRICE: Final = "giftcards_agencyprice"
_ADD_TERMS: Final = (
    "INSERT INTO giftcards_agencybrand (agency_id, brand_id, is_offered, markup_basis_points)"
    " SELECT a.id, b.id, true, {} FROM credit_agency a, giftcards_brand b LIMIT 1;"
)
_ADD_PRICE: Final = (
    "INSERT INTO giftcards_agencyprice (agency_id, denomination_id, price_minor)"
    " SELECT a.id, d.id, {} FROM credit_agency a, giftcards_denomination d LIMIT 1;"
)
_ADD_CLIENT_BRAND: Final = (
    "INSERT INTO giftcards_clientbrand (client_id, brand_id, is_offered)"
    " SELECT c.id, b.id, false FROM credit_client c, giftcards_brand b LIMIT 1;"
)
_ADD_CLIENT_VALUE: Final = (
    "INSERT INTO giftcards_clientdenomination (client_id, denomination_id, is_offered)"
    " SELECT c.id, d.id, false FROM credit_client c, giftcards_denomination d LIMIT 1;"
)

OFFERS: Final = [
    Forbidden("giftcards_agencybrand_once_each", AGENCY_BRAND, _ADD_TERMS.format(100) * 2),
    Forbidden(
        "giftcards_agencybrand_markup_within_1000_percent",
        AGENCY_BRAND,
        _ADD_TERMS.format(100_001),
    ),
    Forbidden("giftcards_agencyprice_once_each", AGENCY_PRICE, _ADD_PRICE.format(1) * 2),
    Forbidden("giftcards_agencyprice_positive", AGENCY_PRICE, _ADD_PRICE.format(0)),
    Forbidden("giftcards_clientbrand_once_each", "giftcards_clientbrand", _ADD_CLIENT_BRAND * 2),
    Forbidden(
        "giftcards_clientdenomination_once_each",
        "giftcards_clientdenomination",
        _ADD_CLIENT_VALUE * 2,
    ),
]
