"""What is forbidden to cards, redemptions, messages and alerts."""

from typing import Final

from tests.guards.forbidden import NEW, NOW_CHECK, Forbidden, append_only, copy_row, never_removed

CARD: Final = "giftcards_giftcard"
REDEMPTION: Final = "redemption_redemption"
CAMPAIGN: Final = "redemption_campaign"
MESSAGE: Final = "sms_message"
_TRANSITION: Final = "redemption_transition"
_OTHER_CODE = "'\\x0102'"
_ANOTHER_RECIPIENT = (
    "SELECT id FROM redemption_recipient WHERE id <> redemption_redemption.recipient_id LIMIT 1"
)
_ADD_BATCH = (
    "INSERT INTO giftcards_cardbatch (id, pool_id, file_name, file_hash, state, rows, accepted,"
    " rejected, rejects, actor) SELECT gen_random_uuid(), id, 'a.csv', '\\x00', 'imported', 0, 0,"
    " 0, '[]', 'test' FROM giftcards_pool LIMIT 1;"
)
_GIVE_CARD = (
    "UPDATE giftcards_giftcard SET batch_id = (SELECT id FROM giftcards_cardbatch LIMIT 1)"
    " WHERE status = 'available';"
)
_ADD_ALERT = (
    "INSERT INTO alerts_alert (id, kind, severity, subject, message, data, dedupe_key, state,"
    " count) VALUES (gen_random_uuid(), 'k', '{}', 's', '', '{{}}', 'key', '{}', 1);"
)
_ADD_ATTEMPT = (
    "INSERT INTO sms_deliveryattempt (message_id, number, status, requested_at)"
    " SELECT id, {}, 'x', now() FROM sms_message LIMIT 1;"
)
_ADD_REPORT = (
    "INSERT INTO sms_statusevent (message_id, provider_id, status)"
    " SELECT id, 'SM1', 'sent' FROM sms_message LIMIT 1;"
)
_ADD_OPT_IN = (
    "INSERT INTO sms_optin (client_id, phone, state)"
    " SELECT id, '+12025550123', 'granted' FROM credit_client LIMIT 1;"
)
_ADD_TEMPLATE = (
    "INSERT INTO sms_messagetemplate (purpose, channel, locale, body, is_active)"
    " VALUES ('reward', 'sms', 'en', 'x', true);"
)

