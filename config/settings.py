"""Django's settings; every value that differs between machines comes from config/environment."""

from datetime import timedelta
from typing import Any

import environ

from config.environment import PROJECT_DIR, load, var_dir
from config.periodic import PERIODIC_JOBS
from config.privileges import NARROWED_PRIVILEGES
from config.thresholds import read_thresholds
from config.unfold import unfold
from config.wiring import *  # noqa: F403  each name in there is a setting

ENV = load()

BASE_DIR = PROJECT_DIR
SECRET_KEY = ENV.text("SECRET_KEY")
DEBUG = ENV.flag("DEBUG")
# On in the demo and in tests: the page that shows every text, and made-up phone numbers.
SANDBOX = ENV.flag("SANDBOX")
ALLOWED_HOSTS = ENV.names("ALLOWED_HOSTS")
PUBLIC_BASE_URL = ENV.text("PUBLIC_BASE_URL").rstrip("/")
TRUSTED_PROXY_HOPS = ENV.number("TRUSTED_PROXY_HOPS")
VAR_DIR = var_dir({"VAR_DIR": ENV.text("VAR_DIR")})

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "config.admin_apps.PlatformAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "django_celery_beat",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "django_otp",
    "axes",
    "alerts",
    "credit",
    "giftcards",
    "sms",
    "redemption",
    "loyalty",
    "config",
]

MIDDLEWARE = [
    "config.middleware.RequestIdMiddleware",
    "config.middleware.ScopeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.ContentSecurityPolicyMiddleware",
    # Outside of all that set cookies.
    "config.middleware.EmbeddedCookiesMiddleware",
    "config.middleware.StrangersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "credit.views.middleware.SignedInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    # The last: it replaces the answer to somebody who is locked out.
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.site",
            ],
        },
    }
]

# --- Database -----------------------------------------------------------------------------------
# "default" is the runtime role: it owns no table, so that row-level security and the guards hold
# for it. "owner" owns them; only migrations and grants use it.


def _database(url: str, **options: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        **environ.Env.db_url_config(url),
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        # Rows are fetched by statements, each with its scope (Note [Scope]); and a cursor of the
        # server's would not outlive its transaction behind a pooler.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "TEST": {"MIGRATE": True},
    }
    settings["OPTIONS"] = {**settings.get("OPTIONS", {}), "connect_timeout": 5, **options}
    return settings


DATABASES = {
    "default": _database(
        ENV.text("DATABASE_URL"),
        application_name="giftline",
        # Checks and builds have no database: a pool would only keep them waiting for one.
        pool=not ENV.flag("BUILD")
        and {"min_size": 1, "max_size": 8, "timeout": 10, "max_lifetime": 1800},
    ),
    "owner": _database(
        ENV.text("MIGRATION_DATABASE_URL") or ENV.text("DATABASE_URL"),
        application_name="giftline-owner",
    ),
}
# Tells the database with each statement whose rows to show.
DATABASES["default"]["ENGINE"] = "config.backend"
RUNTIME_PRIVILEGES = NARROWED_PRIVILEGES
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis: bell, counters, cache ---------------------------------------------------------------
REDIS_URL = ENV.text("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "giftline",
        "OPTIONS": {"socket_connect_timeout": 0.3, "socket_timeout": 0.5},
    }
}
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "giftline"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 0.3,
    "socket_timeout": 5,
    "socket_keepalive": True,
}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = "UTC"
# What is promised to who waits for a card, in seconds.
CALL_BACK_WITHIN = ENV.seconds("CALL_BACK_WITHIN")
REWARD_WITHIN = ENV.seconds("REWARD_WITHIN")
# From when on a claimed card that has gone nowhere counts as stuck, in seconds.
STUCK_AFTER = ENV.seconds("STUCK_AFTER")
THRESHOLDS = read_thresholds(ENV)
# Seconds between two runs of each periodic task, by its name.
PERIODIC_TASKS = {
    **{task: ENV.seconds(name) for task, name in PERIODIC_JOBS.items()},
    "credit.tasks.clear_sign_ins": 24 * 3600.0,
}

# --- Limits: how many within how many seconds (redemption/throttling.py) ------------------------
RATE_LIMIT_ADDRESS = ENV.rate("RATE_LIMIT_ADDRESS")
RATE_LIMIT_CODE = ENV.rate("RATE_LIMIT_CODE")
RATE_LIMIT_BLOCK_AFTER = ENV.rate("RATE_LIMIT_BLOCK_AFTER")
RATE_LIMIT_BLOCK_FOR = ENV.seconds("RATE_LIMIT_BLOCK_FOR")
RATE_LIMIT_API_KEY = ENV.rate("RATE_LIMIT_API_KEY")
RATE_LIMIT_API_KEY_FAILURES = ENV.rate("RATE_LIMIT_API_KEY_FAILURES")
RATE_LIMIT_AGENT = ENV.rate("RATE_LIMIT_AGENT")
RATE_LIMIT_LINK = ENV.rate("RATE_LIMIT_LINK")
# So many attempts on a form, of which this share in percent is unknown, slow it down for so long.
SLOW_FORM_AFTER = ENV.rate("SLOW_FORM_AFTER")
SLOW_FORM_SHARE = ENV.number("SLOW_FORM_SHARE")
SLOW_FORM_FOR = ENV.seconds("SLOW_FORM_FOR")
ATTEMPTS_KEPT = ENV.seconds("ATTEMPTS_KEPT")
JOB_RUNS_KEPT = ENV.seconds("JOB_RUNS_KEPT")
NOTICES_KEPT = ENV.seconds("NOTICES_KEPT")
ALERTS_KEPT = ENV.seconds("ALERTS_KEPT")

