"""What is forbidden to orders at a provider, to their holds and to what was said of them."""

from typing import Final

from tests.guards.forbidden import NEW, NOW_CHECK, Forbidden, copy_row

ORDER: Final = "giftcards_providerorder"
EVENT: Final = "giftcards_providerorderevent"
# The world's client orders a card, paid by its account.
PLACE: Final = (
    "SELECT giftcards_place_order(gen_random_uuid(), p.id, p.denomination_id, p.client_id,"
    " 'tillo', 'amazon-us', 'parcel', gen_random_uuid(), ARRAY[a.id], 2500, 'USD', 'test', 't',"
    " now()) FROM giftcards_pool p, credit_account a WHERE a.level = 'client';"
)
_SET: Final = f"UPDATE {ORDER} SET "
_END: Final = "next_attempt_at = NULL, settled_at = now();"
_FAIL: Final = f"{PLACE} {_SET} state = 'failed', {_END} "
_DOUBT: Final = f"{PLACE} {_SET} state = 'unknown', next_attempt_at = NULL; "
# With any card that nobody has: what it is bound to is not what is looked at here.
_BUY: Final = (
    f"{PLACE} {_SET} state = 'succeeded', card_id = (SELECT id FROM giftcards_giftcard"
    f" WHERE status = 'available'), {_END} "
)
_SAY: Final = (
    f"{PLACE} INSERT INTO {EVENT} (order_id, attempt, asked, outcome, actor)"
    f" SELECT id, 1, 'issue', 'sold', 'system' FROM {ORDER}; "
)


def _another(**changes: str) -> str:
    """Return the statements that write a second order like the first, for another parcel."""
    facts = {"id": NEW, "request_id": "'other'", "hold_id": NEW, "holder_id": NEW, **changes}
    return PLACE + copy_row(ORDER, **facts)


def _ended(state: str, **changes: str) -> str:
    return _another(state=f"'{state}'", next_attempt_at="NULL", settled_at="now()", **changes)


