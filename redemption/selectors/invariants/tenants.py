"""Clients are never mixed: what belongs together is of one client."""

from __future__ import annotations

from typing import Final

from alerts.selectors.invariants import Invariant

TENANTS: Final = (
    Invariant(
        name="campaigns-pay-from-their-own",
        sentence="A campaign pays from an account of its client, or of its client's agency.",
        things="campaign",
        query="""
            SELECT p.id FROM redemption_campaign p JOIN credit_client c ON c.id = p.client_id
            JOIN credit_account a ON a.id IN (p.account_id, p.own_account_id)
            WHERE (a.client_id = c.id OR a.level = 'agency' AND a.agency_id = c.agency_id
                AND p.billing_entity = 'agency') IS NOT TRUE""",
    ),
    Invariant(
        name="conditions-draw-from-their-own",
        sentence="A condition draws from a pool of its client or of the platform.",
        things="condition",
        query="""
            SELECT k.id FROM redemption_condition k
            JOIN redemption_campaign c ON c.id = k.campaign_id
            JOIN giftcards_pool p ON p.id = k.pool_id
            WHERE p.client_id <> c.client_id""",
    ),
    Invariant(
        name="recipients-of-one-client",
        sentence="A recipient is of their campaign's client.",
        things="recipient",
        query="""
            SELECT p.id FROM redemption_recipient p
            JOIN redemption_campaign c ON c.id = p.campaign_id WHERE p.client_id <> c.client_id""",
    ),
    Invariant(
        name="rewards-of-one-client",
        sentence="A redemption is of its recipient's campaign and client, for a condition of it.",
        things="redemption",
        query="""
            SELECT r.id FROM redemption_redemption r
            LEFT JOIN redemption_recipient p ON p.id = r.recipient_id
            LEFT JOIN redemption_campaign c ON c.id = r.campaign_id
            LEFT JOIN redemption_condition k ON k.id = r.condition_id
            WHERE (p.campaign_id = r.campaign_id AND k.campaign_id = r.campaign_id
                AND c.client_id = r.client_id) IS NOT TRUE""",
    ),
    Invariant(
        name="cards-given-to-their-client",
        sentence="A client's card is given to that client's people alone.",
        things="card",
        query="""
            SELECT c.id FROM giftcards_giftcard c
            JOIN redemption_redemption r ON r.card_id = c.id AND c.holder_id = r.id
            WHERE c.client_id <> r.client_id""",
    ),
    Invariant(
        name="messages-of-one-client",
        sentence="A message about a redemption is of its client.",
        things="message",
        query="""
            SELECT m.id FROM sms_message m JOIN redemption_redemption r ON r.id = m.reference_id
            WHERE m.client_id <> r.client_id""",
    ),
    Invariant(
        name="tasks-of-one-client",
        sentence="What is to be done at the desk is of its redemption's client.",
        things="task",
        query="""
            SELECT t.id FROM redemption_desktask t
            JOIN redemption_redemption r ON r.id = t.redemption_id
            WHERE t.client_id <> r.client_id OR t.recipient_id <> r.recipient_id""",
    ),
    Invariant(
        name="calls-of-one-client",
        sentence="A call is of the client of whom it is about.",
        things="call",
        query="""
            SELECT s.id FROM redemption_callsession s
            JOIN redemption_recipient p ON p.id = s.recipient_id
            WHERE s.client_id <> p.client_id""",
    ),
    Invariant(
        name="events-of-one-client",
        sentence="A CRM's event is of its source's client, and so is what it led to.",
        things="event",
        query="""
            SELECT e.id FROM redemption_inboundevent e
            JOIN redemption_eventsource s ON s.id = e.source_id
            LEFT JOIN redemption_redemption r ON r.id = e.redemption_id
            WHERE e.client_id <> s.client_id OR r.client_id <> e.client_id""",
    ),
    Invariant(
        name="uploads-of-one-client",
        sentence="An upload of people is of its campaign's client, and nobody is there of another.",
        things="upload",
        query="""
            SELECT b.id FROM redemption_recipientbatch b
            JOIN redemption_campaign c ON c.id = b.campaign_id
            WHERE b.client_id <> c.client_id
            UNION SELECT p.batch_id FROM redemption_recipient p
            JOIN redemption_recipientbatch b ON b.id = p.batch_id
            WHERE p.campaign_id <> b.campaign_id""",
    ),
)
