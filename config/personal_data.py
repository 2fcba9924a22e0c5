"""What personal data stands where: every column of text is declared here, one way or the other.

Keys, numbers, times, flags and choices say nothing of a person by themselves; a column of text may.
A test walks all models and fails on one that is missing here, so that nobody adds a column without
deciding how it is emptied when a person is forgotten, and how long it is kept otherwise. Another
erases somebody of whom everything is known and compares the tables with what is said here.
docs/privacy.md tells the same in words.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Final


class Fate(enum.StrEnum):
    """What becomes of a column when its person is forgotten."""

    EMPTIED = "emptied"
    # With its row.
    GONE = "gone"
    # Only where it names them: words that an operator or agent wrote.
    SEARCHED = "emptied where it names them"
    # It can't be read back to the person.
    STAYS = "stays"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is said of recipients and of customers.

    :param kept: the setting that says how long, else in words.
    """

    fate: Fate
    kept: str


_PERSON: Final = Held(fate=Fate.EMPTIED, kept="RETAIN_RECIPIENTS")
_ACCOUNT: Final = Held(fate=Fate.EMPTIED, kept="as long as they collect points")
_WORDS: Final = Held(fate=Fate.SEARCHED, kept="for ever: it is a record")
_MESSAGE: Final = Held(fate=Fate.EMPTIED, kept="RETAIN_MESSAGES")
_INBOUND: Final = Held(fate=Fate.EMPTIED, kept="RETAIN_INBOUND_TEXTS")
_BROWSER: Final = Held(fate=Fate.EMPTIED, kept="RETAIN_BROWSERS")
_CALL: Final = Held(fate=Fate.EMPTIED, kept="RETAIN_CALLS")
_EVENT: Final = Held(fate=Fate.EMPTIED, kept="RETAIN_EVENTS")
_CONSENT: Final = Held(fate=Fate.GONE, kept="as long as texts are welcome or refused")
_PROOF: Final = Held(fate=Fate.EMPTIED, kept="for ever: it proves a consent")
_DIGEST: Final = Held(fate=Fate.STAYS, kept="for ever: nobody can read it")
_STAGED: Final = Held(fate=Fate.GONE, kept="until the upload is finished")
_ATTEMPT: Final = Held(fate=Fate.GONE, kept="ATTEMPTS_KEPT")

# Of the people who are rewarded: table → column.
PERSONAL: Final[dict[str, dict[str, Held]]] = {
    "redemption_recipient": {
        **dict.fromkeys(
            (
                "first_name",
                "last_name",
                "phone",
                "email",
                "city",
                "region",
                "postal_code",
                "external_crm_id",
                "code_encrypted",
                "code_last4",
            ),
            _PERSON,
        ),
        "country": Held(fate=Fate.STAYS, kept="for ever: it is for the figures"),
        "code_digest": _DIGEST,
    },
    "redemption_stagedrecipient": dict.fromkeys(
        (
            "first_name",
            "last_name",
            "phone",
            "email",
            "city",
            "region",
            "postal_code",
            "country",
            "external_crm_id",
            "code_digest",
            "code_encrypted",
            "code_last4",
        ),
        _STAGED,
    ),
    "redemption_redemption": {
        "contact_to": _MESSAGE,
        **dict.fromkeys(("ip_address", "user_agent", "browser_digest"), _BROWSER),
    },
    "redemption_reveallink": {
        "bound_to": Held(fate=Fate.EMPTIED, kept="for ever: nobody can read it"),
        "token_digest": _DIGEST,
    },
    "redemption_callsession": {"caller": _CALL, "notes": _CALL},
    "redemption_desktask": {"phone": _CALL, "note": _CALL, "done_note": _CALL},
    "redemption_inboundevent": {
        "contact_id": _EVENT,
        "body_encrypted": Held(fate=Fate.EMPTIED, kept="thirty days, or until there is a reward"),
        "details": Held(fate=Fate.EMPTIED, kept="for ever: it names no one"),
        "campaign_ref": Held(fate=Fate.EMPTIED, kept="for ever: it names a campaign"),
        "body_digest": _DIGEST,
    },
    "redemption_attemptlog": {"network": _ATTEMPT, "code_digest": _ATTEMPT},
    "redemption_replacement": {"reason": _WORDS},
    "giftcards_cardevent": {"reason": _WORDS},
    "credit_auditevent": {"details": _WORDS},
    "sms_message": {"to": _MESSAGE, "preview": _MESSAGE, "values": _MESSAGE},
    "sms_deliveryattempt": {"error_message": _MESSAGE},
    "sms_inboundmessage": {"from_number": _INBOUND, "body": _INBOUND, "reply": _INBOUND},
    "sms_phonehealth": {"phone": Held(fate=Fate.GONE, kept="RETAIN_MESSAGES")},
    "sms_optin": dict.fromkeys(("phone", "reason", "text_shown", "link_digest"), _CONSENT),
    "sms_consentevent": {"phone": _PROOF, "reason": _PROOF},
    "sms_keptoptout": {"phone_digest": _DIGEST},
}

