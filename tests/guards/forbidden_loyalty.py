"""What is forbidden to points, checkouts and what belongs to them.

The rows are made by use, within each case: a shop, somebody with points, an order that was paid, in
part refunded, a gift card for points, and an order whose points are owed.
"""

from typing import Final

from tests.guards.forbidden import NEW, Forbidden, copy_row, never_removed

PROGRAM: Final = "loyalty_loyaltyprogram"
TIER: Final = "loyalty_tier"
CUSTOMER: Final = "loyalty_customer"
POINTS: Final = "loyalty_loyaltytransaction"
ARTICLE: Final = "loyalty_stockitem"
SESSION: Final = "loyalty_registersession"
ERASURE: Final = "loyalty_customererasure"

# A point is worth a cent, and is earned for each dollar.
SHOP: Final = f"""
    INSERT INTO {PROGRAM} (id, client_id, currency, minor_per_unit, points_per_currency_unit,
        point_value_minor, minimum_redemption, expiry_months, is_enabled)
    SELECT gen_random_uuid(), id, 'USD', 100, 1, 1, 1, 0, true FROM credit_client;
    INSERT INTO {TIER} (program_id, client_id, name, from_lifetime_points, earn_multiplier)
    SELECT id, client_id, 'Gold', 100, 1.5 FROM {PROGRAM};
    INSERT INTO {ARTICLE} (id, client_id, sku, name, price_minor, currency, on_hand, is_active)
    SELECT gen_random_uuid(), id, 'MUG', 'Mug', 1200, 'USD', 10, true FROM credit_client;
    INSERT INTO {SESSION} (id, client_id, register, currency, opened_at, opened_by)
    SELECT gen_random_uuid(), id, 'Till 1', 'USD', now(), 'test' FROM credit_client;
    INSERT INTO {CUSTOMER} (id, client_id, phone)
    SELECT gen_random_uuid(), id, '+12025550123' FROM credit_client;
    SELECT loyalty_adjust_points(client_id, id, 5000, gen_random_uuid(), 'To begin with', 'test',
        now()) FROM {CUSTOMER};
"""


def begin(checkout_id: str, number: str, points: int) -> str:
    """Return the statement that begins a checkout of three mugs, for 36.00."""
    return (
        f"SELECT loyalty_begin_checkout({checkout_id}, c.client_id, c.id, s.id, '{number}',"
        f" ARRAY['MUG'], ARRAY[3], {points}, 'manual', gen_random_uuid(), NULL, 'test', '', NULL,"
        f" NULL, NULL, now()) FROM {CUSTOMER} c, {SESSION} s;"
    )


SOLD: Final = SHOP + (
    "SELECT loyalty_check_out(gen_random_uuid(), c.client_id, c.id, s.id, 'A-1', ARRAY['MUG'],"
    " ARRAY[1], 200, 'manual', gen_random_uuid(), 'approved', 1000, 'slip-1', 'test', '', NULL,"
    f" NULL, NULL, now()) FROM {CUSTOMER} c, {SESSION} s;"
)
REFUNDED: Final = SOLD + (
    "SELECT loyalty_refund_checkout(gen_random_uuid(), client_id, id, 500, NULL, NULL, 'Cracked',"
    " 'test', '', now()) FROM loyalty_checkout;"
)
REWARDED: Final = SHOP + (
    "SELECT loyalty_take_reward(gen_random_uuid(), c.client_id, c.id, d.id, 'none', '', 'en',"
    " false, NULL, '\\x0102', now(), ARRAY[]::text[], 'test', '', NULL, NULL, NULL, now())"
    f" FROM {CUSTOMER} c, giftcards_denomination d;"
)
FORGOTTEN: Final = SHOP + f"SELECT loyalty_forget_customer(id, ARRAY['x'], now()) FROM {CUSTOMER};"
BEGUN: Final = SHOP + begin(NEW, "A-2", 3000)
# What it earns was earned already: so its points can't be posted, and are owed.
_OWED_ID: Final = "'00000000-0000-4000-8000-000000000001'"
OWED: Final = SHOP + begin(_OWED_ID, "A-3", 100) + (
    f"SELECT loyalty_post_points(id, 1, 'earned', 'order', {_OWED_ID}, '', 'test', now())"
    f" FROM {CUSTOMER};"
    f"SELECT loyalty_finish_checkout({_OWED_ID}, 'approved', '', '', 0, now());"
)  # fmt: skip


