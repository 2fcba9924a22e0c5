"""The admin's side bar: what operators look for first, grouped by their words for it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from giftcards.selectors.orders import count_unknown_orders

# A list with its filter: each order on it waits for a person.
_UNKNOWN = "giftcards_providerorder_changelist?state__exact=unknown"

_GROUPS: tuple[tuple[str, bool, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "",
        False,
        (
            ("Today", "space_dashboard", "index"),
            ("Alerts", "notifications", "alerts_alert_changelist"),
            ("Incidents", "emergency", "alerts_incident_changelist"),
            ("Runbook", "menu_book", "runbook"),
            ("Inventory", "inventory", "report-inventory"),
            ("Reports", "monitoring", "reports"),
        ),
    ),
    (
        "Redemptions",
        False,
        (
            ("Redemptions", "redeem", "redemption_redemption_changelist"),
            ("Waiting rewards", "hourglass_top", "redemption_pendingreward_changelist"),
            ("Desk", "headset_mic", "desk"),
            ("To do at the desk", "support_agent", "redemption_desktask_changelist"),
            ("Recipients", "group", "redemption_recipient_changelist"),
            ("Duplicate claims", "content_copy", "duplicate_claims"),
            ("Files of people", "group_add", "redemption_recipientbatch_changelist"),
            ("Campaigns", "campaign", "redemption_campaign_changelist"),
            ("CRM events", "webhook", "redemption_inboundevent_changelist"),
        ),
    ),
    (
        "Gift cards",
        False,
        (
            ("Pools", "inventory_2", "giftcards_pool_changelist"),
            ("Cards", "credit_card", "giftcards_giftcard_changelist"),
            ("Brands", "storefront", "giftcards_brand_changelist"),
            ("Agencies' terms", "percent", "giftcards_agencybrand_changelist"),
            ("Agencies' prices", "price_change", "giftcards_agencyprice_changelist"),
            ("Uploads", "upload_file", "giftcards_cardbatch_changelist"),
            ("Sales", "point_of_sale", "giftcards_cardsale_changelist"),
        ),
    ),
    (
        "Buying",
        False,
        (
            ("Providers", "local_shipping", "giftcards_providercircuit_changelist"),
            ("Provider orders", "shopping_cart", "giftcards_providerorder_changelist"),
            ("Unknown outcomes", "help_center", _UNKNOWN),
        ),
    ),
    (
        "Loyalty",
        False,
        (
            ("Customers", "loyalty", "loyalty_customer_changelist"),
            ("Checkouts", "shopping_bag", "loyalty_checkout_changelist"),
            ("Points owed", "rule", "loyalty_reconciliationitem_changelist"),
            ("Recent activity", "history", "loyalty_activity"),
            ("Points per day", "bar_chart", "loyalty_statistics"),
            ("Cards for points", "featured_seasonal_and_gifts", "loyalty_reward_changelist"),
            ("Programmes", "stars", "loyalty_loyaltyprogram_changelist"),
            ("Articles", "sell", "loyalty_stockitem_changelist"),
            ("Tills", "point_of_sale", "loyalty_registersession_changelist"),
            ("Integrity of points", "verified", "loyalty_integrity"),
        ),
    ),
    (
        "Messages",
        False,
        (
            ("Messages", "sms", "sms_message_changelist"),
            ("Templates", "edit_note", "sms_messagetemplate_changelist"),
            ("Replies", "reply", "sms_inboundmessage_changelist"),
            ("Opt-ins", "how_to_reg", "sms_optin_changelist"),
            ("Bad numbers", "phonelink_erase", "sms_phonehealth_changelist"),
        ),
    ),
    (
        "Credit",
        False,
        (
            ("Accounts", "account_balance_wallet", "credit_account_changelist"),
            ("Transactions", "receipt_long", "credit_transaction_changelist"),
            ("Changes", "manage_history", "credit_auditevent_changelist"),
        ),
    ),
    (
        "Organisations",
        False,
        (
            ("Agencies", "apartment", "credit_agency_changelist"),
            ("Clients", "business_center", "credit_client_changelist"),
            ("Users", "person", "credit_user_changelist"),
            ("Memberships", "badge", "credit_membership_changelist"),
            ("Sessions", "devices", "credit_usersession_changelist"),
            ("Locked log-ins", "lock", "axes_accessattempt_changelist"),
            ("API keys", "key", "credit_apikey_changelist"),
            ("Event sources", "hub", "redemption_eventsource_changelist"),
            ("Webhook endpoints", "webhook", "alerts_webhookendpoint_changelist"),
        ),
    ),
    (
        "Guard",
        False,
        (
            ("Look an address up", "travel_explore", "look_up_address"),
            ("Blocked addresses", "block", "redemption_addressblock_changelist"),
            ("Allowed addresses", "verified_user", "redemption_addressallow_changelist"),
            ("Tries at codes", "pin", "redemption_attemptlog_changelist"),
            ("Canary codes", "flutter_dash", "redemption_canary_changelist"),
        ),
    ),
    (
        "Operations",
        False,
        (
            ("A person's data", "person_search", "find_person"),
            ("Erasures", "person_off", "redemption_erasure_changelist"),
            ("Health", "ecg_heart", "health"),
            ("Jobs", "schedule", "jobs"),
            ("Monitors", "monitor_heart", "monitors"),
            ("Notices", "outgoing_mail", "alerts_notice_changelist"),
            ("Notice routes", "alt_route", "alerts_noticeroute_changelist"),
            ("Escalation contacts", "contact_phone", "alerts_escalationcontact_changelist"),
            ("Proof of the database", "verified", "verify"),
            ("Error codes", "help", "error_catalogue"),
        ),
    ),
    (
        "Records",
        True,
        (
            ("Calls", "call", "redemption_callsession_changelist"),
            ("Conditions met", "fact_check", "redemption_conditionmet_changelist"),
            ("Conditions", "checklist", "redemption_condition_changelist"),
            ("Provisioning traces", "route", "redemption_provisioningtrace_changelist"),
            ("Reveal links", "link", "redemption_reveallink_changelist"),
            ("Cleared counters", "mop", "redemption_addressclearing_changelist"),
            ("Denominations", "sell", "giftcards_denomination_changelist"),
            ("Clients' brands", "fact_check", "giftcards_clientbrand_changelist"),
            ("Clients' values", "rule_settings", "giftcards_clientdenomination_changelist"),
            ("Card events", "history", "giftcards_cardevent_changelist"),
            ("Provider brands", "list_alt", "giftcards_providerbrand_changelist"),
            ("Provider floats", "savings", "giftcards_providerfloat_changelist"),
            ("Provider answers", "forum", "giftcards_providerorderevent_changelist"),
            (
                "Points' transactions",
                "format_list_numbered",
                "loyalty_loyaltytransaction_changelist",
            ),
            ("Refunds at tills", "undo", "loyalty_refund_changelist"),
            ("Ledger entries", "list_alt", "credit_entry_changelist"),
            ("Delivery attempts", "outbox", "sms_deliveryattempt_changelist"),
            ("Error policies", "rule", "sms_errorpolicy_changelist"),
            ("Channel stops", "do_not_disturb_on", "sms_channelstop_changelist"),
            ("Status events", "mark_chat_read", "sms_statusevent_changelist"),
            ("Webhook deliveries", "outbox", "alerts_webhookdelivery_changelist"),
            ("Idempotency records", "fingerprint", "credit_idempotencyrecord_changelist"),
            ("Second factors", "phonelink_lock", "credit_authenticator_changelist"),
            ("Intervals", "timer", "django_celery_beat_intervalschedule_changelist"),
            ("Crontabs", "calendar_month", "django_celery_beat_crontabschedule_changelist"),
        ),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of links beside every page of the admin."""
    return [
        {
            "title": title,
            "separator": bool(title),
            "collapsible": is_collapsible,
            "items": [_item(request, *item) for item in items],
        }
        for title, is_collapsible, items in _GROUPS
    ]


def _item(request: HttpRequest, words: str, icon: str, name: str) -> dict[str, Any]:
    page, _, query = name.partition("?")
    item: dict[str, Any] = {"title": words, "icon": icon, "link": _address(page)}
    if name == _UNKNOWN:
        item["link"] += f"?{query}"
        unknown = count_unknown_orders()
        if unknown:
            item["badge"] = str(unknown)
    if page == "giftcards_providerorder_changelist":
        # Two items of one address, told apart by the filter.
        is_unknown = request.GET.get("state__exact") == "unknown"
        item["active"] = request.path == reverse(f"admin:{page}") and is_unknown == bool(query)
    if page in ("look_up_address", "redemption_addressblock_changelist"):
        # The one's address begins with the other's.
        item["active"] = request.path == item["link"]
    return item


def _address(name: str) -> str:
    """Return where a link leads: to a page of the admin, or to one that is not only the admin's."""
    return reverse(name if name.startswith(("report", "desk")) else f"admin:{name}")