# Of the people who work with it: their accounts are changed and closed under Users.
STAFF: Final[dict[str, str]] = {
    # Where our own people are told of alerts.
    "alerts_notice": "target",
    "alerts_noticeroute": "name email url_encrypted secret_encrypted",
    "credit_user": "password username first_name last_name email",
    "credit_authenticator": "name secret_encrypted recovery_digests",
    "credit_usersession": "user_agent address",
    "credit_apikey": "name prefix digest scopes allowed_networks refused_address",
    # Whom to wake: changed under Escalation contacts.
    "alerts_escalationcontact": "name email phone",
    "alerts_actionitem": "words owner",
    # Who has asked for the daily report.
    "redemption_reportsubscription": "time_zone",
    "redemption_dailyreportmail": "note",
    # Addresses that somebody has decided about; kept until the reason for it is looked for.
    "redemption_addressblock": "network reason created_by lifted_by lift_reason",
    "redemption_addressallow": "network reason created_by lifted_by lift_reason",
    "redemption_addressclearing": "network reason created_by lifted_by lift_reason",
    # Of who has tried a code that nobody was given: kept as the proof of a leak (ALERTS_KEPT).
    "redemption_canary": "note planted_by retired_by code_digest",
    "redemption_canarytry": "network caller request_id",
}

# Of a client's customers, who collect points, each forgotten by themselves: who was rewarded does
# not tell whose account it is. What texts and records keep of them stands above.
CUSTOMERS: Final[dict[str, dict[str, Held]]] = {
    "loyalty_customer": dict.fromkeys(("first_name", "last_name", "phone", "email"), _ACCOUNT),
    # Words of whoever changed points, gave money back or gave points up.
    "loyalty_loyaltytransaction": {"description": _WORDS},
    "loyalty_refund": {"reason": _WORDS},
    "loyalty_reconciliationitem": {"resolution_note": _WORDS},
    "loyalty_reward": {"contact_to": _MESSAGE},
}

