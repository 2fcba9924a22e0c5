"""What is forbidden to a campaign's rules, whoever writes them."""

from typing import Final

from tests.guards.forbidden import NOW_CHECK, Forbidden

CAMPAIGN: Final = "redemption_campaign"
CLAIMS: Final = "redemption_dailyclaims"
CARD: Final = "giftcards_giftcard"
_SET: Final = f"UPDATE {CAMPAIGN} SET"
_WEAK: Final = f"{_SET} code_policy = 'imported', second_factor = 'phone', imported_code_bits = 33;"
_COUNT: Final = (
    f"INSERT INTO {CLAIMS} (campaign_id, day, claims) SELECT id, '2026-03-02', 1 FROM {CAMPAIGN};"
)

RULES: Final = [
    *(
        Forbidden("redemption_campaign_code_words_known", CAMPAIGN, f"{_SET} {change}")
        for change in ("second_factor = 'pet'", "code_policy = 'found'")
    ),
    *(
        Forbidden(
            "redemption_campaign_weak_codes_ask_for_more",
            CAMPAIGN,
            statements,
        )
        for statements in (
            f"{_SET} code_policy = 'imported', imported_code_bits = 49",
            f"{_WEAK} {_SET} second_factor = ''",
        )
    ),
    *(
        Forbidden("redemption_campaign_imported_codes_are_told", CAMPAIGN, statements)
        for statements in (
            f"{_SET} imported_code_bits = 60",
            f"{_WEAK} {_SET} code_policy = 'generated'",
        )
    ),
    *(
        Forbidden(
            "redemption_weakest_code_stays", CAMPAIGN, f"{_WEAK} {_SET} imported_code_bits = {bits}"
        )
        for bits in ("34", "60", "NULL")
    ),
    *(
        Forbidden("redemption_campaign_caps_positive", CAMPAIGN, f"{_SET} {cap} = 0")
        for cap in ("cap_per_day", "cap_per_recipient")
    ),
    # Somebody has claimed in earnest.
    Forbidden("redemption_tests_are_apart", CAMPAIGN, f"{_SET} test_mode = true"),
    Forbidden("redemption_dailyclaims_one_a_day", CLAIMS, _COUNT + _COUNT),
    Forbidden(
        "redemption_returned_link_is_dead",
        CARD,
        f"UPDATE {CARD} SET status = 'delivered', delivered_at = now() WHERE status = 'claimed';"
        "UPDATE redemption_redemption SET state = 'failed', card_id = NULL;"
        f"UPDATE {CARD} SET status = 'available', holder_kind = NULL, holder_id = NULL,"
        f" claimed_at = NULL, delivered_at = NULL WHERE status = 'delivered'{NOW_CHECK}",
    ),
]
