"""Errors told to a Sentry, or what speaks like one, when SENTRY_DSN is set.

Note [Tracked]
What is told of an error is little, and chosen: its type, where in the code it came about, the
sentence of ours it was logged with, the id of its request and the ids of rows. Never its own
words, since a database quotes rows in them and Python the value it could not read; no local
variables, no source lines, nothing of the request but its id: its address may hold the token of a
reward, its headers a key. So nothing has to be recognised as a secret to stay here.

Everything that fails unexpectedly is logged as an error, by Django, Celery or us. That is the one
place it is told from, and the SDK patches nothing. This module, and the SDK with it, is imported
only where a DSN is set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import sentry_sdk
import structlog
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.utils import event_from_exception

from alerts.services.job_endings import describe_error

_LEVELS: Final = frozenset({"error", "critical"})
# Of the event as the SDK makes it; what else is in it stays here.
_KEPT: Final = ("event_id", "timestamp", "level", "platform", "logger", "environment", "sdk")
_KEPT_OF_FRAME: Final = ("filename", "function", "module", "lineno", "in_app")
_TAGS: Final = ("request_id", "run_id", "task")
_FACTS: Final = frozenset(
    {"code", "error", "kind", "job", "provider", "asked", "monitor", "invariant", "channel"}
)
_LONGEST_FACT: Final = 100
_SECRET: Final = re.compile(
    r"https?://\S+"  # with what may be in it: a webhook of Slack's is a password
    r"|/\S+"
    r"|\S+@\S+"
    r"|(?i:bearer|api-key|basic)\s+\S+"
    r"|\(?\+?\d[\d\s().-]{2,}\d"  # phones, PINs, cards
    r"|[A-Za-z0-9]{2,}(?:-[A-Za-z0-9]{2,})*\d[A-Za-z0-9-]*"  # codes, tokens
    r"|\b[A-Za-z0-9_-]{20,}"
)
_ERROR_CODE: Final = re.compile(r"GC-\d{3}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{1,18}")


def start_tracking(*, dsn: str, environment: str) -> None:
    """Tell the errors of this process from now on.

    :raises ValueError: the DSN is none.
    """
    sentry_sdk.init(
        dsn=dsn,
        environment=environment or None,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            AtexitIntegration(callback=lambda _pending, _timeout: None),
            DedupeIntegration(),
            ExcepthookIntegration(),
        ],
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_breadcrumb=lambda _crumb, _hint: None,
        before_send=_keep_what_is_harmless,
        auto_session_tracking=False,
        send_client_reports=False,
        server_name="",
        release="giftline",
    )


def tell_of_errors(
    _logger: Any, _method: str, line: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Pass a line of the log on, as it is; one of an error is told besides."""
    # Its own complaints would go round in circles.
    if line.get("level") not in _LEVELS or str(line.get("logger", "")).startswith("sentry_sdk"):
        return line
    record = line.get("_record")
    # As a library wrote it, before addresses and the like were put in.
    words = str(record.msg) if record is not None else str(line.get("event", ""))
    event: dict[str, Any] = {}
    hint: dict[str, Any] = {}
    error = _error_of(line.get("exc_info"))
    if error is not None:
        told, hint = event_from_exception(
            error, client_options=sentry_sdk.get_client().options, mechanism={"type": "logging"}
        )
        event.update(told)
    event.update(
        level="fatal" if line["level"] == "critical" else "error",
        logger=str(line.get("logger", "")),
        logentry={"message": words},
        tags={name: str(line[name]) for name in _TAGS if line.get(name)},
        extra=dict(line),
    )
    sentry_sdk.capture_event(event, hint)  # type: ignore[arg-type]
    return line


def _error_of(given: Any) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    if given:
        import sys

        return sys.exc_info()[1]
    return None


def _keep_what_is_harmless(event: Any, hint: Any) -> Any:
    """Make a new event of the little that is told: Note [Tracked]."""
    kept = {name: event[name] for name in _KEPT if name in event}
    kept["tags"] = {
        name: _scrub_id(value) for name, value in event.get("tags", {}).items() if name in _TAGS
    }
    words = event.get("logentry", {}).get("message") or event.get("message") or ""
    if words:
        kept["logentry"] = {"message": scrub_words(str(words))}
    kept["extra"] = _facts_of(event.get("extra", {}))
    error = (hint.get("exc_info") or (None, None))[1]
    values = event.get("exception", {}).get("values", [])
    if values:
        kept["exception"] = {"values": [_scrub_exception(value) for value in values]}
        if error is not None:
            # The last is what was raised; those before it are its causes.
            kept["exception"]["values"][-1]["value"] = describe_error(error)[1]
    return kept


def _scrub_exception(value: Mapping[str, Any]) -> dict[str, Any]:
    frames = (value.get("stacktrace") or {}).get("frames", [])
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "value": "",
        "stacktrace": {
            "frames": [
                {name: frame[name] for name in _KEPT_OF_FRAME if name in frame} for frame in frames
            ]
        },
    }


def _facts_of(line: Mapping[str, Any]) -> dict[str, str]:
    facts = {}
    for name, value in line.items():
        text = str(value)
        if name.endswith("_id") and name not in _TAGS:
            if _UUID.fullmatch(text):
                facts[name] = text
        elif name in _FACTS:
            is_code = name == "code" and _ERROR_CODE.fullmatch(text)
            facts[name] = text if is_code else scrub_words(text)[:_LONGEST_FACT]
    return facts


def _scrub_id(value: object) -> str:
    text = str(value)
    return text if re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", text) else ""


def scrub_words(words: str) -> str:
    """Take out of a sentence whatever may be an address, a number, a code or a token."""
    return _SECRET.sub("…", words)
