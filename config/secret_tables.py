"""Every column that holds an encrypted secret; ``rotate_keys`` writes them all anew.

A test compares this with the models, so that no column is left behind under a key that is about
to be thrown away.
"""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Model

from alerts.models import NoticeRoute, WebhookEndpoint
from alerts.services.key_rotation import SecretTable
from credit.models import Authenticator
from giftcards.models import GiftCard, StagedCard
from redemption.models import EventSource, InboundEvent, Recipient, StagedRecipient

# Encrypted columns end like this, and nothing else does.
SUFFIX: Final = "_encrypted"


def _table(model: type[Model], *names: str, written_for: type[Model] | None = None) -> SecretTable:
    """Describe a model's table; its ``names`` are those of the secrets.

    :param written_for: where its secrets go from here as they are, and so what they are bound to.
    """
    meta: Any = model._meta  # noqa: SLF001  Django's public door
    bound_to = (written_for or model)._meta.db_table  # noqa: SLF001
    return SecretTable(
        name=meta.db_table,
        key=meta.pk.column,
        contexts={f"{name}{SUFFIX}": f"{bound_to}.{name}" for name in names},
    )


SECRET_TABLES: Final = (
    _table(GiftCard, "code", "pin", "number", "security_code", "url"),
    _table(StagedCard, "code", "pin", "number", written_for=GiftCard),
    _table(Recipient, "code"),
    _table(StagedRecipient, "code", written_for=Recipient),
    _table(EventSource, "secret", "previous_secret"),
    _table(InboundEvent, "body"),
    _table(Authenticator, "secret"),
    _table(WebhookEndpoint, "secret", "previous_secret"),
    _table(NoticeRoute, "url", "secret"),
)
