"""The delivery log: each message with its tries and reports, found by what a caller can tell.

It stands in this app because it knows rewards, cards and recipients, which what sends does not.
"""

from __future__ import annotations

import re
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from alerts.admin.base import read_key
from alerts.admin.cells import NOTHING, link
from redemption.models import Redemption
from redemption.selectors.people import find_named
from redemption.selectors.taking_back import may_resend
from redemption.services.ending import KIND
from sms.admin.messages import MessageAdmin
from sms.models import DeliveryAttempt, Message
from sms.policies import NO_ANSWER, UNREACHABLE
from sms.selectors.meanings import explain_errors

# So many of one error or card at most, the newest: a list that nobody reads to its end.
_MOST: Final = 1000
_ERROR: Final = re.compile(rf"\d{{5}}|{UNREACHABLE}|{NO_ANSWER}|GC-\d{{3}}|smtp-\w+", re.IGNORECASE)
_LAST4: Final = re.compile(r"[0-9A-Za-z]{4}")
# Letters of any script, with what stands between names; no digit, no "@".
_NAME: Final = re.compile(r"[^\W\d_]+(?:[\s.,'’-]+[^\W\d_]+)*\.?")
_MOST_PEOPLE: Final = 100

admin.site.unregister(Message)


@admin.register(Message)
class DeliveryLogAdmin(MessageAdmin):
    """Texts and e-mails, with what to do about those that failed."""

    search_help_text = (
        "A name, a phone number, an e-mail address, the last four of a card, an error code, or "
        "the id of a message, a redemption, a recipient or at the provider"
    )

    def get_fieldsets(self, request: HttpRequest, obj: Message | None = None) -> Any:
        what, *rest = super().get_fieldsets(request, obj)
        return [what, ("What to do", {"fields": ("advice", "buttons")}), *rest]

    def match(self, term: str) -> Q:
        """Return what a search finds: ids are looked up first, each by an index of its own."""
        found = super().match(term)
        rewards = []
        if _LAST4.fullmatch(term):
            rewards.append(Q(card__last4=term))
        if read_key("UUIDField", term) is not None:
            rewards.append(Q(recipient_id=term))
        elif term.startswith("+"):
            rewards.append(Q(recipient__phone=term))
        elif _NAME.fullmatch(term) and (people := find_named(text=term, limit=_MOST_PEOPLE)):
            rewards.append(Q(recipient_id__in=people))
        for condition in rewards:
            newest = Redemption.objects.filter(condition).order_by("-created_at")
            about = list(newest.values_list("pk", flat=True)[:_MOST])
            # The question for their consent is about the same reward.
            found |= Q(reference_id__in=about)
        # Of the message itself the last try's id is kept, in the log that of each.
        tries = DeliveryAttempt.objects.filter(provider_id=term).order_by("-requested_at")
        if _ERROR.fullmatch(term):
            tries = DeliveryAttempt.objects.filter(error_code=term).order_by("-requested_at")
        found |= Q(pk__in=list(tries.values_list("message_id", flat=True)[:_MOST]))
        return found

    @admin.display(description="advice")
    def advice(self, message: Message) -> str:
        if not message.error_code:
            return NOTHING
        words = explain_errors([message.error_code])[message.error_code]
        return f"{words.meaning} {words.advice}".strip()

    @admin.display(description="at once")
    def buttons(self, message: Message) -> SafeString | str:
        if message.reference_kind != KIND:
            return NOTHING
        reward = Redemption.objects.filter(pk=message.reference_id).order_by("pk").first()
        if reward is None:
            return NOTHING
        ways = [("did_not_come", "Everything about this reward")]
        if may_resend(reward):
            ways += [("resend", "Send again"), ("by_hand", "Delivered by hand")]
        return format_html_join(
            " · ",
            "{}",
            (
                (link(reverse(f"admin:redemption_redemption_{way}", args=[reward.pk]), words),)
                for way, words in ways
            ),
        )