CARDS: Final = [
    Forbidden(
        "giftcards_card_transition",
        CARD,
        "UPDATE giftcards_giftcard SET status = 'redeemed', delivered_at = now()"
        " WHERE status = 'claimed'",
    ),
    *(
        Forbidden(
            "giftcards_card_transition",
            CARD,
            f"UPDATE giftcards_giftcard SET status = 'void', holder_kind = 'redemption',"
            f" holder_id = gen_random_uuid() WHERE status = '{status}'",
        )
        for status in ("claimed", "available")
    ),
    Forbidden(
        "giftcards_card_begins",
        CARD,
        copy_row(CARD, "status = 'available'", id=NEW, code_digest=_OTHER_CODE, status="'void'"),
    ),
    Forbidden(
        "giftcards_card_stays", CARD, "DELETE FROM giftcards_giftcard WHERE status = 'claimed'"
    ),
    Forbidden("refuse_truncate", CARD, "TRUNCATE giftcards_giftcard CASCADE"),
    *(
        Forbidden(
            "giftcards_batch_is_undone_only",
            "giftcards_cardbatch",
            f"{_ADD_BATCH} {_GIVE_CARD} UPDATE giftcards_cardbatch SET {change}",
        )
        for change in (
            "state = 'undone'",
            "state = 'refused'",
            "state = 'importing'",
            "accepted = 7",
        )
    ),
    *(
        Forbidden(
            "giftcards_batch_is_undone_only",
            "giftcards_cardbatch",
            f"{_ADD_BATCH.replace('imported', before)} UPDATE giftcards_cardbatch SET {change}",
        )
        for before, change in (
            ("receiving", "state = 'imported'"),
            ("receiving", "file_name = 'other.csv'"),
            ("previewed", "state = 'imported'"),
            ("previewed", "accepted = 7"),
            ("importing", "state = 'imported', file_hash = '\\x01'"),
            ("stopped", "state = 'importing'"),
            ("refused", "state = 'importing'"),
        )
    ),
    *append_only("giftcards_cardevent", "actor"),
    Forbidden(
        "redemption_keeps_its_card",
        CARD,
        "UPDATE giftcards_giftcard SET status = 'available', holder_kind = NULL,"
        f" holder_id = NULL, claimed_at = NULL WHERE status = 'claimed'{NOW_CHECK}",
    ),
    Forbidden(
        "giftcards_card_code_unique_in_brand", CARD, copy_row(CARD, "status = 'available'", id=NEW)
    ),
    Forbidden(
        "giftcards_card_one_per_holder",
        CARD,
        "UPDATE giftcards_giftcard a SET status = 'claimed', claimed_at = now(),"
        " holder_kind = c.holder_kind, holder_id = c.holder_id FROM giftcards_giftcard c"
        " WHERE a.status = 'available' AND c.status = 'claimed'",
    ),
    Forbidden(
        "giftcards_card_held_exactly_when_claimed",
        CARD,
        "UPDATE giftcards_giftcard SET claimed_at = NULL WHERE status = 'claimed'",
    ),
    Forbidden(
        "giftcards_card_held_exactly_when_claimed",
        CARD,
        "UPDATE giftcards_giftcard SET disclosed_at = now() WHERE status = 'available'",
    ),
    Forbidden(
        "giftcards_card_delivered_has_its_time",
        CARD,
        "UPDATE giftcards_giftcard SET status = 'delivered' WHERE status = 'claimed'",
    ),
    Forbidden(
        "giftcards_card_value_positive",
        CARD,
        copy_row(CARD, "status = 'available'", id=NEW, code_digest=_OTHER_CODE, value_minor="0"),
    ),
    Forbidden(
        "giftcards_cardbatch_file_imported_once", "giftcards_cardbatch", _ADD_BATCH + _ADD_BATCH
    ),
    Forbidden(
        "giftcards_brand_slug_unique",
        "giftcards_brand",
        copy_row("giftcards_brand", id=NEW, slug="upper(t.slug)"),
    ),
    Forbidden(
        "giftcards_denomination_unique",
        "giftcards_denomination",
        copy_row("giftcards_denomination", id=NEW),
    ),
    Forbidden(
        "giftcards_denomination_value_positive",
        "giftcards_denomination",
        "UPDATE giftcards_denomination SET value_minor = 0",
    ),
    Forbidden(
        "giftcards_denomination_currency_iso",
        "giftcards_denomination",
        "UPDATE giftcards_denomination SET currency = 'U$D'",
    ),
    Forbidden(
        "giftcards_pool_client_fits_kind",
        "giftcards_pool",
        "UPDATE giftcards_pool SET kind = 'master'",
    ),
    Forbidden(
        "giftcards_pool_cost_never_negative",
        "giftcards_pool",
        "UPDATE giftcards_pool SET cost_per_card_minor = -1",
    ),
    Forbidden(
        "giftcards_pool_budget_never_negative",
        "giftcards_pool",
        "UPDATE giftcards_pool SET daily_budget_minor = -1",
    ),
]

