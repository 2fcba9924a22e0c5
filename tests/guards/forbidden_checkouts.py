"""What is forbidden to checkouts, their payments, refunds and what they owe, and to rewards."""

from typing import Final

from tests.guards.forbidden import NEW, Forbidden, copy_row
from tests.guards.forbidden_loyalty import (
    BEGUN,
    OWED,
    REFUNDED,
    REWARDED,
    SOLD,
    changes_to,
    copies_of,
    stays,
)

CHECKOUT: Final = "loyalty_checkout"
LINE: Final = "loyalty_checkoutline"
PAYMENT: Final = "loyalty_payment"
ITEM: Final = "loyalty_reconciliationitem"
REFUND: Final = "loyalty_refund"
REWARD: Final = "loyalty_reward"


_ANOTHER: Final = {"id": NEW, "order_number": "'B-1'"}
_CHECKOUTS: Final = [
    *copies_of("loyalty_checkout_order_number_unique", CHECKOUT, SOLD, {"id": NEW}),
    *copies_of(
        "loyalty_checkout_total_adds_up",
        CHECKOUT,
        SOLD,
        {**_ANOTHER, "total_minor": "t.total_minor + 1"},
    ),
    *copies_of(
        "loyalty_checkout_never_negative",
        CHECKOUT,
        SOLD,
        {**_ANOTHER, "discount_minor": "-1", "total_minor": "t.subtotal_minor + 1"},
        {**_ANOTHER, "points_redeemed": "-1"},
        {**_ANOTHER, "points_earned": "-1"},
    ),
    *copies_of(
        "loyalty_checkout_refunded_within_paid",
        CHECKOUT,
        SOLD,
        {**_ANOTHER, "refunded_minor": "t.total_minor + 1"},
        {**_ANOTHER, "refunded_minor": "-1"},
        {**_ANOTHER, "refunded_of_subtotal_minor": "t.subtotal_minor + 1"},
        {**_ANOTHER, "refunded_of_subtotal_minor": "-1"},
        {
            **_ANOTHER,
            "discount_minor": "t.subtotal_minor + 1",
            "total_minor": "-1",
        },
    ),
    *copies_of(
        "loyalty_checkout_settled_has_its_time",
        CHECKOUT,
        SOLD,
        {**_ANOTHER, "settled_at": "NULL"},
        {**_ANOTHER, "state": "'payment_unknown'"},
    ),
    *copies_of(
        "loyalty_checkout_points_have_a_state",
        CHECKOUT,
        SOLD,
        {**_ANOTHER, "loyalty": "'none'"},
        {**_ANOTHER, "loyalty": "'none'", "points_redeemed": "0"},
    ),
    *changes_to(
        "loyalty_checkout_moves_forward",
        CHECKOUT,
        SOLD,
        "state = 'payment_unknown', settled_at = NULL",
        "state = 'declined'",
        # Spent and earned a second time.
        "loyalty = 'pending'",
        "points_earned = points_earned + 1",
        "points_redeemed = 0",
        "subtotal_minor = subtotal_minor + 1, total_minor = total_minor + 1",
        "customer_id = NULL",
        "order_number = 'B-1'",
    ),
    *changes_to(
        "loyalty_checkout_moves_forward",
        CHECKOUT,
        REFUNDED,
        "state = 'completed'",
        # Refunded a second time.
        "refunded_minor = 0",
        "refunded_of_subtotal_minor = 0",
    ),
    *stays(CHECKOUT, SOLD),
    *copies_of(
        "loyalty_checkoutline_position_unique",
        LINE,
        SOLD,
        {"id": "t.id + 1"},
    ),
    *changes_to(
        "loyalty_checkoutline_refunded_within_quantity",
        LINE,
        SOLD,
        "refunded = quantity + 1",
        "quantity = 0",
    ),
    *stays(LINE, SOLD),
]

