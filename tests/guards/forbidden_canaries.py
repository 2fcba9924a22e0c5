"""What is forbidden to canaries, to the tries of one, and to proofs of the database."""

from typing import Final

from tests.guards.forbidden import Forbidden

CANARY: Final = "redemption_canary"
TRY: Final = "redemption_canarytry"
PROOF: Final = "alerts_verification"
_PLANT: Final = (
    "INSERT INTO redemption_canary (id, code_digest, campaign_id, card_id, note, planted_by,"
    " planted_at) SELECT gen_random_uuid(), '\\x01', {campaign}, {card}, 'x', 'user:1', now();"
)
_CAMPAIGN: Final = "(SELECT id FROM redemption_campaign LIMIT 1)"
_CARD: Final = "(SELECT id FROM giftcards_giftcard LIMIT 1)"
PLANT: Final = _PLANT.format(campaign=_CAMPAIGN, card="NULL")
_TRY: Final = (
    PLANT + "INSERT INTO redemption_canarytry (canary_id, attempt_id, at, action, caller, result,"
    " request_id) SELECT id, 1, now(), 'form', '', 'unknown_code', '' FROM redemption_canary;"
)
_ASK: Final = (
    "INSERT INTO alerts_verification (id, asked_by, asked_at, is_whole, names, proofs,"
    " finished_at) SELECT gen_random_uuid(), 'user:1', now(), false, '[]', '[]', {finished};"
)

CANARIES: Final = [
    Forbidden("refuse_removal", CANARY, PLANT + "DELETE FROM redemption_canary"),
    *(
        Forbidden(
            "redemption_canary_lies_in_one_place",
            CANARY,
            _PLANT.format(campaign=campaign, card=card),
        )
        for campaign, card in (("NULL::uuid", "NULL::uuid"), (_CAMPAIGN, _CARD))
    ),
    Forbidden("refuse_change", TRY, f"{_TRY} UPDATE {TRY} SET caller = caller"),
    Forbidden("refuse_removal", TRY, f"{_TRY} DELETE FROM {TRY}"),
    Forbidden("refuse_truncate", TRY, f"TRUNCATE {TRY} CASCADE"),
    Forbidden("alerts_verification_ends_after_it_starts", PROOF, _ASK.format(finished="now()")),
    Forbidden(
        "alerts_verification_asked_once", PROOF, _ASK.format(finished="NULL::timestamptz") * 2
    ),
]
