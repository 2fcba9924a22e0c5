"""What waits has taken nothing yet, and nothing waits for ever."""

from __future__ import annotations

from typing import Final

from alerts.selectors.invariants import Invariant

WAITING: Final = (
    Invariant(
        name="what-waits-took-nothing",
        sentence="What waits has taken neither card nor money.",
        things="redemption",
        query="""
            SELECT id FROM redemption_redemption
            WHERE (starts_with(state, 'waiting') OR state IN ('provisioning', 'unconfirmed'))
                AND (card_id IS NOT NULL OR transaction_id IS NOT NULL
                    OR charged_minor IS NOT NULL OR issued_at IS NOT NULL)""",
    ),
    Invariant(
        name="prepared-has-an-order",
        sentence="Who is being prepared has an order in work, and nobody else.",
        things="redemption",
        query="""
            SELECT r.id FROM redemption_redemption r
            LEFT JOIN giftcards_providerorder o
                ON (o.holder_kind, o.holder_id) = ('redemption', r.id)
                AND o.state IN ('requested', 'unknown')
            WHERE r.state NOT IN ('issued', 'delivered', 'confirmed')
                AND (r.state IN ('provisioning', 'unconfirmed')) <> (o.id IS NOT NULL)""",
    ),
    Invariant(
        name="the-queue-is-who-waits",
        sentence="Who waits for stock is in the queue; who was served is not.",
        things="redemption",
        query="""
            SELECT r.id FROM redemption_redemption r
            LEFT JOIN redemption_pendingreward p ON p.redemption_id = r.id
            WHERE r.state = 'waiting_stock' AND (p.served_at IS NOT NULL OR p.id IS NULL)
                OR r.state IN ('issued', 'delivered', 'confirmed')
                    AND p.id IS NOT NULL AND p.served_at IS NULL""",
    ),
    Invariant(
        name="claimed-cards-go-somewhere",
        sentence="No card has been claimed for more than a day while nothing is on its way.",
        things="card",
        # One that may have been seen stays with its recipient and waits for a person: Note [Task].
        query="""
            SELECT c.id FROM giftcards_giftcard c
            WHERE c.status = 'claimed' AND c.holder_kind = 'redemption'
                AND c.claimed_at < %(now)s - interval '1 day' AND c.disclosed_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM sms_message m WHERE m.reference_id = c.holder_id
                    AND (m.next_attempt_at IS NOT NULL OR m.state IN ('sending', 'unknown',
                        'undelivered', 'failed', 'suppressed')))
                AND NOT EXISTS (SELECT 1 FROM redemption_desktask k
                    WHERE k.redemption_id = c.holder_id AND k.done_at IS NULL)""",
    ),
    Invariant(
        name="crm-events-are-worked-on",
        sentence="No event of a CRM is more than an hour past the time of its next try.",
        things="event",
        query="""
            SELECT id FROM redemption_inboundevent
            WHERE next_attempt_at < %(now)s - interval '1 hour'""",
    ),
    Invariant(
        name="erasures-come-to-an-end",
        sentence="Nobody has waited for more than thirty days to be forgotten.",
        things="erasure",
        query="""
            SELECT id FROM redemption_erasure WHERE next_attempt_at IS NOT NULL
                AND requested_at < %(now)s - interval '30 days'""",
    ),
)
