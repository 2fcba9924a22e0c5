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
from redemption.selectors.taking_back import may_resend
from redemption.services.ending import KIND
from sms.admin.messages import MessageAdmin
from sms.models import DeliveryAttempt, Message
from sms.policies import NO_ANSWER, UNREACHABLE, Reaction, policy_of
from sms.selectors.policies import load_policies

State = Message.State

# So many of one error or card at most, the newest: a list that nobody reads to its end.
_MOST: Final = 1000
_ERROR: Final = re.compile(rf"\d{{5}}|{UNREACHABLE}|{NO_ANSWER}|GC-\d{{3}}|mail .+", re.IGNORECASE)
_LAST4: Final = re.compile(r"[0-9A-Za-z]{4}")

_ADVICE: Final = {
    Reaction.RETRY: "A passing fault: it is tried again by itself. When it was given up, send it "
    "again later, or by e-mail.",
    Reaction.RETRY_SLOWLY: "The phone is off or out of reach: it is tried again over the day. "
    "When it was given up, ask for another number, or send an e-mail.",
    Reaction.BAD_NUMBER: "Nothing arrives there. Ask for another number or address and send it "
    "again, or read the card out.",
    Reaction.OPTED_OUT: "The person has replied STOP, which only they can take back by texting "
    "START. Send an e-mail, or read the card out.",
    Reaction.FILTERED: "The carrier takes the words for unwanted mail: the same text fails again. "
    "Send an e-mail, and look at the template.",
    Reaction.SET_UP: "Our own set-up is broken: see the alert. It goes out by itself once that is "
    "mended; sending it again changes nothing.",
}

admin.site.unregister(Message)


@admin.register(Message)
class DeliveryLogAdmin(MessageAdmin):
    """Texts and e-mails, with what to do about those that failed."""

    search_help_text = (
        "A phone number, an e-mail address, the last four of a card, an error code, or the id of "
        "a message, a redemption, a recipient or at the provider"
    )

    def get_fieldsets(self, request: HttpRequest, obj: Message | None = None) -> Any:
        what, *rest = super().get_fieldsets(request, obj)
        return [what, ("What to do", {"fields": ("advice", "buttons")}), *rest]

    def match(self, term: str) -> Q:
        """Return what a search finds: ids are looked up first, each by an index of its own."""
        found = super().match(term)
        rewards = Redemption.objects.none()
        if _LAST4.fullmatch(term):
            rewards = Redemption.objects.filter(card__last4=term)
        elif read_key("UUIDField", term) is not None:
            rewards = Redemption.objects.filter(recipient_id=term)
        elif term.startswith("+"):
            rewards = Redemption.objects.filter(recipient__phone=term)
        newest = rewards.order_by("-created_at").values_list("pk", flat=True)[:_MOST]
        found |= Q(reference_kind=KIND, reference_id__in=list(newest))
        if _ERROR.fullmatch(term):
            failed = DeliveryAttempt.objects.filter(error_code=term).order_by("-requested_at")
            found |= Q(pk__in=list(failed.values_list("message_id", flat=True)[:_MOST]))
        return found

    @admin.display(description="advice")
    def advice(self, message: Message) -> str:
        if not message.error_code:
            return NOTHING
        return _ADVICE[policy_of(load_policies(), message.error_code).reaction]

    @admin.display(description="at once")
    def buttons(self, message: Message) -> SafeString | str:
        if message.reference_kind != KIND:
            return NOTHING
        reward = Redemption.objects.filter(pk=message.reference_id).order_by("pk").first()
        if reward is None or not may_resend(reward):
            return NOTHING
        ways = (("resend", "Send again"), ("by_hand", "Delivered by hand"))
        return format_html_join(
            " · ",
            "{}",
            (
                (link(reverse(f"admin:redemption_redemption_{way}", args=[reward.pk]), words),)
                for way, words in ways
            ),
        )
