"""How cards, redemptions and their texts are broken, one by one."""

from __future__ import annotations

from typing import Final

from tests.guards.forbidden import copy_row
from tests.verify.corrupting import Corruption, event, hold, one, text_of

_NEW: Final = "gen_random_uuid()"
_NOBODY: Final = "00000000-0000-4000-8000-000000000001"
_MADE: Final = "'00000000-0000-4000-8000-0000000000aa'"
_FREE_HELD: Final = (
    "ALTER TABLE giftcards_giftcard DROP CONSTRAINT giftcards_card_held_exactly_when_claimed;"
)
_LINK: Final = (
    "INSERT INTO redemption_reveallink (token_digest, redemption_id, version, expires_at)"
    f" VALUES ('\\x01', {_MADE}, 1, now());"
)

CARDS: Final = {
    "cards-unseen-in-stock": Corruption(
        f"{_FREE_HELD} UPDATE giftcards_giftcard SET disclosed_at = now() WHERE id = '{{free}}'",
        one("{free}"),
    ),
    "cards-unseen-set-aside": Corruption(
        hold("{free}", "parcel", _NOBODY)
        + "UPDATE giftcards_giftcard SET disclosed_at = now() WHERE id = '{free}'",
        one("{free}"),
    ),
    "cards-one-holder": Corruption(
        "DROP INDEX giftcards_card_one_per_holder;"
        + hold("{free}", "parcel", _NOBODY)
        + hold("{free2}", "parcel", _NOBODY),
        "SELECT '{free}' UNION SELECT '{free2}'",
    ),
    "card-codes-once": Corruption(
        "ALTER TABLE giftcards_giftcard DROP CONSTRAINT giftcards_card_code_unique_in_brand;"
        "UPDATE giftcards_giftcard c SET (code_digest, code_encrypted, last4) ="
        " (SELECT code_digest, code_encrypted, last4 FROM giftcards_giftcard WHERE id = '{free}')"
        " WHERE id = '{free2}'",
        "SELECT '{free}' UNION SELECT '{free2}'",
    ),
    "card-states-follow-events": Corruption(event("{free}", "available", "expired"), one("{free}")),
    "card-steps-have-an-actor": Corruption(
        event("{free}", "available", "available", actor="database:x"), one("{free}")
    ),
    "cards-fit-their-pool": Corruption(
        "UPDATE giftcards_giftcard SET client_id = '{other_client}' WHERE id = '{free}'",
        one("{free}"),
    ),
    "cards-past-their-date": Corruption(
        "UPDATE giftcards_giftcard SET expires_on = '2020-01-31' WHERE id = '{free}'",
        one("{free}"),
    ),
    "cards-held-back-stay": Corruption(
        _FREE_HELD + "UPDATE giftcards_giftcard SET status = 'held_back', holder_kind = 'parcel',"
        f" holder_id = '{_NOBODY}' WHERE id = '{{free}}'",
        one("{free}"),
    ),
    "uploads-count-their-cards": Corruption(
        "UPDATE giftcards_cardbatch SET accepted = accepted + 1",
        "SELECT id FROM giftcards_cardbatch",
    ),
    "uploads-come-to-an-end": Corruption(
        copy_row(
            "giftcards_cardbatch",
            id=_NEW,
            state="'checking'",
            created_at="now() - interval '2 days'",
        ),
        "SELECT id FROM giftcards_cardbatch WHERE state = 'checking'",
    ),
    "card-secrets-open": Corruption(
        "UPDATE giftcards_giftcard SET code_encrypted = 'v1:test:AAAA:AAAA' WHERE id = '{free}'",
        one("{free}"),
    ),
}