ORDERS: Final = [
    *(
        Forbidden("giftcards_order_transition", ORDER, statements)
        for statements in (
            # Backwards, or past a state.
            f"{_FAIL} {_SET} state = 'requested', next_attempt_at = now(), settled_at = NULL",
            f"{_FAIL} {_SET} state = 'unknown', settled_at = NULL",
            f"{_FAIL} {_SET} state = 'reversed'",
            f"{_BUY} {_SET} state = 'failed', card_id = NULL",
            f"{_BUY} {_SET} state = 'unknown', card_id = NULL, settled_at = NULL",
            # Only what is worth nothing any more is taken back at the provider.
            f"{_BUY} {_SET} state = 'reversed'",
            f"{PLACE} {_SET} state = 'reversed', {_END}",
            # What the provider knows it by, and what it is for.
            *(
                f"{PLACE} {_SET} {change}"
                for change in (
                    "request_id = 'another'",
                    "provider_slug = 'visa-us'",
                    "value_minor = 9900",
                    "charge_minor = 1",
                    "holder_id = gen_random_uuid()",
                    "hold_id = gen_random_uuid()",
                )
            ),
            f"{PLACE} {_SET} attempts = 2; {_SET} attempts = 1",
            f"{_BUY} {_SET} card_id = gen_random_uuid()",
        )
    ),
    Forbidden("refuse_removal", ORDER, f"{PLACE} DELETE FROM {ORDER}"),
    Forbidden("refuse_truncate", ORDER, f"TRUNCATE {ORDER} CASCADE"),
    # The owner's trigger says so when the card goes, so it is the application that tries.
    Forbidden(
        "giftcards_order_card_gone",
        ORDER,
        f"{_BUY} {_SET} card_gone_at = now()",
        as_application=True,
    ),
    # Note [Money of an order]: from the order's side, and from the hold's.
    *(
        Forbidden("giftcards_order_settles_its_hold", ORDER, statements + NOW_CHECK)
        for statements in (
            _FAIL,
            _BUY,
            f"{_DOUBT} {_SET} state = 'reversed', settled_at = now()",
        )
    ),
    Forbidden(
        "giftcards_order_hold_is_settled",
        "credit_transaction",
        f"{PLACE} SELECT credit_capture(gen_random_uuid(), hold_id, 2500, 'test', now())"
        f" FROM {ORDER}{NOW_CHECK}",
    ),
    Forbidden(
        "giftcards_order_one_alive_per_holder",
        ORDER,
        PLACE + copy_row(ORDER, id=NEW, request_id="'other'", hold_id=NEW),
    ),
    Forbidden(
        "giftcards_order_one_alive_per_holder",
        ORDER,
        _DOUBT + copy_row(ORDER, id=NEW, request_id="'other'", hold_id=NEW),
    ),
    Forbidden("giftcards_order_words_known", ORDER, _another(delivery_method="'fax'")),
    Forbidden("giftcards_order_words_known", ORDER, _ended("bought")),
    Forbidden("giftcards_order_succeeded_has_its_card", ORDER, _ended("succeeded")),
    Forbidden(
        "giftcards_order_succeeded_has_its_card",
        ORDER,
        f"{PLACE} {_SET} state = 'succeeded', {_END}",
    ),
    Forbidden("giftcards_order_card_only_when_bought", ORDER, _another(card_id=NEW)),
    *(
        Forbidden("giftcards_order_holder_and_hold_go_together", ORDER, _another(**changes))
        for changes in (
            {"hold_id": "NULL"},
            {"charge_minor": "0"},
            {"client_id": "NULL"},
            {"holder_id": "NULL", "holder_kind": "NULL"},
        )
    ),
    Forbidden(
        "giftcards_order_in_work_has_its_next_attempt", ORDER, _another(next_attempt_at="NULL")
    ),
    Forbidden(
        "giftcards_order_in_work_has_its_next_attempt",
        ORDER,
        _another(state="'unknown'"),
    ),
    Forbidden("giftcards_order_settled_has_its_time", ORDER, _another(settled_at="now()")),
    Forbidden("giftcards_order_doubt_has_its_end", ORDER, _another(may_be_done="true")),
    Forbidden(
        "giftcards_order_ends_without_doubt",
        ORDER,
        _ended("failed", may_be_done="true", in_doubt_until="now()"),
    ),
    Forbidden("giftcards_order_value_positive", ORDER, _another(value_minor="0")),
    Forbidden("refuse_change", EVENT, f"{_SAY} UPDATE {EVENT} SET outcome = 'not_found'"),
    Forbidden("refuse_change", EVENT, f"{_SAY} DELETE FROM {EVENT}"),
    Forbidden("refuse_truncate", EVENT, f"TRUNCATE {EVENT} CASCADE"),
    Forbidden(
        "giftcards_circuit_open_has_its_reason",
        "giftcards_providercircuit",
        "INSERT INTO giftcards_providercircuit (provider, failures, openings, opened_at)"
        " VALUES ('tillo', 0, 0, now())",
    ),
    Forbidden(
        "giftcards_float_unique",
        "giftcards_providerfloat",
        "INSERT INTO giftcards_providerfloat (provider, name, currency, available_minor, read_at)"
        " SELECT 'tillo', 'all', 'USD', number, now() FROM generate_series(1, 2) number",
    ),
    Forbidden(
        "giftcards_providerbrand_slug_unique",
        "giftcards_providerbrand",
        "INSERT INTO giftcards_providerbrand (provider, slug, name, currency, state,"
        " denominations_minor, delivery_methods, is_asynchronous, can_be_issued, can_be_undone,"
        " synced_at) SELECT 'tillo', 'amazon-us', 'Amazon', 'USD', 'enabled', '{}', '{}', false,"
        " true, true, now() FROM generate_series(1, 2)",
    ),
]
