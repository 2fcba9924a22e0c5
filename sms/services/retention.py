"""How long texts tell whom they went to and what they said."""

from __future__ import annotations

from typing import Final

from alerts.services.retention import RetentionRule

RULES: Final = (
    RetentionRule(
        name="messages",
        setting="RETAIN_MESSAGES",
        words="whom texts and e-mails went to, and what they said",
        table="sms_message",
        due="created_at < %(before)s AND next_attempt_at IS NULL AND redact_at IS NULL"
        """ AND ("to" <> '' OR preview <> '' OR "values" <> '{}')""",
        changes=""""to" = '', preview = '', "values" = '{}'""",
    ),
    RetentionRule(
        name="attempts",
        setting="RETAIN_MESSAGES",
        words="the provider's words about a try to send",
        table="sms_deliveryattempt",
        due="requested_at < %(before)s AND error_message <> ''",
        changes="error_message = ''",
    ),
    RetentionRule(
        name="bad_phones",
        setting="RETAIN_MESSAGES",
        words="numbers that no text reached",
        table="sms_phonehealth",
        key="phone",
        due="failed_at < %(before)s",
        changes=None,
    ),
    RetentionRule(
        name="inbound",
        setting="RETAIN_INBOUND_TEXTS",
        words="who texted us, what, and what was answered",
        table="sms_inboundmessage",
        due="received_at < %(before)s AND (from_number <> '' OR body <> '' OR reply <> '')",
        changes="from_number = '', body = '', reply = ''",
    ),
)