REWARDS: Final = {
    "one-reward-each": Corruption(
        "DROP INDEX redemption_one_reward_each;"
        + copy_row("redemption_redemption", "id = '{test}'", id=_MADE, contact_method="'none'")
        + f"; {_LINK}",
        "SELECT recipient_id FROM redemption_redemption WHERE id = '{test}'",
    ),
    "cards-in-use-have-their-redemption": Corruption(
        hold("{free}", "redemption", _NOBODY, "claimed"), one("{free}")
    ),
    "rewards-have-their-card": Corruption(
        "UPDATE redemption_redemption SET face_value_minor = 2501 WHERE id = '{issued}'",
        one("{issued}"),
    ),
    # Of somebody who has not redeemed, in a state in which nothing else is expected.
    "one-card-one-person": Corruption(
        copy_row(
            "redemption_redemption",
            "id = '{shown}'",
            id=_MADE,
            recipient_id="'{uninvited}'",
            state="'pending'",
            transaction_id="NULL",
            charged_minor="NULL",
        )
        + f"; {_LINK}",
        one("{c_shown}"),
    ),
    "cards-in-stock-were-never-shown": Corruption(
        "UPDATE redemption_reveallink SET bound_to = '\\x01', bound_at = now()"
        " WHERE redemption_id = '{cancelled}'",
        "SELECT details ->> 'card_id' FROM redemption_provisioningtrace"
        " WHERE redemption_id = '{cancelled}' AND step = 'take_back'",
    ),
    "shown-cards-are-delivered": Corruption(
        "UPDATE giftcards_giftcard SET disclosed_at = now() WHERE id = '{c_crm}'", one("{c_crm}")
    ),
    "rewards-go-with-their-cards": Corruption(
        "UPDATE redemption_redemption SET delivered_at = NULL WHERE id = '{issued}'",
        one("{issued}"),
    ),
    "rewards-have-one-text": Corruption(
        copy_row(
            "sms_message",
            f"id = {text_of('{issued}')}",
            id=_NEW,
            provider_id="NULL",
            state="'cancelled'",
            next_attempt_at="NULL",
        ),
        one("{issued}"),
    ),
    "arrived-is-confirmed": Corruption(
        "UPDATE sms_message SET state = 'delivered', delivered_at = now(), next_attempt_at = NULL"
        f" WHERE id = {text_of('{issued}')}",
        one("{issued}"),
    ),
    "texts-have-their-redemption": Corruption(
        copy_row(
            "sms_message",
            f"id = {text_of('{issued}')}",
            id=_MADE,
            provider_id="NULL",
            reference_id=_NEW,
            state="'cancelled'",
            next_attempt_at="NULL",
        ),
        f"SELECT {_MADE}",
    ),
    "rewards-have-their-link": Corruption(
        "DELETE FROM redemption_reveallink WHERE redemption_id = '{issued}'", one("{issued}")
    ),
    "ended-holds-no-card": Corruption(
        hold("{free}", "redemption", "{cancelled}"), one("{cancelled}")
    ),
    "exchanged-cards-are-void": Corruption(
        "UPDATE redemption_replacement SET new_card_id = '{c_issued}'", one("{exchanged}")
    ),
    "tests-take-nothing": Corruption(hold("{free}", "redemption", "{test}"), one("{test}")),
    "answered-keys-lead-somewhere": Corruption(
        "UPDATE credit_idempotencyrecord SET object_id = gen_random_uuid()",
        "SELECT id FROM credit_idempotencyrecord",
    ),
    "what-waits-took-nothing": Corruption(
        "UPDATE redemption_redemption SET issued_at = now() WHERE id = '{waits}'", one("{waits}")
    ),
    "prepared-has-an-order": Corruption(
        "UPDATE redemption_redemption SET state = 'unconfirmed' WHERE id = '{waits}'",
        one("{waits}"),
    ),
    "the-queue-is-who-waits": Corruption(
        "UPDATE redemption_pendingreward SET served_at = now() WHERE redemption_id = '{waits}'",
        one("{waits}"),
    ),
    "claimed-cards-go-somewhere": Corruption(
        "UPDATE giftcards_giftcard SET claimed_at = now() - interval '2 days'"
        " WHERE id = '{c_crm}';"
        "UPDATE sms_message SET state = 'cancelled', next_attempt_at = NULL"
        f" WHERE id = {text_of('{crm}')}",
        one("{c_crm}"),
    ),
    "crm-events-are-worked-on": Corruption(
        "UPDATE redemption_inboundevent SET next_attempt_at = now() - interval '2 hours'"
        " WHERE redemption_id = '{crm}'",
        "SELECT id FROM redemption_inboundevent WHERE redemption_id = '{crm}'",
    ),
    "erasures-come-to-an-end": Corruption(
        "INSERT INTO redemption_erasure (id, recipient_ids, reason, requested_by, requested_at,"
        f" next_attempt_at) VALUES ({_MADE}, ARRAY[]::uuid[], 'x', 'user:1',"
        " now() - interval '31 days', now())",
        f"SELECT {_MADE}",
    ),
}