# Of nobody: things, organisations, codes of our own, and ids of who did something.
IMPERSONAL: Final[dict[str, str]] = {
    "alerts_alert": "kind monitor subject message data dedupe_key",
    # The words of an alert, which name nobody.
    "alerts_notice": "reference subject text path last_error",
    "alerts_incident": "number title kind components cause resolution lessons public_title",
    "alerts_monitorrun": "breakdown alerts",
    "alerts_jobrun": "job task counts error_type error_words host fold",
    # The reason is about a job; who gave it stands as an id.
    "alerts_joblease": "job task host error_type error_words switch_reason",
    "alerts_ratecount": "key times",
    # Events name a recipient by id alone.
    "alerts_webhookdelivery": "event_type dedupe_key body request_id tries",
    "alerts_webhookendpoint": "url description events secret_encrypted previous_secret_encrypted"
    " reason last_error",
    "alerts_webhooklevel": "key level",
    "alerts_timelineentry": "words actor source",
    "alerts_verification": "asked_by names proofs",
    "credit_agency": "name slug",
    "credit_client": "name slug support_phone support_email",
    "credit_clientlook": "colour logo logo_digest embed_origins",
    # Three days, and what is kept of a request is its fingerprint and what was made.
    "credit_idempotencyrecord": "owner key fingerprint error_code state details",
    "credit_account": "name currency",
    "credit_auditevent": "actor action object_kind object_id request_id",
    "credit_transaction": "reference idempotency_key actor note",
    "giftcards_brand": "name slug logo code_format expiration_policy redemption_url balance_url"
    " terms_url instructions disclosure provider_slug",
    "giftcards_denomination": "currency",
    "giftcards_pool": "name api_provider",
    "giftcards_cardsale": "currency idempotency_key actor",
    "giftcards_cardbatch": "file_name file_hash rejects actor",
    "giftcards_giftcard": "code_encrypted code_digest last4 pin_encrypted number_encrypted"
    " security_code_encrypted url_encrypted currency provider_reference holder_kind",
    "giftcards_cardevent": "from_status to_status actor",
    "giftcards_stagedcard": "code_encrypted code_digest last4 pin_encrypted number_encrypted",
    "giftcards_providerorder": "provider request_id provider_slug currency delivery_method"
    " holder_kind provider_reference error_code answer trace_id actor settled_by",
    "giftcards_providerorderevent": "outcome code actor",
    "giftcards_providercircuit": "provider error_code",
    "giftcards_providerfloat": "provider name currency",
    "giftcards_providerbrand": "provider slug name currency reason denominations_minor"
    " delivery_methods",
    "giftcards_uploadjob": "mode actor rejects note",
    "sms_messagetemplate": "locale subject body",
    "sms_message": "locale reference_kind provider_id sender error_code request_id",
    "sms_deliveryattempt": "provider_id error_code price",
    "sms_statusevent": "provider_id status error_code",
    "sms_channelstop": "error_code",
    "sms_optin": "way actor",
    "sms_consentevent": "text_shown way actor",
    "sms_phonehealth": "error_code",
    "sms_inboundmessage": "provider_id to_number opt_out_type",
    "sms_errorpolicy": "code note",
    "redemption_attemptlog": "caller form limit request_id",
    "redemption_formbreaker": "form",
    "redemption_campaign": "name locale",
    "redemption_condition": "name currency crm_event_name checklist",
    # Of a line that was refused its number and the column are kept, not what it said.
    "redemption_recipientbatch": "file_name file_hash rejects actor",
    "redemption_redemption": "reason_code actor currency contact_method request_id",
    "redemption_pendingreward": "reason_code",
    "redemption_provisioningtrace": "request_id step status error_code message details",
    "redemption_desktask": "created_by",
    # Points as they read, each with whether it was ticked.
    "redemption_conditionmet": "checklist",
    "redemption_erasure": "recipient_ids reason requested_by counts provider_ids waits_for",
    "redemption_eventsource": "name secret_encrypted previous_secret_encrypted mapping",
    "redemption_inboundevent": "event_id event_type error_code actor replay_actor",
    "redemption_eventtry": "details error_code actor",
    "redemption_messagecount": "waits wait_counts error_codes error_attempts error_ends",
    "redemption_replacement": "actor",
    "redemption_rewardcount": "currency waits wait_counts",
    "loyalty_loyaltyprogram": "currency",
    "loyalty_tier": "name",
    "loyalty_customer": "tier",
    "loyalty_loyaltytransaction": "actor",
    "loyalty_stockitem": "sku name currency",
    "loyalty_registersession": "register currency opened_by closed_by",
    "loyalty_checkout": "order_number currency steps actor request_id",
    "loyalty_checkoutline": "sku name",
    "loyalty_payment": "gateway currency gateway_reference error",
    "loyalty_reconciliationitem": "currency error resolved_by",
    "loyalty_refund": "currency lines gateway_reference error actor request_id",
    "loyalty_customererasure": "reason requested_by provider_ids",
    # The link's secret itself is kept nowhere.
    "loyalty_reward": "reason_code source currency contact_method reveal_digest actor request_id",
}
