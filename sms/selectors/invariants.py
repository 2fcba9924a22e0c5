"""What is true of messages and of what people allowed us: Note [Invariant]."""

from __future__ import annotations

from typing import Final

from alerts.selectors.invariants import Invariant

INVARIANTS: Final = (
    Invariant(
        name="messages-are-due",
        sentence="A message that is still to be sent has the time of its next try.",
        things="message",
        query="""
            SELECT id FROM sms_message
            WHERE state IN ('queued', 'sending') AND next_attempt_at IS NULL""",
    ),
    Invariant(
        name="messages-are-worked-on",
        sentence="No message is more than an hour past its time, unless its channel is stopped.",
        things="message",
        # Those of a channel that works: of a stopped one all wait.
        query="""
            SELECT id FROM sms_message m WHERE next_attempt_at < %(now)s - interval '1 hour'
                AND NOT EXISTS (SELECT 1 FROM sms_channelstop s WHERE s.channel = m.channel)""",
    ),
    Invariant(
        name="message-states-fit-attempts",
        sentence="What a provider has taken has an attempt that it took, and its time.",
        things="message",
        query="""
            SELECT m.id FROM sms_message m
            WHERE m.state IN ('accepted', 'sent', 'delivered', 'undelivered') AND (
                m.accepted_at IS NULL AND m.state <> 'undelivered'
                OR m.state = 'delivered' AND m.delivered_at IS NULL
                OR NOT EXISTS (SELECT 1 FROM sms_deliveryattempt a WHERE a.message_id = m.id))""",
    ),
    Invariant(
        name="attempts-are-numbered",
        sentence="A message's attempts are numbered from 1 without a gap.",
        things="message",
        query="""
            SELECT message_id FROM sms_deliveryattempt
            GROUP BY message_id HAVING count(*) <> max(number) OR min(number) <> 1""",
    ),
    Invariant(
        name="opt-outs-respected",
        sentence="Nobody was texted after a STOP, unless a START came in between.",
        things="message",
        # A text that was claimed in the minute of the STOP was on its way already.
        query="""
            WITH word AS (
                SELECT client_id, phone, state, at,
                    lead(at) OVER (PARTITION BY client_id, phone ORDER BY id) AS until
                FROM sms_consentevent WHERE phone <> '')
            SELECT m.id FROM word w
            JOIN sms_message m ON m."to" = w.phone AND m.client_id = w.client_id
            JOIN sms_deliveryattempt a ON a.message_id = m.id
            WHERE w.state = 'revoked' AND m.channel = 'sms'
                AND a.requested_at > w.at + interval '1 minute'
                AND (w.until IS NULL OR a.requested_at < w.until)
                AND a.status NOT IN ('not_started', 'lost')
                AND (a.status <> 'cancelled' OR a.provider_id <> '')""",
    ),
    Invariant(
        name="opt-ins-follow-their-events",
        sentence="What is noted of a number is what its last word was.",
        things="opt-in",
        query="""
            SELECT o.id FROM sms_optin o LEFT JOIN LATERAL (
                SELECT e.state FROM sms_consentevent e
                WHERE e.phone = o.phone AND e.client_id = o.client_id
                ORDER BY e.id DESC LIMIT 1) last ON true
            WHERE last.state IS DISTINCT FROM o.state""",
    ),
    Invariant(
        name="messages-in-their-clients-words",
        sentence="A message is in the words of its own client or of the platform.",
        things="message",
        query="""
            SELECT m.id FROM sms_message m JOIN sms_messagetemplate t ON t.id = m.template_id
            WHERE t.client_id <> m.client_id""",
    ),
    Invariant(
        name="reports-are-about-their-message",
        sentence="A status that a provider reported is about an attempt of that message.",
        things="message",
        query="""
            SELECT s.message_id FROM sms_statusevent s WHERE NOT EXISTS (
                SELECT 1 FROM sms_deliveryattempt a
                WHERE a.message_id = s.message_id AND a.provider_id = s.provider_id)""",
    ),
)
