"""Every tenant's table is guarded by PostgreSQL, and every page says whom it is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from credit.api.authentication import ApiKeyAuthentication

APPS = frozenset({"alerts", "credit", "giftcards", "sms", "redemption", "loyalty"})
# Tables without row-level security, and why they need none.
EXEMPT_TABLES = {
    # Asked before anybody knows who is looking.
    "credit_user": "people",
    "credit_membership": "people",
    "credit_apikey": "keys",
    "credit_usersession": "sessions",
    "credit_authenticator": "people's second factor",
    "redemption_reportsubscription": "people's own choice, asked for by who they are",
    "redemption_dailyreportmail": "people's own mails, with no word of what they say",
    # The same for everybody.
    "giftcards_brand": "catalogue",
    "giftcards_denomination": "catalogue",
    "sms_errorpolicy": "catalogue",
    "sms_channelstop": "the platform's own",
    "alerts_jobrun": "the platform's own",
    "alerts_joblease": "the platform's own",
    "redemption_reportday": "names of days",
    "redemption_reportmonth": "names of months",
    "redemption_reportchange": "names of days",
    "redemption_messageday": "names of days",
    "redemption_messagechange": "names of days",
    # Whoever tries a code has no tenant yet, and an address is nobody's.
    "alerts_ratecount": "counts",
    "redemption_attemptlog": "tries at codes",
    "redemption_addressblock": "addresses",
    "redemption_addressallow": "addresses",
    "redemption_addressclearing": "addresses",
    "redemption_formbreaker": "forms",
    # Rows on their way in: filled by COPY, which knows no policies, and emptied at once.
    "giftcards_stagedcard": "staging",
    "redemption_stagedrecipient": "staging",
}
# Views that anybody may open, and what else they ask for.
OPEN_VIEWS = {
    "api-validate": "whoever holds a code may know what it is good for",
    "api-events": "signed by its source",
    "api-schema": "the API's description",
    "api-docs": "the API's description",
    "api-errors": "the catalogue of errors",
    "reward-card": "who holds the link",
    "home": "sends everybody to where they work",
    "welcome": "a signed-in person's own page",
    "login": "the door",
    "login-code": "the door",
    "logout": "the door",
    "set-password": "who holds the link",
    "your-account": "a signed-in person's own page",
    "change-password": "a signed-in person's own page",
    "report-subscription": "a signed-in person's own wish",
    "report-unsubscribe": "who holds the signed link",
    "second-factor": "a signed-in person's own page",
    "end-other-sessions": "a signed-in person's own sessions",
    "end-session": "a signed-in person's own sessions",
    "redeem": "whoever holds a code",
    "redeem-message": "the browser that redeemed",
    "redeem-again": "whoever has just entered the code; sends to its owner alone",
    "embed-redeem": "whoever holds a code of that client",
    "embed-redeem-message": "the browser that redeemed",
    "embed-redeem-again": "whoever has just entered the code; sends to its owner alone",
    "embed-language": "a choice of words",
    "language": "a choice of words",
    "look-sheet": "a colour, as public as the pages",
    "look-logo": "a logo, as public as the pages",
    "reveal": "whoever holds the link",
    "opt-in": "whoever holds the link",
    "twilio-status": "signed by Twilio",
    "twilio-inbound": "signed by Twilio",
    "sandbox-phone": "demo and tests only",
    "sandbox-phone-reply": "demo and tests only",
    "sandbox-phone-messages": "demo and tests only",
    "status": "says how the parts are, of nobody's",
    "health-live": "says only that it lives",
    "health-ready": "says only that it is ready",
    "metrics": "for whoever has METRICS_TOKEN; figures of the platform",
    None: "answers that there is nothing",
}


def walk(resolver: Any, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Yield every address of the site with its pattern; the admin's are the admin's to guard."""
    for pattern in resolver.url_patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "admin":
                yield from walk(pattern, address)
        else:
            yield address, pattern


def is_guarded(pattern: URLPattern) -> bool:
    """Tell whether a view says whom it is for: by ``page_for``, or by the key it asks for."""
    if getattr(pattern.callback, "page_roles", None):
        return True
    view = getattr(pattern.callback, "cls", None)
    return (
        isinstance(view, type)
        and issubclass(view, APIView)
        and view.authentication_classes == [ApiKeyAuthentication]
    )


class TestEveryView:
    def test_says_whom_it_is_for(self) -> None:
        strays = [
            address
            for address, pattern in walk(get_resolver())
            if not is_guarded(pattern) and pattern.name not in OPEN_VIEWS
        ]
        assert strays == []

    def test_that_is_open_is_there(self) -> None:
        names = {pattern.name for _, pattern in walk(get_resolver())}
        assert set(OPEN_VIEWS) - names == set()


@pytest.mark.django_db
class TestEveryTable:
    def test_of_a_tenant_has_policies(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,"
                " array_agg(p.polname::text ORDER BY p.polname) FILTER (WHERE p.oid IS NOT NULL)"
                " FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid"
                " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
                " GROUP BY c.oid"
            )
            tables = {name: rest for name, *rest in cursor.fetchall()}
        ours = {m._meta.db_table for m in apps.get_models() if m._meta.app_label in APPS}
        bare = sorted(t for t in ours - set(EXEMPT_TABLES) if not tables[t][0])
        assert bare == []
        forced = sorted(t for t in ours if tables[t][1])
        assert forced == []  # Note [Row-level security]
        lacking = sorted(
            t for t in ours - set(EXEMPT_TABLES) if not {"unlimited", "tenant"} <= set(tables[t][2])
        )
        assert lacking == []

    def test_that_is_exempt_is_there(self) -> None:
        ours = {m._meta.db_table for m in apps.get_models() if m._meta.app_label in APPS}
        assert set(EXEMPT_TABLES) - ours == set()


@pytest.mark.django_db
class TestEveryTrigger:
    def test_that_reads_a_tenants_table_has_its_owners_rights(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " AND relrowsecurity"
            )
            guarded = [name for (name,) in cursor.fetchall()]
            cursor.execute(
                "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
                " AND prorettype = 'trigger'::regtype AND NOT prosecdef"
                " AND prosrc ~ %s",
                [rf"\m({'|'.join(guarded)})\M"],
            )
            assert cursor.fetchall() == []