REDEMPTIONS: Final = [
    *(
        Forbidden(_TRANSITION, REDEMPTION, f"UPDATE redemption_redemption SET {change}")
        for change in (
            f"recipient_id = ({_ANOTHER_RECIPIENT})",
            "condition_id = gen_random_uuid()",
            "client_id = gen_random_uuid()",
            "campaign_id = gen_random_uuid()",
            "code_age_hours = code_age_hours + 1",
            "state = 'waiting_stock'",
            "state = 'pending'",
            "charged_minor = 1",
            "cost_minor = 1",
            "face_value_minor = 1",
            "state = 'cancelled'; UPDATE redemption_redemption SET charged_minor = 1",
            "state = 'failed'; UPDATE redemption_redemption SET charged_minor = NULL",
            "currency = 'EUR'",
            "transaction_id = (SELECT id FROM credit_transaction WHERE kind = 'issue')",
            "card_id = (SELECT id FROM giftcards_giftcard WHERE status = 'available')",
            "is_test = true, card_id = NULL, transaction_id = NULL, charged_minor = 0",
        )
    ),
    *never_removed(REDEMPTION),
    *append_only("redemption_provisioningtrace", "step"),
    Forbidden("redemption_one_reward_each", REDEMPTION, copy_row(REDEMPTION, id=NEW)),
    Forbidden(
        "redemption_issued_has_card_and_charge",
        REDEMPTION,
        "UPDATE redemption_redemption SET card_id = NULL",
    ),
    Forbidden(
        "redemption_charge_names_its_transaction",
        REDEMPTION,
        "UPDATE redemption_redemption SET transaction_id = NULL",
        without=(_TRANSITION,),
    ),
    Forbidden(
        "redemption_test_takes_no_card_no_money",
        REDEMPTION,
        "UPDATE redemption_redemption SET is_test = true",
        without=(_TRANSITION,),
    ),
    Forbidden(
        "redemption_state_known",
        REDEMPTION,
        "UPDATE redemption_redemption SET state = 'lost'",
        without=(_TRANSITION,),
    ),
    Forbidden(
        "redemption_condition_stays", "redemption_condition", "DELETE FROM redemption_condition"
    ),
    Forbidden(
        "redemption_condition_numbered",
        "redemption_condition",
        copy_row("redemption_condition", id=NEW),
    ),
    Forbidden(
        "redemption_condition_value_positive",
        "redemption_condition",
        "UPDATE redemption_condition SET card_value_minor = 0",
    ),
    Forbidden(
        "redemption_campaign_name_unique",
        "redemption_campaign",
        copy_row("redemption_campaign", id=NEW),
    ),
    Forbidden(
        "redemption_campaign_ends_after_it_starts",
        "redemption_campaign",
        "UPDATE redemption_campaign SET starts_at = now(), ends_at = now()",
    ),
    *(
        Forbidden("redemption_campaign_account_fits", CAMPAIGN, f"UPDATE {CAMPAIGN} SET {change}")
        for change in (
            "account_id = (SELECT id FROM credit_account WHERE level = 'agency' LIMIT 1)",
            "budget_mode = 'isolated'",
            "billing_entity = 'agency'",
            "own_account_id = account_id",
        )
    ),
    Forbidden(
        "redemption_campaign_budget_words_known",
        CAMPAIGN,
        f"UPDATE {CAMPAIGN} SET billing_entity = 'nobody', account_id = NULL",
    ),
    Forbidden(
        "redemption_campaign_own_account_is_its_alone",
        CAMPAIGN,
        f"UPDATE {CAMPAIGN} SET own_account_id = account_id;"
        + copy_row(CAMPAIGN, id=NEW, name="'Second'"),
        without=("redemption_campaign_account_fits",),
    ),
    Forbidden(
        "redemption_recipient_crm_id_unique",
        "redemption_recipient",
        "UPDATE redemption_recipient SET external_crm_id = 'c-1'",
    ),
    Forbidden(
        "redemption_reveallink_bound_has_its_time",
        "redemption_reveallink",
        "UPDATE redemption_reveallink SET bound_at = now()",
    ),
]

MESSAGES: Final = [
    Forbidden(
        "sms_message_only_forward",
        MESSAGE,
        "UPDATE sms_message SET state = 'delivered', next_attempt_at = NULL;"
        " UPDATE sms_message SET state = 'sent'",
    ),
    Forbidden("sms_message_state_known", MESSAGE, "UPDATE sms_message SET state = 'lost'"),
    Forbidden(
        "sms_message_nothing_due_at_the_end",
        MESSAGE,
        "UPDATE sms_message SET state = 'cancelled'",
    ),
    Forbidden(
        "sms_message_provider_id_unique",
        MESSAGE,
        "UPDATE sms_message SET provider_id = 'SM1';" + copy_row(MESSAGE, id=NEW),
    ),
    *never_removed("sms_deliveryattempt"),
    Forbidden("sms_deliveryattempt_numbered", "sms_deliveryattempt", _ADD_ATTEMPT.format(7) * 2),
    *append_only("sms_statusevent", "status"),
    Forbidden("sms_statusevent_reported_once", "sms_statusevent", _ADD_REPORT),
    Forbidden(
        "sms_channelstop_probed_later",
        "sms_channelstop",
        "INSERT INTO sms_channelstop (channel, error_code, stopped_at, probe_at)"
        " VALUES ('sms', '20003', now(), now() - interval '1 second')",
    ),
    Forbidden(
        "sms_errorpolicy_only_our_set_up_stops_the_channel",
        "sms_errorpolicy",
        "UPDATE sms_errorpolicy SET stops_channel = true WHERE reaction = 'retry'",
    ),
    Forbidden("sms_optin_one_per_number", "sms_optin", _ADD_OPT_IN * 2),
    Forbidden("sms_messagetemplate_one_active", "sms_messagetemplate", _ADD_TEMPLATE * 2),
]

ALERTS: Final = [
    Forbidden(
        "alerts_alert_one_unresolved_per_key",
        "alerts_alert",
        _ADD_ALERT.format("info", "open") + _ADD_ALERT.format("info", "acknowledged"),
    ),
    Forbidden("alerts_alert_severity_known", "alerts_alert", _ADD_ALERT.format("loud", "open")),
    Forbidden(
        "alerts_alert_resolved_has_its_time", "alerts_alert", _ADD_ALERT.format("info", "resolved")
    ),
]

# Rows for the statements that change or remove what is there.
PREPARATION: Final = _ADD_ATTEMPT.format(1) + _ADD_REPORT
