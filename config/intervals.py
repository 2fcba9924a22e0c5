"""Settings of time: what is promised to who waits, and how often each periodic job runs."""

from __future__ import annotations

from typing import Final

from config.kinds import Kind, Setting

PERIODIC: Final[tuple[Setting, ...]] = (
    # Promises to who waits
    Setting(
        "CALL_BACK_WITHIN",
        Kind.SECONDS,
        "30m",
        "How soon somebody calls back whose reward waits because there is no card anywhere.",
    ),
    Setting(
        "REWARD_WITHIN",
        Kind.SECONDS,
        "24h",
        "How soon a reward comes that waits because there is no card anywhere.",
    ),
    # Periodic jobs
    Setting(
        "STUCK_AFTER",
        Kind.SECONDS,
        "10m",
        "How long a card may stay claimed without a next step before it counts as stuck.",
    ),
    Setting("EVERY_MESSAGE_SWEEP", Kind.SECONDS, "5s", "How often queued texts are picked up."),
    Setting("EVERY_SMS_RETRY", Kind.SECONDS, "5m", "How often failed texts are tried again."),
    Setting(
        "EVERY_TEXT_REDACTION",
        Kind.SECONDS,
        "60s",
        "How often delivered texts that showed a code are emptied at the provider.",
    ),
    Setting(
        "EVERY_PROVIDER_ORDERS",
        Kind.SECONDS,
        "5s",
        "How often orders at card vendors are sent, or asked about again.",
    ),
    Setting(
        "EVERY_SERVE_WAITING",
        Kind.SECONDS,
        "60s",
        "How often rewards that wait for cards, approval or opt-in are served.",
    ),
    Setting(
        "EVERY_EVENT_SWEEP",
        Kind.SECONDS,
        "60s",
        "How often CRM events are looked for that broke off, or are to be tried again.",
    ),
    Setting(
        "EVERY_REBALANCE",
        Kind.SECONDS,
        "60s",
        "How often the slots of hot accounts are evened out.",
    ),
    Setting(
        "EVERY_LEDGER_AUDIT",
        Kind.SECONDS,
        "24h",
        "How often the whole ledger is checked to add up.",
    ),
    Setting("EVERY_VERIFY", Kind.SECONDS, "24h", "How often the whole database is proven."),
    Setting(
        "EVERY_CANARY_WATCH",
        Kind.SECONDS,
        "10s",
        "How often it is looked whether somebody has tried a canary code.",
    ),
    Setting(
        "EVERY_KEY_CLEARING",
        Kind.SECONDS,
        "24h",
        "How often Idempotency-Keys that were answered days ago are forgotten.",
    ),
    Setting(
        "EVERY_CARD_EXPIRY",
        Kind.SECONDS,
        "24h",
        "How often cards past their date are taken out of stock.",
    ),
    Setting(
        "EVERY_UPLOAD_STEP",
        Kind.SECONDS,
        "10s",
        "How often large uploads are looked for that nobody has in hand.",
    ),
    Setting(
        "EVERY_UPLOAD_SWEEP",
        Kind.SECONDS,
        "10m",
        "How often uploads that broke off or were never confirmed are cleared away.",
    ),
    Setting(
        "EVERY_BUDGET_REVIEW",
        Kind.SECONDS,
        "5m",
        "How often budgets and low balances that nobody has looked at are reviewed.",
    ),
    Setting(
        "EVERY_REPORT_COUNT",
        Kind.SECONDS,
        "15m",
        "How often days that are over are counted for the reports.",
    ),
    Setting(
        "EVERY_DAILY_REPORT",
        Kind.SECONDS,
        "5m",
        "How often daily reports are looked for whose hour has come.",
    ),
    Setting(
        "EVERY_BRAND_SYNC",
        Kind.SECONDS,
        "24h",
        "How often card vendors are asked what they sell.",
    ),
    Setting(
        "EVERY_FLOAT_CHECK",
        Kind.SECONDS,
        "15m",
        "How often card vendors are asked how much money of ours they have.",
    ),
    Setting(
        "EVERY_BUFFER_REFILL",
        Kind.SECONDS,
        "5m",
        "How often buffer pools are filled up to their target level.",
    ),
    Setting(
        "EVERY_FORM_REVIEW",
        Kind.SECONDS,
        "60s",
        "How often forms that were slowed down are looked at again.",
    ),
    Setting(
        "EVERY_RETENTION",
        Kind.SECONDS,
        "24h",
        "How often what is older than the RETAIN_… settings say is emptied.",
    ),
    Setting(
        "EVERY_ERASURE_SWEEP",
        Kind.SECONDS,
        "10m",
        "How often erasures of people's data that broke off are gone on with.",
    ),
    Setting(
        "EVERY_DUPLICATE_SEARCH",
        Kind.SECONDS,
        "24h",
        "How often codes are looked for that two people hold.",
    ),
    Setting(
        "EVERY_ATTEMPT_CLEARING",
        Kind.SECONDS,
        "24h",
        "How often old tries at codes are cleared from the log.",
    ),
    Setting(
        "EVERY_CLAIM_EXPIRY",
        Kind.SECONDS,
        "24h",
        "How often cards that nobody opened by their campaign's claim expiry are taken back.",
    ),
    Setting(
        "EVERY_CLAIM_REMINDER",
        Kind.SECONDS,
        "24h",
        "How often those are reminded whose card is taken back soon.",
    ),
    Setting(
        "EVERY_POINTS_REPLAY",
        Kind.SECONDS,
        "60s",
        "How often points that paid checkouts are owed are tried again.",
    ),
    Setting(
        "EVERY_PAYMENT_SETTLING",
        Kind.SECONDS,
        "60s",
        "How often card payments and refunds are asked about that nobody knows the end of.",
    ),
    Setting(
        "EVERY_POINTS_EXPIRY",
        Kind.SECONDS,
        "24h",
        "How often points that are older than their programme keeps them are taken.",
    ),
    Setting(
        "EVERY_TIER_RECALCULATION",
        Kind.SECONDS,
        "24h",
        "How often customers are put into the tier that their points reach.",
    ),
    Setting("EVERY_STUCK_SWEEP", Kind.SECONDS, "10m", "How often stuck cards are looked for."),
    Setting(
        "EVERY_WEBHOOK_SWEEP",
        Kind.SECONDS,
        "5s",
        "How often events are sent to webhook endpoints.",
    ),
    Setting(
        "EVERY_POOL_WATCH",
        Kind.SECONDS,
        "30s",
        "How often pools are looked at for webhooks: low or empty.",
    ),
    Setting("EVERY_NOTICE_SWEEP", Kind.SECONDS, "10s", "How often notices of alerts are sent."),
    Setting(
        "EVERY_ALERT_REMINDER",
        Kind.SECONDS,
        "60s",
        "How often critical alerts are looked for that nobody has taken on.",
    ),
    Setting(
        "EVERY_JOB_RECOVERY",
        Kind.SECONDS,
        "60s",
        "How often jobs are looked for whose worker is gone; they are run again.",
    ),
    Setting(
        "EVERY_HISTORY_CLEARING",
        Kind.SECONDS,
        "24h",
        "How often old runs of jobs, notices and alerts are cleared.",
    ),
    Setting("JOB_RUNS_KEPT", Kind.SECONDS, "30d", "How long runs of jobs are told of."),
    Setting(
        "NOTICES_KEPT",
        Kind.SECONDS,
        "90d",
        "How long notices are kept of what is over; 0: for ever.",
    ),
    Setting(
        "ALERTS_KEPT",
        Kind.SECONDS,
        "730d",
        "How long alerts are kept that were resolved; 0: for ever. An incident keeps its own.",
    ),
    Setting(
        "EVERY_ESCALATION",
        Kind.SECONDS,
        "60s",
        "How often incidents are looked at: whom they harm, who is to be told.",
    ),
    Setting("EVERY_MONITORS", Kind.SECONDS, "5m", "How often the monitors run."),
    Setting(
        "EVERY_VACUUM",
        Kind.SECONDS,
        "7d",
        "How often the busy tables are cleaned up and measured for the planner.",
    ),
)