def changes_to(guard: str, table: str, before: str, *changes: str) -> list[Forbidden]:
    """Return what is forbidden to the one row that ``before`` leaves in a table."""
    return [Forbidden(guard, table, f"{before} UPDATE {table} SET {change}") for change in changes]


def stays(table: str, before: str) -> list[Forbidden]:
    """Return what is forbidden of rows that are never removed."""
    return [
        Forbidden("refuse_removal", table, f"{before} DELETE FROM {table}"),
        never_removed(table)[-1],
    ]


def copies_of(guard: str, table: str, before: str, *copies: dict[str, str]) -> list[Forbidden]:
    """Return what is forbidden to a second row like the one that ``before`` leaves."""
    return [Forbidden(guard, table, before + copy_row(table, **changes)) for changes in copies]


PROGRAMS: Final = [
    *changes_to(
        "loyalty_program_earning_never_negative", PROGRAM, SHOP, "points_per_currency_unit = -1"
    ),
    *changes_to("loyalty_program_point_worth_something", PROGRAM, SHOP, "point_value_minor = 0"),
    *changes_to("loyalty_program_minor_per_unit_known", PROGRAM, SHOP, "minor_per_unit = 12"),
    *changes_to("loyalty_program_minimum_positive", PROGRAM, SHOP, "minimum_redemption = 0"),
    *copies_of(
        "loyalty_tier_name_unique", TIER, SHOP, {"id": "t.id + 1", "from_lifetime_points": "200"}
    ),
    *copies_of("loyalty_tier_step_unique", TIER, SHOP, {"id": "t.id + 1", "name": "'Silver'"}),
    *changes_to(
        "loyalty_tier_earns_something",
        TIER,
        SHOP,
        "from_lifetime_points = -1",
        "earn_multiplier = 0",
    ),
    *copies_of("loyalty_stockitem_sku_unique", ARTICLE, SHOP, {"id": NEW}),
    *changes_to(
        "loyalty_stockitem_reserved_within_on_hand",
        ARTICLE,
        BEGUN,
        "reserved = -1",
        "reserved = on_hand + 1",
        "on_hand = 2",
    ),
    *changes_to("loyalty_stockitem_price_never_negative", ARTICLE, SHOP, "price_minor = -1"),
    *copies_of("loyalty_session_one_open_per_register", SESSION, SHOP, {"id": NEW}),
    *changes_to(
        "loyalty_session_totals_never_negative",
        SESSION,
        SHOP,
        *(
            f"{total} = -1"
            for total in (
                "orders",
                "sales_minor",
                "refunds_minor",
                "points_spent",
                "points_earned",
            )
        ),
    ),
]

_NOBODYS: Final = {
    "id": NEW,
    "points_balance": "0",
    "points_held": "0",
    "lifetime_points": "0",
    "transactions": "0",
    "phone": "'+12025550124'",
}
CUSTOMERS: Final = [
    *copies_of(
        "loyalty_customer_phone_unique", CUSTOMER, SHOP, {**_NOBODYS, "phone": "'+12025550123'"}
    ),
    *copies_of(
        "loyalty_customer_begins_without_points",
        CUSTOMER,
        SHOP,
        {**_NOBODYS, "points_balance": "5"},
        {**_NOBODYS, "points_balance": "5", "points_held": "5"},
        {**_NOBODYS, "lifetime_points": "5"},
        {**_NOBODYS, "transactions": "1"},
    ),
    *changes_to(
        "loyalty_customer_points_are_accounted",
        CUSTOMER,
        BEGUN,
        "points_balance = points_balance + 1",
        "points_balance = points_balance - 1",
        "transactions = transactions + 1",
        "points_held = 0",
        "points_held = points_held + 1",
    ),
    # Taken from somebody of whose 5,000 points a checkout holds 3,000.
    Forbidden(
        "loyalty_customer_held_within_balance",
        CUSTOMER,
        f"{BEGUN} SELECT loyalty_post_points(id, -4000, 'adjusted', 'adjustment',"
        f" gen_random_uuid(), '', 'test', now()) FROM {CUSTOMER}",
    ),
    *changes_to("loyalty_customer_counts_never_negative", CUSTOMER, SHOP, "lifetime_points = -1"),
    *changes_to(
        "loyalty_customer_forgotten_says_nothing",
        CUSTOMER,
        FORGOTTEN,
        "first_name = 'Ana'",
        "last_name = 'Sample'",
        "phone = '+12025550124'",
        "email = 'ana@example.com'",
        "is_active = true",
    ),
    # While a checkout holds 3,000 of their points.
    *changes_to(
        "loyalty_customer_forgotten_holds_nothing",
        CUSTOMER,
        BEGUN,
        "phone = '', is_active = false, erased_at = now()",
    ),
    *changes_to(
        "loyalty_customer_stays_forgotten",
        CUSTOMER,
        FORGOTTEN,
        "erased_at = NULL",
        "erased_at = now() + interval '1 day'",
    ),
    *stays(CUSTOMER, SHOP),
]

