"""System checks of what the settings promise."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from alerts.selectors.impact import SOURCE_ROLES as INCIDENT_ROLES
from alerts.selectors.invariants import list_invariants
from alerts.services.monitors import list_monitors
from alerts.services.retention import list_rules
from credit.services.events import EVENTS as CREDIT_EVENTS
from giftcards.services.order_parties import ROLES as ORDER_ROLES


@register()
def check_message_parties(**_kwargs: Any) -> list[CheckMessage]:
    """Every function named in MESSAGE_PARTIES exists."""
    problems: list[CheckMessage] = []
    for kind, party in settings.MESSAGE_PARTIES.items():
        for role, path in party.items():
            try:
                import_string(path)
            except ImportError as error:
                problems.append(
                    Error(
                        f"MESSAGE_PARTIES[{kind!r}][{role!r}] names {path}, which can't be"
                        f" imported: {error}",
                        id="giftline.E001",
                    )
                )
    return problems


@register()
def check_daily_report_writer(**_kwargs: Any) -> list[CheckMessage]:
    """The function named in DAILY_REPORT_WRITER exists."""
    try:
        import_string(settings.DAILY_REPORT_WRITER)
    except ImportError as error:
        return [
            Error(
                f"DAILY_REPORT_WRITER names {settings.DAILY_REPORT_WRITER}, which can't be"
                f" imported: {error}",
                id="giftline.E011",
            )
        ]
    return []


@register()
def check_order_parties(**_kwargs: Any) -> list[CheckMessage]:
    """Every kind of holder in ORDER_PARTIES has its functions, and they exist."""
    problems: list[CheckMessage] = []
    for kind, party in settings.ORDER_PARTIES.items():
        if set(party) != set(ORDER_ROLES):
            needed = " and ".join(ORDER_ROLES)
            problems.append(
                Error(
                    f"ORDER_PARTIES[{kind!r}] needs {needed}, and has"
                    f" {', '.join(sorted(party)) or 'nothing'}.",
                    id="giftline.E003",
                )
            )
        for role, path in party.items():
            try:
                import_string(path)
            except ImportError as error:
                problems.append(
                    Error(
                        f"ORDER_PARTIES[{kind!r}][{role!r}] names {path}, which can't be"
                        f" imported: {error}",
                        id="giftline.E003",
                    )
                )
    return problems


@register()
def check_credit_events(**_kwargs: Any) -> list[CheckMessage]:
    """Every event in CREDIT_EVENTS is one, and the function that hears of it exists."""
    problems: list[CheckMessage] = []
    for event, path in settings.CREDIT_EVENTS.items():
        if event not in CREDIT_EVENTS:
            known = ", ".join(sorted(CREDIT_EVENTS))
            problems.append(
                Error(f"CREDIT_EVENTS has no {event!r}, only: {known}.", id="giftline.E002")
            )
            continue
        try:
            import_string(path)
        except ImportError as error:
            problems.append(
                Error(
                    f"CREDIT_EVENTS[{event!r}] names {path}, which can't be imported: {error}",
                    id="giftline.E002",
                )
            )
    return problems


@register()
def check_incident_source(**_kwargs: Any) -> list[CheckMessage]:
    """INCIDENT_SOURCE names each function that incidents ask, and they exist."""
    problems: list[CheckMessage] = []
    if set(settings.INCIDENT_SOURCE) != set(INCIDENT_ROLES):
        needed = " and ".join(INCIDENT_ROLES)
        problems.append(Error(f"INCIDENT_SOURCE needs {needed}.", id="giftline.E012"))
    for role, path in settings.INCIDENT_SOURCE.items():
        try:
            import_string(path)
        except ImportError as error:
            problems.append(
                Error(
                    f"INCIDENT_SOURCE[{role!r}] names {path}, which can't be imported: {error}",
                    id="giftline.E012",
                )
            )
    return problems


@register()
def check_alert_webhook(**_kwargs: Any) -> list[CheckMessage]:
    """A machine that is to receive alerts has the secret that signs them."""
    if settings.ALERT_WEBHOOK_URL and not settings.ALERT_WEBHOOK_SECRET:
        return [
            checks.Warning(
                "ALERT_WEBHOOK_URL is set, and nothing is sent there: ALERT_WEBHOOK_SECRET is not.",
                id="giftline.W001",
            )
        ]
    return []


@register()
def check_client_names(**_kwargs: Any) -> list[CheckMessage]:
    """The function named in CLIENT_NAMES exists."""
    try:
        import_string(settings.CLIENT_NAMES)
    except ImportError as error:
        return [Error(f"CLIENT_NAMES can't be imported: {error}", id="giftline.E013")]
    return []


@register()
def check_monitors(**_kwargs: Any) -> list[CheckMessage]:
    """Every path in MONITORS leads to a monitor, each with a name of its own."""
    try:
        list_monitors()
    except (ImportError, ValueError) as error:
        return [Error(f"MONITORS: {error}", id="giftline.E004")]
    return []


@register()
def check_invariants(**_kwargs: Any) -> list[CheckMessage]:
    """Every path in INVARIANTS leads to invariants, each with a name of its own."""
    try:
        list_invariants()
    except (ImportError, ValueError) as error:
        return [Error(f"INVARIANTS: {error}", id="giftline.E010")]
    return []


@register()
def check_retention_rules(**_kwargs: Any) -> list[CheckMessage]:
    """Every path in RETENTION_RULES leads to rules, each with a name of its own."""
    try:
        list_rules()
    except (ImportError, ValueError) as error:
        return [Error(f"RETENTION_RULES: {error}", id="giftline.E014")]
    return []


@register()
def check_address_holders(**_kwargs: Any) -> list[CheckMessage]:
    """Every function named in ADDRESS_HOLDERS exists."""
    problems: list[CheckMessage] = []
    for kind, path in settings.ADDRESS_HOLDERS.items():
        try:
            import_string(path)
        except ImportError as error:
            problems.append(
                Error(
                    f"ADDRESS_HOLDERS[{kind!r}] names {path}, which can't be imported: {error}",
                    id="giftline.E015",
                )
            )
    return problems
