"""The words of opt-in requests, written just before they are sent, and what becomes of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings

from alerts.transactions import durable, transaction_required
from credit.money import display_amount
from redemption.models import Redemption
from redemption.services.desk_tasks import settle_tasks
from redemption.services.undelivered import open_unasked
from sms.merge import count_segments, merge_tags
from sms.selectors.templates import TemplateShelf, language_of, load_templates
from sms.services.parties import (
    Draft,
    MessageEvent,
    Outcome,
    RenderedText,
    Rendering,
    Unsendable,
)
from sms.services.requests import derive_opt_in_token

_MASK: Final = "••••"
_PREVIEW_LENGTH: Final = 320
_STOP: Final = {
    "en": "\nReply STOP to opt out.",
    "es": "\nResponda STOP para darse de baja.",
}
# In the letters of GSM-7, as all our words (see redemption/services/words.py).
_SENTENCES: Final[Mapping[str, tuple[str, ...]]] = {
    "en": (
        "{{company}}: your {{brand}} gift card is ready. Reply YES to get it by text, or tap ",
        "{{company}}: reply YES to get your gift card by text, or tap ",
        "Reply YES to get your gift card by text, or tap ",
    ),
    "es": (
        "{{company}}: su tarjeta {{brand}} le espera. Responda SI para recibirla, o toque ",
        "{{company}}: responda SI para recibir su tarjeta por texto, o toque ",
        "Responda SI para recibir su tarjeta por texto, o toque ",
    ),
}


@durable
def render_request(
    *,
    drafts: Sequence[Draft],
    now: datetime,  # noqa: ARG001  what every party is told
) -> dict[UUID, Rendering]:
    """Write opt-in requests, by message id; one whose reward no longer waits is unsendable."""
    rewards = {
        reward.pk: reward
        for reward in Redemption.objects.filter(
            pk__in={draft.reference_id for draft in drafts}
        ).select_related("client")
    }
    shelf = load_templates(client_ids={draft.client_id for draft in drafts})
    return {
        draft.message_id: _render(draft, rewards.get(draft.reference_id), shelf) for draft in drafts
    }


def _render(draft: Draft, reward: Redemption | None, shelf: TemplateShelf) -> Rendering:
    if reward is None or reward.state != Redemption.State.WAITING_OPT_IN:
        return Unsendable("the reward waits for no opt-in")
    token = derive_opt_in_token(client_id=reward.client_id, phone=reward.contact_to)
    told = {name: str(value or "") for name, value in draft.values.items()}
    values = {
        **told,
        "amount": display_amount(reward.face_value_minor or 0, reward.currency),
        "support_phone": reward.client.support_phone or settings.SUPPORT_PHONE_NUMBER,
        "opt_in_link": _link(token),
    }
    bodies, template_id = _choose_bodies(draft, reward, shelf)
    body = min(bodies, key=lambda one: count_segments(merge_tags(one, values)).segments)
    return RenderedText(
        body=merge_tags(body, values),
        preview=merge_tags(body, values | {"opt_in_link": _link(_MASK)})[:_PREVIEW_LENGTH],
        template_id=template_id,
    )


def _choose_bodies(
    draft: Draft, reward: Redemption, shelf: TemplateShelf
) -> tuple[tuple[str, ...], int | None]:
    template = shelf.find(
        client_id=draft.client_id,
        campaign_id=reward.campaign_id,
        purpose=draft.purpose,
        channel=draft.channel,
        locale=draft.locale,
    )
    if template is not None:
        return (template.body,), template.pk
    language = language_of(draft.locale)
    return choose_requests(language=language), None


def choose_requests(*, language: str) -> tuple[str, ...]:
    """Return our own bodies, the best first; English where the language is not ours."""
    spoken = language if language in _SENTENCES else "en"
    return tuple(f"{words}{{{{opt_in_link}}}}{_STOP[spoken]}" for words in _SENTENCES[spoken])


@transaction_required
def record_request_outcome(*, events: Sequence[MessageEvent], now: datetime) -> None:
    """Tell somebody when a request did not arrive: its reward would wait for ever."""
    rewards = {
        reward.pk: reward
        for reward in Redemption.objects.select_for_update(no_key=True, of=("self",))
        .filter(
            pk__in={event.reference_id for event in events},
            state=Redemption.State.WAITING_OPT_IN,
        )
        .select_related("recipient")
        .order_by("pk")
    }
    for event in events:
        reward = rewards.get(event.reference_id)
        if reward is None:
            continue
        if event.outcome is Outcome.GIVEN_UP:
            open_unasked(event=event, reward=reward, now=now)
        elif event.outcome is Outcome.DELIVERED:
            settle_tasks(redemption_ids=[reward.pk], now=now)


def _link(token: str) -> str:
    return f"{settings.PUBLIC_BASE_URL}/o/{token}/"