_NEXT: Final = {
    "id": NEW,
    "number": "t.number + 1",
    "type": "'adjusted'",
    "reference_type": "'adjustment'",
    "reference_id": NEW,
    "points": "5",
    "balance_before": "t.balance_after",
    "balance_after": "t.balance_after + 5",
}
_LAST: Final = f"number = (SELECT max(number) FROM {POINTS})"


def _next(guard: str, **changes: str) -> Forbidden:
    """Return what is forbidden to the transaction that follows the last one."""
    return Forbidden(guard, POINTS, SOLD + copy_row(POINTS, _LAST, **{**_NEXT, **changes}))


TRANSACTIONS: Final = [
    # The order's points are earned a second time.
    _next(
        "loyalty_points_applied_once",
        reference_id="t.reference_id",
        reference_type="t.reference_type",
        type="t.type",
    ),
    Forbidden(
        "loyalty_points_number_unique",
        POINTS,
        SOLD + copy_row(POINTS, "number = 2", id=NEW, reference_id=NEW),
    ),
    _next("loyalty_points_add_up", points="6"),
    _next(
        "loyalty_points_never_negative",
        points="-t.balance_after - 1",
        balance_after="-1",
    ),
    *(
        _next(
            "loyalty_points_sign_fits_type",
            type=f"'{kind}'",
            points=str(points),
            balance_after=f"t.balance_after + {points}",
        )
        for kind, points in (
            ("earned", -5),
            ("earned", 0),
            ("spent", 5),
            ("expired", 5),
            ("adjusted", 0),
            ("reversed", 0),
        )
    ),
    _next("loyalty_points_chain_without_gap", number="t.number + 2"),
    _next(
        "loyalty_points_chain_without_gap",
        balance_before="t.balance_after + 1",
        balance_after="t.balance_after + 6",
    ),
    # Emptied and nothing else, and not beside something else.
    Forbidden("refuse_change", POINTS, f"{SOLD} UPDATE {POINTS} SET description = 'x'"),
    Forbidden("refuse_change", POINTS, f"{SOLD} UPDATE {POINTS} SET description = '', actor = 'x'"),
    Forbidden("refuse_change", POINTS, f"{SOLD} DELETE FROM {POINTS}"),
    Forbidden("refuse_truncate", POINTS, f"TRUNCATE {POINTS} CASCADE"),
]

_PROMISED: Final = FORGOTTEN + (
    f"INSERT INTO {ERASURE} (id, customer_id, reason, requested_by, erased_at, provider_ids,"
    " next_attempt_at) SELECT gen_random_uuid(), id, 'asked', 'user:1', now(), '{SM1}', now()"
    f" FROM {CUSTOMER};"
)
ERASURES: Final = [
    *changes_to(
        "loyalty_erasure_stays",
        ERASURE,
        _PROMISED,
        "reason = 'other'",
        "requested_by = 'user:2'",
        "erased_at = now() + interval '1 day'",
        "provider_ids = '{SM1,SM2}'",
    ),
    *changes_to("loyalty_erasure_goes_on_until_done", ERASURE, _PROMISED, "next_attempt_at = NULL"),
    *stays(ERASURE, _PROMISED),
]

LOYALTY: Final = [*PROGRAMS, *CUSTOMERS, *TRANSACTIONS, *ERASURES]
