"""The buttons on a redemption's page that see to it that its reward reaches its recipient."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from credit.services.idempotency import KeyClaim
from redemption.admin.changing import (
    KEPT,
    Changing,
    OnceForm,
    ReasonForm,
    Said,
    find_row,
    viewer_of,
)
from redemption.models import Redemption
from redemption.selectors.taking_back import may_resend
from redemption.services.by_hand import mark_delivered_by_hand
from redemption.services.cancelling import LONGEST_REASON
from redemption.services.resending import mask_contact, resend_reward
from sms.selectors.consents import has_opted_out
from sms.selectors.phone_health import find_bad_phone


class ResendForm(ReasonForm):
    """Where to, and why."""

    to = forms.CharField(
        label="To",
        max_length=254,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        error_messages={"required": "Enter a mobile number or an e-mail address."},
        help_text="A mobile number or an e-mail address.",
    )
    field_order = ("to", "reason")


class ByHandForm(OnceForm):
    """Who was told, and how."""

    note = forms.CharField(
        label="Who was told, and how",
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        error_messages={"required": "Say who was told, and how."},
        help_text=KEPT,
    )


class Reaching(Changing):
    """Mixin: send again, and mark as delivered by hand.

    Neither gives anything away a second time, so both are for all who may cancel.
    """

    def has_reach_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return (
            object_id is not None
            and self.admin_site.has_permission(request)
            and may_resend(find_row(object_id))
        )

    @action(  # type: ignore[untyped-decorator]
        description="Send again", icon="forward_to_inbox", permissions=["reach"]
    )
    def resend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._resend)(request, object_id)

    def _resend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        redemption = find_row(object_id)

        def work(said: Said, claim: KeyClaim) -> str:
            resent = resend_reward(
                viewer=viewer_of(request),
                redemption_id=redemption.pk,
                to=said["to"],
                reason=said["reason"],
                now=timezone.now(),
                claim=claim,
            )
            dead = " The link that went out before is dead." if resent.has_new_link else ""
            return f"On its way to {mask_contact(resent.contact)}.{dead}"

        return self._serve(
            request,
            redemption,
            work,
            "Send this reward again",
            "Send it",
            _describe_resend(redemption),
            form_class=ResendForm,
            initial={"to": _first_choice(redemption, request.GET.get("to", "same"))},
        )

    @action(  # type: ignore[untyped-decorator]
        description="Delivered by hand", icon="record_voice_over", permissions=["reach"]
    )
    def by_hand(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._by_hand)(request, object_id)

    def _by_hand(self, request: HttpRequest, object_id: str) -> HttpResponse:
        redemption = find_row(object_id)

        def work(said: Said, claim: KeyClaim) -> str:
            mark_delivered_by_hand(
                viewer=viewer_of(request),
                redemption_id=redemption.pk,
                note=said["note"],
                now=timezone.now(),
                claim=claim,
            )
            return "Marked as delivered by hand. Nothing more is sent."

        return self._serve(
            request,
            redemption,
            work,
            "Mark this reward as delivered by hand",
            "It was delivered",
            [_SEEN, _AFTERWARDS],
            form_class=ByHandForm,
        )


_SEEN: Final = (
    "For a card that you have read out or shown to its owner. It counts as seen from then on: it "
    "never goes back to stock, and its charge stays."
)
_AFTERWARDS: Final = (
    "What waits to be sent is not sent any more, and the alert that it was not delivered ends. "
    "The recipient's link goes on working."
)


def _first_choice(redemption: Redemption, way: str) -> str:
    """Return what stands in the field: the address it went to, the e-mail on file, or nothing."""
    known = {"same": redemption.contact_to, "email": redemption.recipient.email}
    return known.get(way, "")


def _describe_resend(redemption: Redemption) -> list[str]:
    """Say what a resend would do, and what speaks against the address it went to."""
    words = ["The same card goes out once more, and nothing is charged."]
    is_text = redemption.contact_method == "sms"
    bad = find_bad_phone(phone=redemption.contact_to) if is_text else None
    if is_text and has_opted_out(client_id=redemption.client_id, phone=redemption.contact_to):
        words.append("Its owner has replied STOP to texts: enter an e-mail address.")
    elif bad is not None:
        words.append(
            f"No text reaches {redemption.contact_to} (error {bad.error_code}): ask for another "
            "number, or an e-mail address."
        )
    elif redemption.contact_method == "none":
        words.append("No contact was given so far.")
    words.append(
        "Another number or address than before gets a new link. The one that went out leads "
        "nowhere from then on, and what still waits for the old address is not sent."
    )
    return words
