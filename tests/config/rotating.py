"""A rotation of keys, and all that it has to reach."""

from __future__ import annotations

import io
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from alerts import keyring
from alerts.models import NoticeRoute, WebhookEndpoint
from config.secret_tables import SECRET_TABLES, SUFFIX
from credit.services.second_factor import begin_set_up
from giftcards.models import GiftCard
from giftcards.services.secrets import open_field, seal_field
from redemption.models import EventSource, InboundEvent
from tests.database import owner_url
from tests.people import make_person
from tests.world import NOW, World

CARDS = next(table for table in SECRET_TABLES if table.name == "giftcards_giftcard")


def run(*arguments: str) -> tuple[int, str, str]:
    out, err, status = io.StringIO(), io.StringIO(), 0
    try:
        call_command("rotate_keys", *arguments, stdout=out, stderr=err)
    except SystemExit as end:
        status = int(str(end.code))
    return status, out.getvalue(), err.getvalue()


def only_newest(settings: Any) -> None:
    settings.CARD_ENCRYPTION_KEYS = settings.CARD_ENCRYPTION_KEYS[:1]


def secrets_of(card: GiftCard) -> dict[str, str]:
    names = [column.removesuffix(SUFFIX) for column in CARDS.contexts]
    return {name: open_field(getattr(card, name + SUFFIX), field=name) for name in names}


def all_cards() -> dict[Any, tuple[dict[str, str], bytes, str]]:
    return {
        card.pk: (secrets_of(card), bytes(card.code_digest), card.status)
        for card in GiftCard.objects.all()
    }


def tokens_in_database() -> set[tuple[str, str]]:
    """Return each table and column in which the owner finds something like a token."""
    with psycopg.connect(owner_url()) as owner:
        columns = owner.execute(
            "SELECT c.table_name, c.column_name FROM information_schema.columns c "
            "JOIN information_schema.tables t USING (table_schema, table_name) "
            "WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' "
            "AND c.data_type IN ('text', 'character varying', 'jsonb', 'json', 'ARRAY')"
        ).fetchall()
        return {
            (table, column)
            for table, column in columns
            if owner.execute(
                sql.SQL(
                    "SELECT EXISTS (SELECT 1 FROM {} WHERE {}::text ~ 'v1:[^:]+:[\\w-]{{16}}:')"
                ).format(sql.Identifier(table), sql.Identifier(column))
            ).fetchone()
            == (True,)
        }


def fill_every_column(world: World) -> None:
    """Have a secret in every column that can hold one."""
    (card,) = world.stock(1)
    filled = {
        f"{name}{SUFFIX}": seal_field(f"the {name}", field=name)
        for name in ("pin", "number", "security_code", "url")
    }
    GiftCard.objects.filter(pk=card.pk).update(**filled)
    world.invite()
    WebhookEndpoint.objects.create(
        client_id=world.client.pk,
        url="https://hooks.acorn.example/",
        events=[],
        secret_encrypted=keyring.encrypt("whsec_y", context="alerts_webhookendpoint.secret"),
        previous_secret_encrypted=keyring.encrypt(
            "whsec_z", context="alerts_webhookendpoint.previous_secret"
        ),
        previous_secret_until=NOW,
    )
    NoticeRoute.objects.create(
        name="On call",
        channel="webhook",
        url_encrypted=keyring.encrypt("https://on-call.example/", context="alerts_noticeroute.url"),
        secret_encrypted=keyring.encrypt("whsec_v", context="alerts_noticeroute.secret"),
    )
    previous = keyring.encrypt("whsec_w", context="redemption_eventsource.previous_secret")
    source = EventSource.objects.create(
        client=world.client,
        name="crm",
        secret_encrypted=keyring.encrypt("whsec_x", context="redemption_eventsource.secret"),
        previous_secret_encrypted=previous,
        previous_secret_until=NOW,
    )
    InboundEvent.objects.create(
        source=source,
        client=world.client,
        event_id="evt-1",
        signature=InboundEvent.Signature.CURRENT,
        body_encrypted=keyring.encrypt("{}", context="redemption_inboundevent.body"),
        body_digest=b"f" * 32,
        actor="system",
        received_at=NOW,
    )
    begin_set_up(user=make_person(), now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO giftcards_stagedcard (batch_id, line, code_encrypted, code_digest, last4, "
            "pin_encrypted, number_encrypted, expiry_bucket, claim_key) SELECT gen_random_uuid(), "
            "1, code_encrypted, code_digest, last4, pin_encrypted, number_encrypted, "
            "expiry_bucket, claim_key FROM giftcards_giftcard"
        )


# The command as a shell starts it, in small steps so that it can be met in the middle.
PROGRAM = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django
django.setup()
from alerts.scope import EVERYTHING, seeing
from alerts.services import key_rotation
from django.core.management import call_command
key_rotation._BATCH_ROWS = 4
with seeing(EVERYTHING):
    call_command("rotate_keys")
"""