_OTHER: Final = {"id": NEW, "checkout_id": NEW}
_BY_CARD: Final = copy_row(
    PAYMENT,
    "gateway = 'manual'",
    **_OTHER,
    gateway="'stripe'",
    gateway_reference="'pi_1'",
)
_PAYMENTS: Final = [
    *copies_of(
        "loyalty_payment_amount_never_negative", PAYMENT, SOLD, {**_OTHER, "amount_minor": "-1"}
    ),
    *changes_to("loyalty_payment_settled_has_its_time", PAYMENT, BEGUN, "state = 'approved'"),
    *changes_to("loyalty_payment_settled_has_its_time", PAYMENT, BEGUN, "settled_at = now()"),
    Forbidden("loyalty_payment_reference_unique", PAYMENT, f"{SOLD} {_BY_CARD}; {_BY_CARD}"),
    *changes_to(
        "loyalty_payment_is_settled_once",
        PAYMENT,
        SOLD,
        "state = 'declined'",
        "state = 'unknown', settled_at = NULL",
        "gateway_reference = 'slip-2'",
    ),
    *changes_to(
        "loyalty_payment_is_settled_once", PAYMENT, BEGUN, "amount_minor = 1", "gateway = 'x'"
    ),
    *stays(PAYMENT, SOLD),
]

_RESOLVED: Final = OWED + f"SELECT loyalty_resolve_item(id, 'Gone', 'test', now()) FROM {ITEM};"
_TO_BE_GIVEN: Final = copy_row(REFUND, id=NEW, state="'pending'", next_attempt_at="now()")
_ITEMS: Final = [
    *changes_to(
        "loyalty_reconciliation_resolved_has_its_time",
        ITEM,
        OWED,
        "resolved = true",
        "resolved_at = now()",
    ),
    *changes_to(
        "loyalty_reconciliation_is_resolved_once",
        ITEM,
        OWED,
        "points_earned = points_earned + 1",
        "checkout_id = gen_random_uuid()",
    ),
    *changes_to(
        "loyalty_reconciliation_is_resolved_once",
        ITEM,
        _RESOLVED,
        "resolved = false, resolved_at = NULL",
        "resolution_note = 'x'",
        "resolution_note = '', resolved_by = 'x'",
    ),
    *stays(ITEM, OWED),
    *copies_of(
        "loyalty_refund_never_negative",
        REFUND,
        REFUNDED,
        {"id": NEW, "amount_minor": "-1"},
        {"id": NEW, "of_subtotal_minor": "0"},
        {"id": NEW, "points_taken_back": "-1"},
        {"id": NEW, "points_returned": "-1"},
        {"id": NEW, "shortfall_points": "-1"},
    ),
    *changes_to(
        "loyalty_refund_moves_forward",
        REFUND,
        REFUNDED,
        # Given a second time.
        "state = 'pending', next_attempt_at = now()",
        "state = 'failed'",
        "gateway_reference = 're_2'",
        "reason = 'x'",
        "reason = '', error = 'x'",
    ),
    *changes_to(
        "loyalty_refund_moves_forward",
        REFUND,
        f"{REFUNDED} {_TO_BE_GIVEN};",
        "amount_minor = amount_minor + 1 WHERE state = 'pending'",
        "reason = 'x' WHERE state = 'pending'",
    ),
    *stays(REFUND, REFUNDED),
]

_FAILED: Final = {
    "id": NEW,
    "card_id": "NULL",
    "transaction_id": "NULL",
    "state": "'failed'",
    "reveal_digest": "NULL",
}
_REWARDS: Final = [
    *copies_of(
        "loyalty_reward_link_unique",
        REWARD,
        REWARDED,
        {**_FAILED, "reveal_digest": "t.reveal_digest"},
    ),
    *copies_of(
        "loyalty_reward_worth_something",
        REWARD,
        REWARDED,
        {**_FAILED, "points": "0"},
        {**_FAILED, "face_value_minor": "0"},
    ),
    *copies_of(
        "loyalty_reward_issued_has_its_card",
        REWARD,
        REWARDED,
        {**_FAILED, "state": "'issued'"},
        {**_FAILED, "state": "'provisioning'", "card_id": NEW},
    ),
    *changes_to("loyalty_reward_issued_has_its_card", REWARD, REWARDED, "issued_at = NULL"),
    *changes_to(
        "loyalty_reward_moves_forward",
        REWARD,
        REWARDED,
        # The points would be free again, with the card given.
        "state = 'failed', card_id = NULL",
        "state = 'provisioning', card_id = NULL",
        "card_id = gen_random_uuid()",
        "points = points - 1",
        "face_value_minor = face_value_minor + 1",
    ),
    *stays(REWARD, REWARDED),
]

CHECKOUTS: Final = [*_CHECKOUTS, *_PAYMENTS, *_ITEMS, *_REWARDS]
