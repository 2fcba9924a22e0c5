"""Tables on which the runtime role may not do everything, and what is left to it."""

from __future__ import annotations

from typing import Final

# What the runtime role may do with a table, where that is less than everything. The ledger and
# the other records of fact are written by the owner's functions and triggers alone.
NARROWED_PRIVILEGES: Final[dict[str, tuple[str, ...]]] = {
    # Counted by alerts_count_hit.
    "alerts_ratecount": ("SELECT", "DELETE"),
    # Switched off: notices name theirs.
    "alerts_noticeroute": ("SELECT", "INSERT", "UPDATE"),
    # An incident is closed and its numbers are given once; what was done in it is written down.
    "alerts_incident": ("SELECT", "INSERT", "UPDATE"),
    "alerts_incidentday": ("SELECT", "INSERT", "UPDATE"),
    "alerts_timelineentry": ("SELECT", "INSERT"),
    "alerts_actionitem": ("SELECT", "INSERT", "UPDATE"),
    "alerts_escalationstep": ("SELECT", "INSERT"),
    "credit_transaction": ("SELECT",),
    "credit_entry": ("SELECT",),
    "credit_auditevent": ("SELECT", "INSERT"),
    "credit_accountslot": ("SELECT",),
    "giftcards_cardevent": ("SELECT",),
    # Cards are sold and paid by giftcards_sell_cards at once, or not at all.
    "giftcards_cardsale": ("SELECT",),
    # An order begins, with its hold, in giftcards_place_order, or not at all.
    "giftcards_providerorder": ("SELECT", "UPDATE"),
    "giftcards_providerorderevent": ("SELECT", "INSERT"),
    "sms_statusevent": ("SELECT", "INSERT"),
    # Written by the trigger that keeps every change of an opt-in.
    "sms_consentevent": ("SELECT",),
    # Kept by sms_forget_number, in the place of the opt-in that it erases.
    "sms_keptoptout": ("SELECT", "DELETE"),
    # A redemption begins in redemption_redeem, or not at all.
    "redemption_redemption": ("SELECT", "UPDATE"),
    # Counted by redemption_redeem.
    "redemption_dailyclaims": ("SELECT",),
    "redemption_provisioningtrace": ("SELECT", "INSERT"),
    "redemption_replacement": ("SELECT", "INSERT"),
    # Attempts are let in or refused, and so written, by redemption_admit_attempt.
    "redemption_attemptlog": ("SELECT",),
    "redemption_formbreaker": ("SELECT",),
    # Planted, tried, retired, never removed; redemption_clear_canary_tries folds repeats.
    "redemption_canary": ("SELECT", "INSERT", "UPDATE"),
    "redemption_canarytry": ("SELECT", "INSERT"),
    # A decision about an address is lifted, not unmade.
    "redemption_addressblock": ("SELECT", "INSERT", "UPDATE"),
    "redemption_addressallow": ("SELECT", "INSERT", "UPDATE"),
    "redemption_addressclearing": ("SELECT", "INSERT", "UPDATE"),
    # Written by the trigger that keeps every try of an event.
    "redemption_eventtry": ("SELECT",),
    # An answered Idempotency-Key leads to it.
    "redemption_recipientbatch": ("SELECT", "INSERT", "UPDATE"),
    # Closed, never removed.
    "redemption_callsession": ("SELECT", "INSERT", "UPDATE"),
    "redemption_conditionmet": ("SELECT", "INSERT", "UPDATE"),
    "redemption_desktask": ("SELECT", "INSERT", "UPDATE"),
    "redemption_erasure": ("SELECT", "INSERT", "UPDATE"),
    # Counted by redemption_count_day, _month and _message_day, and marked by triggers.
    "redemption_reportday": ("SELECT",),
    "redemption_reportmonth": ("SELECT",),
    "redemption_reportchange": ("SELECT",),
    "redemption_rewardcount": ("SELECT",),
    "redemption_messageday": ("SELECT",),
    "redemption_messagechange": ("SELECT",),
    "redemption_messagecount": ("SELECT",),
    # Points, checkouts and what belongs to them are written by the functions of loyalty/sql.
    "loyalty_loyaltytransaction": ("SELECT",),
    "loyalty_checkout": ("SELECT",),
    "loyalty_checkoutline": ("SELECT",),
    "loyalty_reconciliationitem": ("SELECT",),
    "loyalty_customer": ("SELECT", "INSERT", "UPDATE"),
    "loyalty_customererasure": ("SELECT", "INSERT", "UPDATE"),
    # A payment is begun and ended by the functions; who asks its gateway counts the tries.
    "loyalty_payment": ("SELECT", "UPDATE"),
    "loyalty_refund": ("SELECT",),
    "loyalty_reward": ("SELECT", "UPDATE"),
}
