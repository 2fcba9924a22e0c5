"""What is forbidden to redemptions whose card is being bought, and to the orders for them."""

from typing import Final

from tests.guards.forbidden import NEW, NOW_CHECK, Forbidden, copy_row
from tests.guards.forbidden_orders import ORDER, PLACE
from tests.guards.forbidden_rewards import REDEMPTION


def _another(state: str) -> str:
    """Return the statement that adds a redemption of the second recipient, with nothing taken."""
    nothing = dict.fromkeys(
        ("card_id", "transaction_id", "charged_minor", "cost_minor", "issued_at"), "NULL"
    )
    recipient = (
        "(SELECT id FROM redemption_recipient WHERE id NOT IN"
        " (SELECT recipient_id FROM redemption_redemption) LIMIT 1)"
    )
    return copy_row(REDEMPTION, id=NEW, recipient_id=recipient, state=f"'{state}'", **nothing)


_ORDER_FOR_WHO_WAITS: Final = PLACE.replace(
    "'parcel', gen_random_uuid()",
    "'redemption', (SELECT id FROM redemption_redemption WHERE state = 'waiting_stock')",
)
_PREPARE: Final = (
    "UPDATE redemption_redemption SET state = '{}' WHERE state = 'waiting_stock'" + NOW_CHECK
)

PREPARATIONS: Final = [
    *(
        Forbidden("redemption_begins_with_its_order", REDEMPTION, _another(state) + NOW_CHECK)
        for state in ("provisioning", "unconfirmed")
    ),
    *(
        Forbidden(
            "redemption_fits_its_order",
            REDEMPTION,
            f"{_another('waiting_stock')}; {_PREPARE.format(state)}",
        )
        for state in ("provisioning", "unconfirmed")
    ),
    Forbidden(
        "redemption_order_fits_its_holder",
        ORDER,
        f"{_another('waiting_stock')}; {_ORDER_FOR_WHO_WAITS}" + NOW_CHECK[1:],
    ),
]
