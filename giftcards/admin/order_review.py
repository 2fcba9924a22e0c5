"""What a person does about an order of which nobody knows what became, each with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

from alerts.admin.dialogs import leave_for
from alerts.errors import ServiceError, ValidationFailedError
from alerts.queue import ring_bell
from credit.models import User
from credit.selectors.staff import may_reverse_orders
from giftcards.models import ProviderOrder
from giftcards.providers import NotConfiguredError
from giftcards.services.order_review import (
    LONGEST_REASON,
    OrderStateError,
    Reviewed,
    check_order,
    replay_order,
    reverse_order,
)

State = ProviderOrder.State

_ENDED: Final = {
    State.SUCCEEDED: "The card was sold, and is bound to what it was bought for.",
    State.FAILED: "It was not sold. The credit that was held is back.",
    State.REVERSED: "The sale was taken back. The credit that was held is back.",
}


class OrderReasonForm(BaseDialogForm):  # type: ignore[misc]
    """Why somebody acts on an order."""

    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        error_messages={"required": "Say why."},
        help_text="Kept with your name in the changes.",
    )


class OrderReview:
    """Mixin: the buttons on the page of an order that is unknown."""

    admin_site: Any

    def has_ask_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether there is something to be found out."""
        return self._find_unknown(request, object_id) is not None

    def has_replay_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether it may be sent again: not once it was to be taken back."""
        order = self._find_unknown(request, object_id)
        return order is not None and order.undo_asked_at is None

    def has_reverse_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether the person may take it back: a right of its own."""
        return (
            isinstance(request.user, User)
            and may_reverse_orders(request.user)
            and self._find_unknown(request, object_id) is not None
        )

    def _find_unknown(self, request: HttpRequest, object_id: Any) -> ProviderOrder | None:
        if object_id is None or not self.admin_site.has_permission(request):
            return None
        order = find_order_or_404(object_id)
        return order if order.state == State.UNKNOWN else None

    @action(  # type: ignore[untyped-decorator]
        description="Ask what became of it",
        icon="help_center",
        permissions=["ask"],
        dialog={
            "title": "Ask what became of it",
            "description": "The provider is asked for the order's state. Nothing is bought by it;"
            " only a definite answer ends the order.",
            "form_submit_text": "Ask",
            "form_class": OrderReasonForm,
        },
    )
    def ask(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return _act(request, form, object_id, check_order)

    @action(  # type: ignore[untyped-decorator]
        description="Send it again",
        icon="replay",
        permissions=["replay"],
        dialog={
            "title": "Send it again",
            "description": "The workers send it again under the same request id. A provider that"
            " has sold answers with the card it sold: no second one is bought.",
            "form_submit_text": "Send it again",
            "form_class": OrderReasonForm,
        },
    )
    def replay(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        answer = _act(request, form, object_id, replay_order)
        ring_bell("giftcards.tasks.place_orders")
        return answer

    @action(  # type: ignore[untyped-decorator]
        description="Take it back",
        icon="undo",
        permissions=["reverse"],
        dialog={
            "title": "Take the sale back",
            "description": "The provider is told to take back what it may have sold under this"
            " request id. From then on the order is never sent again: if there was a card, it is"
            " worth nothing. The credit that is held goes back once that is certain.",
            "form_submit_text": "Take it back",
            "form_class": OrderReasonForm,
        },
    )
    def reverse(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return _act(request, form, object_id, reverse_order)


def find_order_or_404(object_id: Any) -> ProviderOrder:
    """Return an order.

    :raises Http404: there is none, or that is no id.
    """
    try:
        return get_object_or_404(ProviderOrder, pk=object_id)
    except (ValidationError, ValueError):
        raise Http404 from None


def _act(
    request: HttpRequest, form: Any, object_id: str, act: Callable[..., Reviewed]
) -> HttpResponse:
    order_id: UUID = find_order_or_404(object_id).pk
    try:
        reviewed = act(
            order_id=order_id,
            actor=f"user:{request.user.pk}",
            reason=form.cleaned_data["reason"],
            now=timezone.now(),
        )
    except OrderStateError as error:
        words = State(error.state).label if error.state in State.values else error.state
        messages.error(
            request, f"Nothing was done: somebody is at it, or it has moved on ({words})."
        )
    except ValidationFailedError as error:
        messages.error(request, " ".join(error.errors["reason"]))
    except NotConfiguredError as error:
        messages.error(request, f"Nobody can be asked. {error}")
    except ServiceError as error:
        messages.error(request, f"{error.code.operator} {error.code.action}")
    else:
        _tell(request, reviewed)
    url = reverse("admin:giftcards_providerorder_change", args=[order_id])
    return leave_for(request, url)


def _tell(request: HttpRequest, reviewed: Reviewed) -> None:
    if reviewed.state in _ENDED:
        messages.success(request, _ENDED[reviewed.state])
    elif reviewed.state == State.REQUESTED:
        messages.success(request, "It is sent again; what comes of it shows here in a moment.")
    else:
        said = reviewed.answer.replace("_", " ") or "nothing"
        code = f" ({reviewed.code})" if reviewed.code else ""
        messages.warning(
            request, f"Still unknown. The provider answered “{said}”{code}, which is not definite."
        )
