"""How messages, the walls between clients and the kept counts are broken, one by one."""

from __future__ import annotations

from typing import Final

from tests.guards.forbidden import copy_row
from tests.verify.corrupting import Corruption, one, text_of

_MADE: Final = "'00000000-0000-4000-8000-0000000000aa'"
_DAY: Final = "(SELECT min(first_day) FROM redemption_rewardcount WHERE span = 'day')"
_MONTH: Final = "(SELECT min(first_day) FROM redemption_rewardcount WHERE span = 'month')"
_TEXT: Final = f"SELECT {text_of('{issued}')}"

MESSAGES: Final = {
    "messages-are-due": Corruption(
        f"UPDATE sms_message SET next_attempt_at = NULL WHERE id = {text_of('{crm}')}",
        f"SELECT {text_of('{crm}')}",
    ),
    "messages-are-worked-on": Corruption(
        "UPDATE sms_message SET next_attempt_at = now() - interval '2 hours'"
        f" WHERE id = {text_of('{crm}')}",
        f"SELECT {text_of('{crm}')}",
    ),
    "message-states-fit-attempts": Corruption(
        f"UPDATE sms_message SET accepted_at = NULL WHERE id = {text_of('{issued}')}", _TEXT
    ),
    "attempts-are-numbered": Corruption(
        f"UPDATE sms_deliveryattempt SET number = 2 WHERE message_id = {text_of('{issued}')}", _TEXT
    ),
    "opt-outs-respected": Corruption(
        "UPDATE sms_deliveryattempt SET status = 'accepted', provider_id = 'SMx',"
        " requested_at = now() + interval '5 minutes'"
        f" WHERE message_id = {text_of('{told_after_stop}')}",
        f"SELECT {text_of('{told_after_stop}')}",
    ),
    "opt-ins-follow-their-events": Corruption(
        "UPDATE sms_optin SET state = 'granted' WHERE phone = '{stopped_phone}'",
        "SELECT id FROM sms_optin WHERE phone = '{stopped_phone}'",
    ),
    "messages-in-their-clients-words": Corruption(
        "INSERT INTO sms_messagetemplate (client_id, purpose, channel, locale, body, is_active)"
        " VALUES ('{other_client}', 'reward', 'sms', 'en', 'x', true);"
        "UPDATE sms_message SET template_id = (SELECT id FROM sms_messagetemplate"
        f" WHERE client_id = '{{other_client}}') WHERE id = {text_of('{issued}')}",
        _TEXT,
    ),
    "reports-are-about-their-message": Corruption(
        "INSERT INTO sms_statusevent (message_id, provider_id, status)"
        f" VALUES ({text_of('{issued}')}, 'SMx', 'sent')",
        _TEXT,
    ),
}

TENANTS: Final = {
    "campaigns-pay-from-their-own": Corruption(
        "UPDATE redemption_campaign SET account_id = '{account}'"
        " WHERE client_id = '{other_client}'",
        "SELECT id FROM redemption_campaign WHERE client_id = '{other_client}'",
    ),
    "conditions-draw-from-their-own": Corruption(
        "UPDATE redemption_condition SET pool_id = '{other_pool}' WHERE id = '{condition}'",
        one("{condition}"),
    ),
    "recipients-of-one-client": Corruption(
        "UPDATE redemption_recipient SET client_id = '{other_client}' WHERE id = '{uninvited}'",
        one("{uninvited}"),
    ),
    "rewards-of-one-client": Corruption(
        "UPDATE redemption_redemption SET condition_id = '{other_condition}' WHERE id = '{waits}'",
        one("{waits}"),
    ),
    # A pool of the same worth, but another client's.
    "cards-given-to-their-client": Corruption(
        copy_row("giftcards_pool", "id = '{pool}'", id=_MADE, client_id="'{other_client}'")
        + f"; UPDATE giftcards_giftcard SET pool_id = {_MADE}, client_id = '{{other_client}}'"
        " WHERE id = '{c_issued}'",
        one("{c_issued}"),
    ),
    "messages-of-one-client": Corruption(
        f"UPDATE sms_message SET client_id = '{{other_client}}' WHERE id = {text_of('{issued}')}",
        _TEXT,
    ),
    "tasks-of-one-client": Corruption(
        "UPDATE redemption_desktask SET client_id = '{other_client}'"
        " WHERE redemption_id = '{issued}'",
        "SELECT id FROM redemption_desktask WHERE redemption_id = '{issued}'",
    ),
    "calls-of-one-client": Corruption(
        "UPDATE redemption_callsession SET client_id = '{other_client}'",
        "SELECT id FROM redemption_callsession",
    ),
    "events-of-one-client": Corruption(
        "UPDATE redemption_inboundevent SET client_id = '{other_client}'"
        " WHERE redemption_id = '{crm}'",
        "SELECT id FROM redemption_inboundevent WHERE redemption_id = '{crm}'",
    ),
    "uploads-of-one-client": Corruption(
        "UPDATE redemption_recipientbatch SET client_id = '{other_client}'",
        "SELECT id FROM redemption_recipientbatch",
    ),
}

