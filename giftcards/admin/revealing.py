"""The page on which a member of staff sees a card's code."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget

from alerts.addresses import client_address
from alerts.errors import ValidationFailedError
from alerts.keyring import DecryptionError
from credit.models import User
from credit.selectors.staff import may_reveal_cards
from giftcards.models import GiftCard
from giftcards.services.revealing import reveal_card


class ReasonForm(forms.Form):
    """Why somebody has to see the code."""

    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        error_messages={"required": "Say why you need to see it."},
        help_text="Kept with your name and address, readable. Leave the code itself out.",
    )


class CardReveal:
    """Mixin: the button on a card's page that shows its code."""

    actions_detail: ClassVar = ("reveal",)
    admin_site: Any
    opts: Any

    def has_reveal_permission(self, request: HttpRequest, _object_id: Any = None) -> bool:
        return isinstance(request.user, User) and may_reveal_cards(request.user)

    @action(  # type: ignore[untyped-decorator]
        description="Show the code", icon="visibility", permissions=["reveal"]
    )
    def reveal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._reveal)(request, object_id)

    def _reveal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        try:
            card = get_object_or_404(GiftCard.objects.select_related("brand"), pk=object_id)
        except (ValueError, ValidationError):
            raise Http404 from None
        form = ReasonForm(request.POST or None)
        context: dict[str, Any] = {}
        if request.method == "POST" and form.is_valid():
            assert isinstance(request.user, User)  # noqa: S101  the action has asked
            try:
                context["shown"] = reveal_card(
                    card_id=card.pk,
                    user=request.user,
                    address=client_address(request.META, trusted_hops=settings.TRUSTED_PROXY_HOPS),
                    reason=form.cleaned_data["reason"],
                    now=timezone.now(),
                )
            except ValidationFailedError as error:
                form.add_error("reason", error.errors["reason"])
            except DecryptionError:
                form.add_error(None, "The code can't be decrypted: its key is missing.")
        return TemplateResponse(
            request,
            "admin/reveal_card.html",
            {
                **self.admin_site.each_context(request),
                "title": f"The code of {card.brand.name} …{card.last4}",
                "opts": self.opts,
                "card": card,
                "form": form,
                "is_in_stock": card.status in ("available", "expired"),
                **context,
            },
        )
