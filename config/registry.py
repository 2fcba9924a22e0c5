"""The registry of settings: every name Giftline takes from its environment, once.

The README's table and `.env.example` are checked against it by tests.
"""

from __future__ import annotations

from typing import Final

from config.intervals import PERIODIC
from config.kinds import Kind, Setting
from config.thresholds import THRESHOLDS

_POSTGRES = ("postgres", "postgresql")
_HTTP = ("http", "https")
_REDIS = ("redis", "rediss", "valkey", "valkeys")

SETTINGS: Final[tuple[Setting, ...]] = (
    # The process
    Setting(
        "SECRET_KEY",
        Kind.TEXT,
        None,
        "Signs sessions and tokens; at least 50 random characters.",
        secret=True,
    ),
    Setting("DEBUG", Kind.FLAG, "0", "Django's debug mode; never in production."),
    Setting(
        "SANDBOX",
        Kind.FLAG,
        "0",
        "Turns on /sandbox/phone/ and accepts invented phone numbers; on in the demo and tests.",
    ),
    Setting(
        "BUILD",
        Kind.FLAG,
        "0",
        "Loads the settings with throw-away values and no files, for checks and image builds.",
    ),
    Setting(
        "ALLOWED_HOSTS",
        Kind.NAMES,
        None,
        "The host names this site answers to, by comma.",
        sandbox_default="localhost,127.0.0.1,[::1]",
    ),
    Setting(
        "PUBLIC_BASE_URL",
        Kind.URL,
        None,
        "The address customers see, without a path; texts link to it and vendors call it back.",
        sandbox_default="http://127.0.0.1:8000",
        schemes=_HTTP,
    ),
    Setting("PORT", Kind.NUMBER, "8000", "The port the web server listens on."),
    Setting("VAR_DIR", Kind.TEXT, "var", "The folder for the demo's data, passwords and logs."),
    Setting("ENV_FILE", Kind.TEXT, ".env", "The file of settings to read; empty reads none."),
    Setting(
        "TRUSTED_PROXY_HOPS",
        Kind.NUMBER,
        "0",
        "How many proxies in front are ours; so many X-Forwarded-For entries are believed.",
    ),
    # Stores
    Setting(
        "DATABASE_URL",
        Kind.URL,
        None,
        "PostgreSQL 15 to 18 as the runtime role; manage.py embeds a server when unset.",
        secret=True,
        schemes=_POSTGRES,
    ),
    Setting(
        "MIGRATION_DATABASE_URL",
        Kind.URL,
        "",
        "The same database as the tables' owner; unset, row-level security is off.",
        secret=True,
        schemes=_POSTGRES,
    ),
    Setting(
        "REDIS_URL",
        Kind.URL,
        None,
        "Redis 7 or Valkey for jobs and counters; manage.py embeds a server when unset.",
        secret=True,
        schemes=_REDIS,
    ),
    # Keys
    Setting(
        "CARD_ENCRYPTION_KEYS",
        Kind.KEYRING,
        None,
        "Encrypts card codes: id:key by comma, newest first, each key 32 bytes in base64.",
        secret=True,
    ),
    Setting(
        "CODE_DIGEST_KEY",
        Kind.KEY,
        None,
        "Finds codes without decrypting them: 32 bytes in base64; can never change.",
        secret=True,
    ),
    # Texts and e-mail
    Setting("TWILIO_ACCOUNT_SID", Kind.TEXT, "", "The Twilio account that sends texts."),
    Setting(
        "TWILIO_AUTH_TOKEN",
        Kind.NAMES,
        "",
        "Its token; during a rotation the new and the old one by comma.",
        secret=True,
    ),
    Setting("TWILIO_FROM_NUMBER", Kind.TEXT, "", "The number texts come from."),
    Setting(
        "TWILIO_MESSAGING_SERVICE_SID",
        Kind.TEXT,
        "",
        "The Messaging Service texts come from, instead of one number.",
    ),
    Setting(
        "TWILIO_API_BASE_URL",
        Kind.URL,
        "https://api.twilio.com",
        "Where Twilio's API is; the demo points it at the shipped emulator.",
        schemes=_HTTP,
    ),
    Setting("SMS_TIMEOUT", Kind.SECONDS, "10s", "How long one call to Twilio may take."),
    Setting(
        "SMS_RETRY_SCHEDULE",
        Kind.SCHEDULE,
        "0s,30s,5m",
        "The wait before each attempt to send a text; its length is the number of attempts.",
    ),
    Setting(
        "OPT_IN_ASK_AGAIN",
        Kind.SECONDS,
        "24h",
        "How soon somebody who has not answered may be asked again whether texts are welcome.",
    ),
    Setting(
        "DEFAULT_PHONE_REGION",
        Kind.TEXT,
        "US",
        "The country of a phone number typed without its country code.",
    ),
    Setting(
        "EMAIL_URL",
        Kind.URL,
        "",
        "The mail server: smtp+tls://user:password@host:587; unset sends no e-mail.",
        secret=True,
        schemes=("smtp", "smtps", "smtp+tls", "smtp+ssl"),
    ),
    # Vendors
    Setting(
        "TILLO_BASE_URL",
        Kind.URL,
        "",
        "Where Tillo's API is; the sandbox's is https://sandbox.tillo.dev/api/v2.",
        schemes=_HTTP,
    ),
    Setting("TILLO_API_KEY", Kind.TEXT, "", "The key for buying cards from Tillo.", secret=True),
    Setting("TILLO_SECRET_KEY", Kind.TEXT, "", "Signs the calls to Tillo.", secret=True),
    Setting("TILLO_SECTOR", Kind.TEXT, "", "The sector Tillo agreed for this account."),
    Setting(
        "TILLO_PROXY_URL",
        Kind.URL,
        "",
        "A proxy for the calls to Tillo, which knows its customers by their address.",
        secret=True,
        schemes=_HTTP,
    ),
    Setting(
        "PROVIDER_TIMEOUT", Kind.SECONDS, "10s", "How long one call to a card vendor may take."
    ),
    Setting(
        "PROVIDER_FLOAT_WARNING",
        Kind.SUMS,
        "USD=1000,GBP=500,EUR=500",
        "Below these sums of our money at a card vendor somebody is told, by currency.",
    ),
    Setting(
        "PROVIDER_RETRY_SCHEDULE",
        Kind.SCHEDULE,
        "0s,2s,5s,15s,1m,5m,15m,1h",
        "The wait before each attempt to buy a card; its length is the number of attempts.",
    ),
    Setting("STRIPE_API_KEY", Kind.TEXT, "", "The key for card payments.", secret=True),
    Setting(
        "STRIPE_API_BASE_URL",
        Kind.URL,
        "https://api.stripe.com",
        "Where Stripe's API is.",
        schemes=_HTTP,
    ),
    Setting("STRIPE_TIMEOUT", Kind.SECONDS, "10s", "How long one call to Stripe may take."),
    # Words customers see
    Setting("COMPANY_NAME", Kind.TEXT, "Giftline", "The name on pages and in texts."),
    Setting("SUPPORT_PHONE_NUMBER", Kind.TEXT, "", "The number a customer in trouble may call."),
    Setting("SUPPORT_EMAIL", Kind.TEXT, "", "The address a customer in trouble may write to."),
    # Who is told
    Setting(
        "WEBHOOK_TIMEOUT",
        Kind.SECONDS,
        "10s",
        "How long one call of a client's webhook endpoint may take.",
    ),
    Setting(
        "WEBHOOK_RETRY_SCHEDULE",
        Kind.SCHEDULE,
        "30s,5m,25m,90m,4h,8h,12h,22h,24h",
        "The wait after each failed call of an endpoint; past the last one it is given up.",
    ),
    Setting(
        "ALERT_SLACK_WEBHOOK_URL",
        Kind.URL,
        "",
        "A Slack-compatible webhook that receives alerts.",
        secret=True,
        schemes=_HTTP,
    ),
    Setting(
        "ALERT_SLACK_SEVERITY",
        Kind.SEVERITY,
        "info",
        "From which severity on it is told: info, warning or critical.",
    ),
    Setting("ALERT_EMAIL_RECIPIENTS", Kind.NAMES, "", "Who gets alerts by e-mail, by comma."),
    Setting(
        "ALERT_EMAIL_SEVERITY",
        Kind.SEVERITY,
        "warning",
        "From which severity on they are told: info, warning or critical.",
    ),
    Setting(
        "ALERT_WEBHOOK_URL",
        Kind.URL,
        "",
        "A machine that receives alerts, signed as Standard Webhooks has it.",
        secret=True,
        schemes=_HTTP,
    ),
    Setting(
        "ALERT_WEBHOOK_SECRET",
        Kind.SIGNATURE,
        "",
        "Signs them: whsec_ and 24 to 64 random bytes in base64; without it none are sent.",
        secret=True,
    ),
    Setting(
        "ALERT_WEBHOOK_SEVERITY",
        Kind.SEVERITY,
        "info",
        "From which severity on it is told: info, warning or critical.",
    ),
    Setting("ALERT_TIMEOUT", Kind.SECONDS, "10s", "How long one call to a channel may take."),
    Setting(
        "ALERT_GIVE_UP_AFTER",
        Kind.SECONDS,
        "24h",
        "How long a notice is tried on a channel that does not take it.",
    ),
    Setting(
        "ALERT_REMIND_AFTER",
        Kind.SECONDS,
        "30m",
        "How long a critical alert may wait for somebody before a reminder; 3 at most, 0: none.",
    ),
    Setting(
        "INCIDENT_WIDESPREAD",
        Kind.NUMBER,
        "100",
        "More customers than that make an incident widespread: the last of the chain is told.",
    ),
    # Limits
    Setting(
        "RATE_LIMIT_ADDRESS",
        Kind.RATE,
        "5/5m",
        "How many codes may be tried from one address, by people who are not signed in.",
    ),
    Setting("RATE_LIMIT_CODE", Kind.RATE, "10/h", "How often one code may be tried, by anybody."),
    Setting(
        "RATE_LIMIT_BLOCK_AFTER",
        Kind.RATE,
        "20/24h",
        "So many wrong codes from one address block it.",
    ),
    Setting("RATE_LIMIT_BLOCK_FOR", Kind.SECONDS, "24h", "How long such a block lasts."),
    Setting("RATE_LIMIT_API_KEY", Kind.RATE, "600/m", "Calls one API key may make."),
    Setting(
        "RATE_LIMIT_API_KEY_FAILURES",
        Kind.RATE,
        "300/h",
        "Wrong codes one API key may try before it has to wait.",
    ),
    Setting("RATE_LIMIT_AGENT", Kind.RATE, "60/m", "Codes one call-centre agent may try."),
    Setting(
        "RATE_LIMIT_LINK",
        Kind.RATE,
        "30/m",
        "Buttons of reward and opt-in links that may be pressed from one address.",
    ),
    Setting(
        "SLOW_FORM_AFTER",
        Kind.RATE,
        "50/5m",
        "From so many attempts on a form on, a high share of unknown codes slows it down.",
    ),
    Setting("SLOW_FORM_SHARE", Kind.NUMBER, "60", "That share of unknown codes, in percent."),
    Setting("SLOW_FORM_FOR", Kind.SECONDS, "10m", "How long a form stays slowed down after it."),
    Setting(
        "ATTEMPTS_KEPT",
        Kind.SECONDS,
        "30d",
        "How long tries at codes stay in the log; never less than 25 hours.",
    ),
    Setting(
        "RETAIN_MESSAGES",
        Kind.SECONDS,
        "400d",
        "How long it is kept whom messages and rewards went to, and what they said; 0: for ever.",
    ),
    Setting(
        "RETAIN_INBOUND_TEXTS",
        Kind.SECONDS,
        "400d",
        "How long texts that people sent us are kept; 0: for ever.",
    ),
    Setting(
        "RETAIN_CALLS",
        Kind.SECONDS,
        "400d",
        "How long callers' numbers and the notes on calls and desk tasks are kept; 0: for ever.",
    ),
    Setting(
        "RETAIN_EVENTS",
        Kind.SECONDS,
        "400d",
        "How long it is kept whom a CRM's events were about; 0: for ever.",
    ),
    Setting(
        "WEBHOOKS_KEPT",
        Kind.SECONDS,
        "30d",
        "How long events sent to webhook endpoints can be looked up and replayed; 0: for ever.",
    ),
    Setting(
        "RETAIN_BROWSERS",
        Kind.SECONDS,
        "180d",
        "How long the address and browser that redeemed are kept; 0: for ever.",
    ),
    Setting(
        "RETAIN_RECIPIENTS",
        Kind.SECONDS,
        "0",
        "How long after a campaign's end its recipients are forgotten; 0: they are kept.",
    ),
    Setting(
        "UPLOAD_MAX_BYTES",
        Kind.NUMBER,
        "209715200",
        "The largest file of cards that a pool's page takes, in bytes.",
    ),
    *PERIODIC,
    *THRESHOLDS,
    # Operations
    Setting(
        "OTP_REQUIRED",
        Kind.FLAG,
        "0",
        "Makes everybody who can move money set up a second factor before any page opens.",
    ),
    Setting("SESSION_IDLE", Kind.SECONDS, "8h", "Without a click for so long, staff sign in anew."),
    Setting("SESSION_LIMIT", Kind.SECONDS, "24h", "How long after signing in, at most, anyway."),
    Setting(
        "METRICS_TOKEN",
        Kind.TEXT,
        "",
        "The bearer token for /metrics; unset, the page is off.",
        secret=True,
    ),
    Setting("SENTRY_DSN", Kind.URL, "", "Where errors are reported.", secret=True, schemes=_HTTP),
    Setting("SENTRY_ENVIRONMENT", Kind.TEXT, "production", "What they are filed under there."),
)
