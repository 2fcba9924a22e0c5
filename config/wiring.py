"""Which part of the house hears of what: a lower app names an event, a higher one answers.

Only dotted paths and addresses stand here; they are checked at start.
"""

# Who hears of what happened to an account, by the event: see credit/services/events.py.
CREDIT_EVENTS = {
    "account_changed": "redemption.services.budgets.review_account",
    "account_low": "redemption.services.webhook_causes.tell_low_credit",
}
# Who writes a message's words and who is told what became of it, by what it is about. The texts'
# app knows neither; the names are checked at start.
MESSAGE_PARTIES = {
    "redemption": {
        "render": "redemption.services.texts.render_reward",
        "outcome": "redemption.services.outcomes.record_outcome",
    },
    # About the redemption that waits for the answer.
    "opt_in": {
        "render": "redemption.services.opt_in_texts.render_request",
        "outcome": "redemption.services.opt_in_texts.record_request_outcome",
    },
    # About a gift card for points.
    "reward": {
        "render": "loyalty.services.reward_texts.render_points_card",
        "outcome": "loyalty.services.reward_texts.record_card_outcome",
    },
    # About the person who tries the words of a template.
    "test": {
        "render": "sms.services.test_sends.render_test",
        "outcome": "sms.services.test_sends.record_test_outcome",
    },
}
# Who writes the daily report's mail; its words stand beside the page's, above the sending.
DAILY_REPORT_WRITER = "redemption.dashboard.daily_letter.write_daily_letter"
# Rung when somebody has allowed a client to text them: it goes on with what waited for that.
OPT_IN_TASK = "redemption.tasks.serve_waiting"
# Rung when cards have come into stock: somebody may be waiting for them.
RESTOCK_TASK = "redemption.tasks.serve_waiting"
# The job whose switch also holds for a task that only the bell rings.
JOBS_OF_BELLS = {
    "alerts.tasks.send_notices": "alerts.tasks.sweep_notices",
    "alerts.tasks.send_webhooks": "alerts.tasks.sweep_webhooks",
    "sms.tasks.send_messages": "sms.tasks.sweep_messages",
    "giftcards.tasks.place_orders": "giftcards.tasks.sweep_orders",
}
# Who holds a card that is bought at a provider, and hears what became of its order, by the kind of
# holder: see giftcards/services/order_parties.py.
ORDER_PARTIES = {
    "redemption": {
        "lock": "redemption.services.fulfilment.lock_holder",
        "settle": "redemption.services.fulfilment.settle_order",
    },
    "reward": {
        "lock": "loyalty.services.reward_orders.lock_reward",
        "settle": "loyalty.services.reward_orders.settle_reward_order",
    },
}
# What the monitors' run looks for, each a function made a monitor by @register_monitor, see
# Note [Monitor].
MONITORS: tuple[str, ...] = (
    "redemption.services.monitors.pools.watch_pools",
    "redemption.services.monitors.run_out.watch_run_out",
    "redemption.services.monitors.campaigns.watch_campaigns",
    "credit.services.monitors.watch_agencies",
    "credit.services.monitors.watch_clients",
    "redemption.services.monitors.failures.watch_failures",
    "sms.services.monitors.watch_messages",
    "redemption.services.monitors.stuck_cards.watch_stuck_cards",
    "giftcards.services.monitors.watch_providers",
    "credit.services.monitors.watch_ledger",
    "redemption.services.monitors.counters.watch_counters",
    "redemption.services.monitors.speed.watch_speed",
    "alerts.services.database_monitor.watch_database",
    "alerts.services.job_watch.watch_jobs",
    "redemption.services.monitors.attack.watch_attack",
    "loyalty.services.monitors.watch_points",
    "loyalty.services.monitors.watch_payments",
)
# What the weekly clean-up vacuums: tables of which rows come, change and go all day.
BUSY_TABLES = (
    "giftcards_giftcard",
    "giftcards_cardevent",
    "giftcards_providerorder",
    "redemption_recipient",
    "redemption_redemption",
    "redemption_provisioningtrace",
    "redemption_attemptlog",
    "sms_message",
    "sms_deliveryattempt",
    "credit_account",
    "credit_accountslot",
    "credit_entry",
    "credit_transaction",
    "alerts_alert",
    "alerts_notice",
)
# What of whom is kept how long: the nightly job, alerts/services/retention.py.
RETENTION_RULES = (
    "sms.services.retention.RULES",
    "redemption.services.retention.RULES",
    "loyalty.services.retention.RULES",
)
# Who else may have a number or address, by what they are: whoever forgets one person asks the
# others before anything of that number goes, see sms/selectors/address_holders.py.
ADDRESS_HOLDERS = {
    "recipient": "redemption.selectors.personal_data.is_a_recipients",
    "customer": "loyalty.selectors.personal_data.is_a_customers",
}
# What `manage.py verify` proves: Note [Invariant] in alerts/selectors/invariants.py.
INVARIANTS = (
    "credit.selectors.invariants.INVARIANTS",
    "giftcards.selectors.invariants.INVARIANTS",
    "sms.selectors.invariants.INVARIANTS",
    "redemption.selectors.invariants.INVARIANTS",
    "loyalty.selectors.invariants.INVARIANTS",
)
# Who counts whom an incident harmed, and tells what happened meanwhile: alerts/selectors/impact.py.
INCIDENT_SOURCE = {
    "count": "redemption.selectors.incident_facts.count_harmed",
    "events": "redemption.selectors.incident_facts.list_harms",
}
# Ids and names of all clients, for a form of an app that knows clients by their plain id only.
CLIENT_NAMES = "credit.selectors.organisations.list_all_client_names"
# The page of a thing that a lower app knows by kind and plain id only.
ADMIN_PAGES = {
    "account": "admin:credit_account_change",
    "agency": "admin:credit_agency_change",
    "alert": "admin:alerts_alert_change",
    "article": "admin:loyalty_stockitem_change",
    "api_key": "admin:credit_apikey_change",
    "campaign": "admin:redemption_campaign_change",
    "canary": "admin:redemption_canary_change",
    "card": "admin:giftcards_giftcard_change",
    "checkout": "admin:loyalty_checkout_change",
    "client": "admin:credit_client_change",
    "customer": "admin:loyalty_customer_change",
    "event_replay": "admin:redemption_inboundevent_replay_page",
    "event_source": "admin:redemption_eventsource_change",
    "inbound_event": "admin:redemption_inboundevent_change",
    "reward": "admin:loyalty_reward_change",
    "source": "admin:redemption_eventsource_change",
    "desk_task": "admin:redemption_desktask_change",
    "incident": "admin:alerts_incident_change",
    "key": "admin:credit_apikey_change",
    "job": "admin:job",
    "message_template": "admin:sms_messagetemplate_change",
    "provider": "admin:giftcards_providercircuit_change",
    "provider_order": "admin:giftcards_providerorder_change",
    "test": "admin:credit_user_change",
    "user": "admin:credit_user_change",
    "opt_in": "admin:redemption_redemption_change",
    "redemption": "admin:redemption_redemption_change",
    "webhook_endpoint": "admin:alerts_webhookendpoint_change",
}
