"""What is forbidden to rewards that are taken back, and to cards that are exchanged."""

import dataclasses
from typing import Final

from tests.guards.forbidden import NOW_CHECK, Forbidden, append_only

REDEMPTION: Final = "redemption_redemption"
REPLACEMENT: Final = "redemption_replacement"
_ENDED: Final = "redemption_ended_holds_no_card"
_OLD: Final = "(SELECT id FROM giftcards_giftcard WHERE status = 'void')"
_NEW: Final = "(SELECT id FROM giftcards_giftcard WHERE status = 'claimed')"
# The world's one card in use becomes void, and the one in stock stands in for it.
_CARDS: Final = (
    "UPDATE giftcards_giftcard SET status = 'void' WHERE status = 'claimed';"
    "UPDATE giftcards_giftcard SET status = 'claimed', claimed_at = now(), cost_minor = 2300,"
    " holder_kind = 'redemption', holder_id = (SELECT id FROM redemption_redemption)"
    " WHERE status = 'available';"
)
_EXCHANGE: Final = f"{_CARDS} UPDATE {REDEMPTION} SET card_id = {_NEW}"


def _write(old: str = _OLD, new: str = _NEW, seen: str = "false") -> str:
    """Return the statement that writes an exchange down."""
    return (
        f"INSERT INTO {REPLACEMENT} (redemption_id, old_card_id, new_card_id, old_was_disclosed,"
        f" reason, actor) SELECT id, {old}, {new}, {seen}, 'x', 'x' FROM {REDEMPTION};"
    )


TAKING_BACK: Final = [
    *(
        Forbidden(
            _ENDED,
            REDEMPTION,
            f"UPDATE {REDEMPTION} SET state = '{state}'{NOW_CHECK}",
            as_application=is_application,
        )
        for state in ("cancelled", "failed")
        for is_application in (False, True)
    ),
    Forbidden(
        _ENDED,
        REDEMPTION,
        "UPDATE giftcards_giftcard SET status = 'quarantined' WHERE status = 'claimed';"
        f"UPDATE {REDEMPTION} SET state = 'cancelled'{NOW_CHECK}",
    ),
    # An exchange costs just what the new card does on top, and changes nothing else.
    *(
        Forbidden("redemption_transition", REDEMPTION, f"{_EXCHANGE}, {change}")
        for change in (
            "cost_minor = 1",
            "charged_minor = 1",
            "face_value_minor = 1",
            "currency = 'EUR'",
            # Only for a card that was paid by a sale.
            "charged_minor = 0, transaction_id = NULL",
        )
    ),
    Forbidden(
        "redemption_transition",
        REDEMPTION,
        f"UPDATE {REDEMPTION} SET card_id = (SELECT id FROM giftcards_giftcard"
        " WHERE status = 'available')",
    ),
    *(
        Forbidden(
            "redemption_replacement_is_true",
            REPLACEMENT,
            f"{before}; {written} SET CONSTRAINTS ALL IMMEDIATE",
            as_application=True,
        )
        for before, written in (
            # The redemption keeps the old card.
            (_CARDS.rstrip(";"), _write()),
            # The old one was not held by it.
            (_EXCHANGE, _write(old=_NEW, new=_OLD)),
            # Nobody had seen it.
            (_EXCHANGE, _write(seen="true")),
        )
    ),
    Forbidden("redemption_replacement_by_another", REPLACEMENT, f"{_EXCHANGE}; {_write(old=_NEW)}"),
    *(
        dataclasses.replace(case, sql=f"{_EXCHANGE}; {_write()} {case.sql}")
        for case in append_only(REPLACEMENT, "actor")
        if case.guard == "refuse_change"
    ),
    append_only(REPLACEMENT, "actor")[-1],
]
