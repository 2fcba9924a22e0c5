"""Whose page it is: the client's name, look and support, in the language of its campaign."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils import translation

from alerts.scope import EVERYTHING, seeing
from credit.models import Client
from credit.views.looks import look_of
from redemption.selectors.codes import CodeFacts
from redemption.selectors.rewards import RewardFacts


def whose_code(request: HttpRequest, facts: CodeFacts) -> dict[str, Any]:
    """Return what a page about a code prints around it."""
    speak(request, facts.locale)
    return {
        "client_name": facts.client_name,
        **_support(facts.support_phone, facts.support_email),
        **look_of(facts.client_id),
    }


def whose_reward(request: HttpRequest, reward: RewardFacts) -> dict[str, Any]:
    """Return what a page about a reward prints around it."""
    speak(request, reward.locale)
    return {
        "client_name": reward.client,
        **_support(reward.support_phone, reward.support_email),
        **look_of(reward.client_id),
    }


def whose_client(client_id: UUID) -> dict[str, Any]:
    """Return what a page of a client's own form prints around it, before any code is known."""
    with seeing(EVERYTHING):
        client = Client.objects.get(pk=client_id)
    return {
        "client_name": client.name,
        **_support(client.support_phone, client.support_email),
        **look_of(client_id),
    }


def speak(request: HttpRequest, locale: str) -> None:
    """Go on in a campaign's language, unless the customer has chosen one.

    A campaign in the site's first language says nothing: then it is the browser's.
    """
    if locale == settings.LANGUAGE_CODE or locale not in dict(settings.LANGUAGES):
        return
    if settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        translation.activate(locale)
        request.LANGUAGE_CODE = locale


def _support(phone: str, email: str) -> dict[str, str]:
    return {
        "support_phone": phone or settings.SUPPORT_PHONE_NUMBER,
        "support_email": email or settings.SUPPORT_EMAIL,
    }