COUNTERS: Final = {
    # The month too, so that it still is the sum of its days.
    "report-days": Corruption(
        "UPDATE redemption_rewardcount SET issued = issued + 1 WHERE level = 'client'"
        f" AND (span = 'day' AND first_day = {_DAY}"
        f" OR span = 'month' AND first_day = date_trunc('month', {_DAY})::date)",
        f"SELECT {_DAY}",
    ),
    "report-months": Corruption(
        "UPDATE redemption_rewardcount SET issued = issued + 1"
        f" WHERE level = 'client' AND span = 'month' AND first_day = {_MONTH}",
        f"SELECT {_MONTH}",
    ),
    "message-days": Corruption(
        "INSERT INTO redemption_messageday (day, counted_at) VALUES ('2026-01-02', now());"
        "INSERT INTO redemption_messagecount (day, client_id, channel, messages, attempts,"
        " accepted, tried, delivered, undelivered, failed, suppressed, cancelled, by_hand,"
        " in_doubt, segments, price, priced, waits, wait_counts, error_codes, error_attempts,"
        " error_ends) VALUES ('2026-01-02', '{other_client}', 'sms', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,"
        " 0, 0, 0, 0, ARRAY[]::integer[], ARRAY[]::bigint[], ARRAY[]::text[], ARRAY[]::bigint[],"
        " ARRAY[]::bigint[])",
        "SELECT '2026-01-02'",
    ),
    "code-ages": Corruption(
        "UPDATE redemption_redemption SET code_age_hours = code_age_hours + 1"
        " WHERE id = '{issued}'",
        one("{issued}"),
    ),
    "daily-claims": Corruption(
        "UPDATE redemption_dailyclaims SET claims = claims + 1",
        "SELECT campaign_id || ' ' || day FROM redemption_dailyclaims",
    ),
    "people-uploads-count": Corruption(
        "UPDATE redemption_recipientbatch SET accepted = accepted + 1",
        "SELECT id FROM redemption_recipientbatch",
    ),
}

SECRETS: Final = {
    "canaries-are-nobodys": Corruption(
        "INSERT INTO redemption_canary (id, code_digest, campaign_id, note, planted_by, planted_at)"
        " SELECT gen_random_uuid(), code_digest, campaign_id, 'x', 'user:1', now()"
        " FROM redemption_recipient WHERE id = '{uninvited}'",
        "SELECT id FROM redemption_canary",
    ),
    "redemption-codes-open": Corruption(
        "UPDATE redemption_recipient SET code_encrypted = 'v1:test:AAAA:AAAA'"
        " WHERE id = '{uninvited}'",
        one("{uninvited}"),
    ),
    "event-secrets-open": Corruption(
        "UPDATE redemption_eventsource SET secret_encrypted = 'v1:test:AAAA:AAAA'",
        "SELECT id FROM redemption_eventsource",
    ),
}