# --- How long what is about people is kept (docs/privacy.md); 0: for ever -----------------------
RETAIN_MESSAGES = ENV.seconds("RETAIN_MESSAGES")
RETAIN_INBOUND_TEXTS = ENV.seconds("RETAIN_INBOUND_TEXTS")
RETAIN_CALLS = ENV.seconds("RETAIN_CALLS")
RETAIN_EVENTS = ENV.seconds("RETAIN_EVENTS")
RETAIN_BROWSERS = ENV.seconds("RETAIN_BROWSERS")
RETAIN_RECIPIENTS = ENV.seconds("RETAIN_RECIPIENTS")

# --- People -------------------------------------------------------------------------------------
AUTH_USER_MODEL = "credit.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
# Said in people's words in templates/account/_rules.html.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# How long a link made by an admin lets somebody set a password.
PASSWORD_RESET_TIMEOUT = 24 * 3600
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
# Wrong passwords and wrong codes are counted in PostgreSQL (credit/services/lockouts.py).
AXES_HANDLER = "credit.services.lockouts.LockoutHandler"
AXES_CLIENT_IP_CALLABLE = "credit.services.lockouts.counted_address"
AXES_USERNAME_CALLABLE = "credit.services.lockouts.counted_name"
AXES_LOCKOUT_CALLABLE = "credit.views.sign_in.locked_out"
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# Never in a log or a table, should the library print a form.
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "password", "code", "csrfmiddlewaretoken"]
# Failures within AXES_COOLOFF_TIME that lock out: one user name from one address, one user name
# from anywhere (addresses are cheap), one address whatever the name (an office shares one).
SIGN_IN_LIMITS = {"name_and_address": 5, "name": 20, "address": 50}
# Seconds; the first of idleness, the second since the log-in.
SESSION_IDLE = ENV.seconds("SESSION_IDLE")
SESSION_LIMIT = ENV.seconds("SESSION_LIMIT")
SESSION_COOKIE_AGE = int(SESSION_LIMIT)
OTP_REQUIRED = ENV.flag("OTP_REQUIRED")
# The log-in page of a sandbox names them; their passwords stand where the demo prints them.
DEMO_USERNAMES = ("admin", "agency_manager", "client_manager", "agent", "auditor")

# --- Words and places ---------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
COMPANY_NAME = ENV.text("COMPANY_NAME")
SUPPORT_PHONE_NUMBER = ENV.text("SUPPORT_PHONE_NUMBER")
SUPPORT_EMAIL = ENV.text("SUPPORT_EMAIL")
DEFAULT_PHONE_REGION = ENV.text("DEFAULT_PHONE_REGION")

# --- Files --------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = VAR_DIR / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
# A file of cards is money in plain text: it never rests on a disk. What is larger is not taken.
FILE_UPLOAD_MAX_MEMORY_SIZE = DATA_UPLOAD_MAX_MEMORY_SIZE
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
# A pool's page alone takes more: it seals the rows as they come and holds no file.
UPLOAD_MAX_BYTES = ENV.number("UPLOAD_MAX_BYTES")

# --- Secrets ------------------------------------------------------------------------------------
CARD_ENCRYPTION_KEYS = ENV.keyring("CARD_ENCRYPTION_KEYS")
CODE_DIGEST_KEY = ENV.key("CODE_DIGEST_KEY")

# --- Texts --------------------------------------------------------------------------------------
TWILIO_ACCOUNT_SID = ENV.text("TWILIO_ACCOUNT_SID")
TWILIO_AUTH_TOKENS = ENV.names("TWILIO_AUTH_TOKEN")
TWILIO_FROM_NUMBER = ENV.text("TWILIO_FROM_NUMBER")
TWILIO_MESSAGING_SERVICE_SID = ENV.text("TWILIO_MESSAGING_SERVICE_SID")
TWILIO_API_BASE_URL = ENV.text("TWILIO_API_BASE_URL").rstrip("/")
SMS_TIMEOUT = ENV.seconds("SMS_TIMEOUT")
SMS_RETRY_SCHEDULE = ENV.schedule("SMS_RETRY_SCHEDULE")
OPT_IN_ASK_AGAIN = ENV.seconds("OPT_IN_ASK_AGAIN")

