"""A redemption, its card, its link and its texts agree."""

from __future__ import annotations

from typing import Final

from alerts.selectors.invariants import Invariant

REWARDS: Final = (
    Invariant(
        name="one-reward-each",
        sentence="Nobody has two rewards for one condition.",
        things="recipient",
        query="""
            SELECT recipient_id FROM redemption_redemption WHERE state <> 'failed'
            GROUP BY recipient_id, condition_id HAVING count(*) > 1""",
    ),
    Invariant(
        name="cards-in-use-have-their-redemption",
        sentence="Every card in use has the redemption that holds it.",
        things="card",
        query="""
            SELECT c.id FROM giftcards_giftcard c
            LEFT JOIN redemption_redemption r ON r.id = c.holder_id AND r.card_id = c.id
            WHERE c.status IN ('claimed', 'delivered', 'redeemed') AND r.id IS NULL
                AND c.holder_kind = 'redemption'""",
    ),
    Invariant(
        name="rewards-have-their-card",
        sentence="Every reward that stands has a card in use, its own, of its brand and value.",
        things="redemption",
        query="""
            SELECT r.id FROM redemption_redemption r
            JOIN redemption_condition k ON k.id = r.condition_id
            LEFT JOIN giftcards_giftcard c ON c.id = r.card_id AND c.holder_id = r.id
            WHERE r.state IN ('issued', 'delivered', 'confirmed') AND NOT r.is_test
                AND (c.value_minor = r.face_value_minor AND c.currency = r.currency
                    AND c.brand_id = k.brand_id
                    AND c.status IN ('claimed', 'delivered', 'redeemed')) IS NOT TRUE""",
    ),
    Invariant(
        name="one-card-one-person",
        sentence="No card is in the hands of two people.",
        things="card",
        query="""
            SELECT card_id FROM redemption_redemption
            WHERE state NOT IN ('failed', 'cancelled') AND card_id IS NOT NULL
            GROUP BY card_id HAVING count(*) > 1""",
    ),
    Invariant(
        name="cards-in-stock-were-never-shown",
        sentence="To a card in stock leads no link that lives, was opened, or stood in a text.",
        things="card",
        # Who had held it is named by the trace of how it was taken back. What was opened or sent
        # before its last exchange showed another card, which is void.
        query="""
            WITH back AS (
                SELECT c.id, t.redemption_id, (SELECT max(x.at) FROM redemption_replacement x
                    WHERE x.redemption_id = t.redemption_id) AS exchanged_at
                FROM redemption_provisioningtrace t
                JOIN giftcards_giftcard c ON c.id = nullif(t.details ->> 'card_id', '')::uuid
                WHERE t.step = 'take_back' AND c.status IN ('available', 'quarantined'))
            SELECT b.id FROM back b
            JOIN redemption_reveallink l ON l.redemption_id = b.redemption_id
            WHERE l.revoked_at IS NULL OR l.bound_at > coalesce(b.exchanged_at, '-infinity')
            UNION SELECT b.id FROM back b
            JOIN sms_message m ON m.reference_id = b.redemption_id
                AND m.reference_kind = 'redemption'
            WHERE m.holds_secret AND m.accepted_at > coalesce(b.exchanged_at, '-infinity')
            UNION SELECT c.id FROM redemption_redemption r
            JOIN giftcards_giftcard c ON c.id = r.card_id
            WHERE c.status IN ('available', 'expired')""",
    ),
    Invariant(
        name="shown-cards-are-delivered",
        sentence="A card that was shown is delivered, unless only staff has seen it.",
        things="card",
        query="""
            SELECT c.id FROM giftcards_giftcard c
            WHERE c.status = 'claimed' AND c.disclosed_at IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM credit_auditevent e
                    WHERE e.action = 'card.revealed' AND e.object_id = c.id::text)""",
    ),
    Invariant(
        name="rewards-go-with-their-cards",
        sentence="A reward is delivered when its card is, and says when.",
        things="redemption",
        query="""
            SELECT r.id FROM redemption_redemption r JOIN giftcards_giftcard c ON c.id = r.card_id
            WHERE r.state IN ('issued', 'delivered', 'confirmed') AND (
                (r.state = 'issued') <> (c.status = 'claimed')
                OR (r.state <> 'issued') <> (r.delivered_at IS NOT NULL))
                AND c.holder_id = r.id AND c.status IN ('claimed', 'delivered', 'redeemed')
                AND r.issued_at IS NOT NULL""",
    ),
    Invariant(
        name="rewards-have-one-text",
        sentence="A reward that stands was sent to who asked for it, one message on each channel.",
        things="redemption",
        # What was corrected goes out anew, as a resend.
        query="""
            SELECT r.id FROM redemption_redemption r
            WHERE r.state IN ('issued', 'delivered', 'confirmed') AND r.contact_method <> 'none'
                AND NOT EXISTS (SELECT 1 FROM sms_message m WHERE m.reference_id = r.id
                    AND m.purpose IN ('reward', 'resend', 'apology'))
            UNION SELECT reference_id FROM sms_message WHERE purpose = 'reward'
                AND reference_kind = 'redemption'
            GROUP BY reference_id, channel HAVING count(*) > 1
            UNION SELECT r.id FROM redemption_redemption r
            JOIN sms_message m ON m.reference_id = r.id AND m.reference_kind = 'redemption'
            WHERE starts_with(r.state, 'waiting') AND m.purpose = 'reward'""",
    ),
    Invariant(
        name="arrived-is-confirmed",
        sentence="A reward whose text has arrived says so.",
        things="redemption",
        # Of a link that was replaced nobody hears any more.
        query="""
            SELECT r.id FROM redemption_redemption r
            JOIN sms_message m ON m.reference_id = r.id AND m.reference_kind = 'redemption'
            WHERE r.state IN ('issued', 'delivered') AND m.purpose IN ('reward', 'resend')
                AND m.state = 'delivered' AND NOT EXISTS (SELECT 1 FROM redemption_reveallink l
                    WHERE l.redemption_id = r.id AND (l.version > 1 OR l.revoked_at IS NOT NULL))
            UNION SELECT r.id FROM redemption_redemption r
            WHERE r.state = 'confirmed' AND (r.confirmed_at IS NULL OR NOT EXISTS (
                SELECT 1 FROM sms_message m WHERE m.reference_id = r.id AND m.state = 'delivered'))
            """,
    ),
    Invariant(
        name="texts-have-their-redemption",
        sentence="Every text about a redemption is about one that is there.",
        things="message",
        query="""
            SELECT m.id FROM sms_message m
            LEFT JOIN redemption_redemption r ON r.id = m.reference_id
            WHERE m.reference_kind IN ('redemption', 'opt_in') AND r.id IS NULL""",
    ),
    Invariant(
        name="rewards-have-their-link",
        sentence="Every redemption has its link.",
        things="redemption",
        query="""
            SELECT r.id FROM redemption_redemption r WHERE NOT EXISTS (
                SELECT 1 FROM redemption_reveallink l WHERE l.redemption_id = r.id)""",
    ),
    Invariant(
        name="ended-holds-no-card",
        sentence="What has failed or was cancelled holds no card, and no link leads to it.",
        things="redemption",
        query="""
            SELECT r.id FROM redemption_redemption r JOIN giftcards_giftcard c
                ON c.holder_kind = 'redemption' AND c.holder_id = r.id AND c.status <> 'void'
            WHERE r.state IN ('failed', 'cancelled')""",
    ),
    Invariant(
        name="exchanged-cards-are-void",
        sentence="A card that was exchanged is void, and its redemption has the last one.",
        things="redemption",
        query="""
            SELECT x.redemption_id FROM redemption_replacement x
            JOIN giftcards_giftcard old ON old.id = x.old_card_id
            JOIN redemption_redemption r ON r.id = x.redemption_id
            WHERE old.status <> 'void' OR old.holder_id <> x.redemption_id
                OR r.state IN ('issued', 'delivered', 'confirmed') AND r.card_id <> (
                    SELECT y.new_card_id FROM redemption_replacement y
                    WHERE y.redemption_id = r.id ORDER BY y.id DESC LIMIT 1)""",
    ),
    Invariant(
        name="tests-take-nothing",
        sentence="A test took neither card nor money.",
        things="redemption",
        query="""
            SELECT r.id FROM redemption_redemption r
            LEFT JOIN giftcards_giftcard c
                ON c.holder_kind = 'redemption' AND c.holder_id = r.id
            WHERE r.is_test AND (r.card_id IS NOT NULL OR r.transaction_id IS NOT NULL
                OR r.charged_minor <> 0 OR c.id IS NOT NULL)""",
    ),
    Invariant(
        name="answered-keys-lead-somewhere",
        sentence="Every Idempotency-Key that was answered leads to what it stands for.",
        things="key record",
        query="""
            SELECT i.id FROM credit_idempotencyrecord i
            LEFT JOIN redemption_redemption r ON r.id = i.object_id
            LEFT JOIN credit_transaction t ON t.id = i.object_id
            LEFT JOIN giftcards_cardsale s ON s.id = i.object_id
            LEFT JOIN giftcards_cardbatch b ON b.id = i.object_id
            LEFT JOIN redemption_recipientbatch p ON p.id = i.object_id
            LEFT JOIN alerts_webhookdelivery d ON d.id = i.object_id
            WHERE i.status IN (201, 202) AND r.id IS NULL AND t.id IS NULL AND s.id IS NULL
                AND b.id IS NULL AND p.id IS NULL AND d.id IS NULL
                AND NOT EXISTS (SELECT 1 FROM (SELECT id FROM loyalty_customer
                    UNION ALL SELECT id FROM loyalty_stockitem
                    UNION ALL SELECT id FROM loyalty_registersession
                    UNION ALL SELECT id FROM loyalty_checkout
                    UNION ALL SELECT id FROM loyalty_refund
                    UNION ALL SELECT id FROM loyalty_reward) points WHERE points.id = i.object_id)
                -- An endpoint of webhooks may be gone by now: that it was made is written down.
                AND NOT EXISTS (SELECT 1 FROM credit_auditevent a
                    WHERE a.object_id = i.object_id::text)""",
    ),
)