# --- Cards from providers -----------------------------------------------------------------------
TILLO_BASE_URL = ENV.text("TILLO_BASE_URL").rstrip("/")
TILLO_API_KEY = ENV.text("TILLO_API_KEY")
TILLO_SECRET_KEY = ENV.text("TILLO_SECRET_KEY")
TILLO_SECTOR = ENV.text("TILLO_SECTOR")
TILLO_PROXY_URL = ENV.text("TILLO_PROXY_URL")
PROVIDER_TIMEOUT = ENV.seconds("PROVIDER_TIMEOUT")
PROVIDER_RETRY_SCHEDULE = ENV.schedule("PROVIDER_RETRY_SCHEDULE")
# Whole units by currency.
PROVIDER_FLOAT_WARNING = ENV.sums("PROVIDER_FLOAT_WARNING")

# --- Card payments at tills (docs/loyalty.md) -----------------------------------------------------
STRIPE_API_KEY = ENV.text("STRIPE_API_KEY")
STRIPE_API_BASE_URL = ENV.text("STRIPE_API_BASE_URL").rstrip("/")
STRIPE_TIMEOUT = ENV.seconds("STRIPE_TIMEOUT")

# --- Webhooks of clients (docs/webhooks.md) -------------------------------------------------------
WEBHOOK_TIMEOUT = ENV.seconds("WEBHOOK_TIMEOUT")
WEBHOOK_RETRY_SCHEDULE = ENV.schedule("WEBHOOK_RETRY_SCHEDULE")
WEBHOOKS_KEPT = ENV.seconds("WEBHOOKS_KEPT")

# --- E-mail ---------------------------------------------------------------------------------------
EMAIL_ENABLED = bool(ENV.text("EMAIL_URL"))
_EMAIL = environ.Env.email_url_config(ENV.text("EMAIL_URL") or "dummymail://")
EMAIL_BACKEND = _EMAIL["EMAIL_BACKEND"]
EMAIL_HOST = _EMAIL["EMAIL_HOST"]
EMAIL_PORT = _EMAIL["EMAIL_PORT"]
EMAIL_HOST_USER = _EMAIL["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = _EMAIL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = _EMAIL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _EMAIL.get("EMAIL_USE_SSL", False)
EMAIL_FILE_PATH = _EMAIL.get("EMAIL_FILE_PATH", "")
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SUPPORT_EMAIL or "giftline@localhost"

# --- Who is told of alerts (docs/alerts.md) -------------------------------------------------------
ALERT_SLACK_WEBHOOK_URL = ENV.text("ALERT_SLACK_WEBHOOK_URL")
ALERT_SLACK_SEVERITY = ENV.text("ALERT_SLACK_SEVERITY")
ALERT_EMAIL_RECIPIENTS = ENV.names("ALERT_EMAIL_RECIPIENTS")
ALERT_EMAIL_SEVERITY = ENV.text("ALERT_EMAIL_SEVERITY")
ALERT_WEBHOOK_URL = ENV.text("ALERT_WEBHOOK_URL")
ALERT_WEBHOOK_SECRET = ENV.text("ALERT_WEBHOOK_SECRET")
ALERT_WEBHOOK_SEVERITY = ENV.text("ALERT_WEBHOOK_SEVERITY")
ALERT_TIMEOUT = ENV.seconds("ALERT_TIMEOUT")
ALERT_GIVE_UP_AFTER = ENV.seconds("ALERT_GIVE_UP_AFTER")
ALERT_REMIND_AFTER = ENV.seconds("ALERT_REMIND_AFTER")
INCIDENT_WIDESPREAD = ENV.number("INCIDENT_WIDESPREAD")

# --- API ----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_THROTTLE_CLASSES": ["credit.api.throttling.KeyThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.api.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.api.JSONOnlyNegotiation",
    "EXCEPTION_HANDLER": "config.api.handle_exception",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Giftline API",
    "VERSION": "1.0.0",
    "DESCRIPTION": "Redeem codes, see what became of them, and look after the credit behind.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {"EndpointStateEnum": ["active", "paused", "disabled"]},
}

# --- Safety -------------------------------------------------------------------------------------
_HTTPS = PUBLIC_BASE_URL.startswith("https://")
SECURE_SSL_REDIRECT = _HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
# The bearer token for /metrics; without it the page is off.
METRICS_TOKEN = ENV.text("METRICS_TOKEN")
SENTRY_DSN, SENTRY_ENVIRONMENT = ENV.text("SENTRY_DSN"), ENV.text("SENTRY_ENVIRONMENT")
SECURE_HSTS_SECONDS = 31536000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _HTTPS
SECURE_HSTS_PRELOAD = _HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_HOPS else None
SESSION_COOKIE_SECURE = _HTTPS
CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "config.pages.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        # Nothing else is needed: a page that wants more must say why here.
    }
}
SILENCED_SYSTEM_CHECKS: list[str] = []

# --- Admin --------------------------------------------------------------------------------------
UNFOLD = unfold(company_name=COMPANY_NAME)

LOGGING_CONFIG = None
