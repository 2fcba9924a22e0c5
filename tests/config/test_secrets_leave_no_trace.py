"""Codes, PINs and numbers are found nowhere: no log line, no message of a queue, no column."""

from __future__ import annotations

import base64
import io
import logging
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import redis
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse
from psycopg import sql
from pytest_django import Settings

from giftcards.emulator import Emulator
from giftcards.models import CardBatch, GiftCard, ProviderBrand, ProviderOrder, StagedCard
from giftcards.services import bought_cards, imports, order_records, receiving, revealing
from giftcards.services.secrets import seal_code
from giftcards.services.upload_jobs import run_uploads
from redemption.models import Redemption
from redemption.services.showing import show_card
from sms.queue import BELL
from sms.services.sending import send_due_messages
from tests.credit.partners import Partner
from tests.database import owner_url
from tests.redemption.asking import ask
from tests.redemption.buying import build_buying_world, buy_from, work, working
from tests.sms.texting_fixture import Texting
from tests.staff import make_user, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

CODES = ["TRCE-7Q4K-X2MW-0001", "TRCE-7Q4K-X2MW-0002", "TRCE-7Q4K-X2MW-0003"]
PINS = ["90817263", "90817264", "90817265"]
NUMBERS = ["6006490987654321", "6006490987654322", "6006490987654323"]
REFUSED = "TRCE-7Q4K-X2MW-BAD1"
TYPED, TYPED_PIN = "TRCE-7Q4K-X2MW-0004", "90817266"
HEADER = "code,pin,number\n"
CARDS = HEADER + "".join(
    f"{code},{pin},{number}\n" for code, pin, number in zip(CODES, PINS, NUMBERS, strict=True)
)


def traces_of(secrets: list[str], text: str) -> list[str]:
    """Return the secrets that are found: as they are, folded, in hexadecimal or in base64."""
    decoded = []
    for found in re.findall(r"[A-Za-z0-9+/_-]{16,}={0,2}", text):
        padded = found.rstrip("=").translate(str.maketrans("-_", "+/"))
        padded += "=" * (-len(padded) % 4)
        # What is no base64 decodes to nothing that is looked for.
        if len(padded.rstrip("=")) % 4 != 1:
            decoded.append(base64.b64decode(padded).decode(errors="replace"))
    haystack = "\n".join([text, *decoded]).upper()
    return [
        secret
        for secret in secrets
        if any(
            needle.upper() in haystack
            for needle in (secret, secret.replace("-", ""), secret.encode().hex())
        )
    ]


def dump_database() -> str:
    """Return every row of every table as its owner reads it."""
    lines = []
    with psycopg.connect(owner_url()) as owner:
        owner.execute("SET giftline.scope = '*'")
        tables = owner.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        for (table,) in tables:
            statement = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))
            lines += [f"{table} {row}" for (row,) in owner.execute(statement)]
    # Sessions are packed: what is in them would not be found otherwise.
    lines += [str(session.get_decoded()) for session in Session.objects.all()]
    return "\n".join(lines)


def dump_redis() -> str:
    """Return every key with all that it holds."""
    store = redis.Redis.from_url(os.environ["REDIS_URL"])
    read: dict[Any, Any] = {
        b"string": store.get,
        b"list": lambda key: store.lrange(key, 0, -1),
        b"hash": store.hgetall,
        b"set": store.smembers,
        b"zset": lambda key: store.zrange(key, 0, -1),
        b"stream": store.xrange,
    }
    return "\n".join(f"{key!r} {read[store.type(key)](key)!r}" for key in store.scan_iter())


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Collect what anybody logs, down to DEBUG and to each SQL statement, as it is printed."""
    printed = io.StringIO()
    handler = logging.StreamHandler(printed)
    own = [one.formatter for one in logging.root.handlers if "structlog" in repr(one.formatter)]
    handler.setFormatter(own[0] if own else None)
    known = [one for one in logging.root.manager.loggerDict.values() if hasattr(one, "setLevel")]
    loggers: list[Any] = [logging.root, *known]
    before = [(one, one.level, one.disabled, one.propagate) for one in loggers]
    for one in loggers:
        one.setLevel(logging.DEBUG)
        one.disabled, one.propagate = False, True
    logging.root.addHandler(handler)
    connection.force_debug_cursor = True
    yield printed
    connection.force_debug_cursor = False
    logging.root.removeHandler(handler)
    for one, level, disabled, propagate in before:
        one.setLevel(level)
        one.disabled, one.propagate = disabled, propagate


@pytest.fixture
def world() -> World:
    return build_world()


def upload(partner: Partner, world: World, body: str, key: str) -> Any:
    return partner.http.post(
        f"/api/v1/pools/{world.pool.pk}/cards/",
        body,
        content_type="text/csv",
        headers={**partner.headers, "Idempotency-Key": key},
    )


class TestSecrets:
    def test_leave_no_trace(
        self, world: World, texting: Texting, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        partner = Partner(world.client)
        # Brought in; then again, and with a row that is refused.
        assert upload(partner, world, CARDS, "one").status_code == 201
        assert upload(partner, world, CARDS, "two").status_code >= 400
        bad = f"{HEADER}{REFUSED},,1.23E+15\n{CODES[0]},,\n"
        assert upload(partner, world, bad, "three").status_code >= 400

        # Redeemed, texted and shown.
        (redemption_code,) = world.invite()
        contact = {"method": "sms", "phone": "+1 206 555 0101"}
        ask = {"code": redemption_code, "contact": contact}
        assert partner.post("/redemptions/", ask, key="r1").status_code in (200, 201)
        assert partner.post("/redemptions/", ask, key="r2").status_code == 409
        assert BELL.wait_until_quiet(5)
        send_due_messages(now=texting.later(60))
        redemption = Redemption.objects.get()
        shown = show_card(redemption_id=redemption.pk, actor="customer", now=texting.now)
        assert shown is not None
        assert shown.code in CODES

        # Looked at by staff: refused, shown, and broken in the middle with all of it in memory.
        browser = sign_in(make_user(is_superuser=True))
        browser.raise_request_exception = False
        card = GiftCard.objects.filter(status="available").order_by("pk")[0]
        url = reverse("admin:giftcards_giftcard_reveal", args=[card.pk])
        for code in CODES:
            assert browser.post(url, {"reason": f"about {code}"}).status_code == 200
        with monkeypatch.context() as broken:
            broken.setattr(revealing, "record_event", lambda **_facts: 1 / 0)
            assert browser.post(url, {"reason": "the next line breaks"}).status_code == 500
        assert any(
            code in browser.post(url, {"reason": "a test"}).content.decode() for code in CODES
        )

        # Typed in by hand: with a slip, broken in the middle, and then as it should be.
        by_hand = reverse("admin:giftcards_pool_add_by_hand", args=[world.pool.pk])
        typed = {"card-TOTAL_FORMS": "2", "card-INITIAL_FORMS": "0", "step": "add"}
        typed |= {"card-0-code": TYPED, "card-0-pin": TYPED_PIN, "card-0-expires_on": "soon"}
        for step in ("add", "more"):
            assert browser.post(by_hand, {**typed, "step": step}).status_code == 200
        typed["card-0-expires_on"] = "12/2031"
        with monkeypatch.context() as broken:
            broken.setattr(imports, "move_into_pool", lambda **_facts: 1 / 0)
            assert browser.post(by_hand, typed).status_code == 500
        assert browser.post(by_hand, typed).status_code == 302

        secrets = [*CODES, *PINS, *NUMBERS, REFUSED, redemption_code, TYPED, TYPED_PIN]
        logged, stored, queued = log.getvalue(), dump_database(), dump_redis()
        assert traces_of(secrets, logged) == []
        assert traces_of(secrets, stored) == []
        assert traces_of(secrets, queued) == []
        # And they were looked for where there was something to find.
        assert "ZeroDivisionError" in logged
        assert "UPDATE" in logged
        assert "sms.tasks" in queued
        assert all(f",{last4}," in stored for last4 in ("0001", "0002", "0003"))

    def test_of_a_large_file_leave_no_trace(
        self, world: World, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("giftcards.admin.uploads.ROWS_AT_ONCE", 1)
        browser = sign_in(make_user(is_superuser=True))
        browser.raise_request_exception = False
        page = reverse("admin:giftcards_pool_upload_cards", args=[world.pool.pk])

        def send(content: str) -> Any:
            file = SimpleUploadedFile("cards.csv", content.encode())
            return browser.post(page, {"lines": "", "file": file})

        # Broken in the middle with rows in memory; then received, with one that is refused.
        with monkeypatch.context() as broken:
            broken.setattr(receiving, "stage_cards", lambda *_facts, **_more: 1 / 0)
            assert send(CARDS).status_code == 500
        assert send(f"{CARDS}{REFUSED},,1.23E+15\n").status_code == 302
        secrets = [*CODES, *PINS, *NUMBERS, REFUSED]
        assert StagedCard.objects.count() == 3
        assert traces_of(secrets, dump_database()) == []

        # Checked, confirmed, imported.
        now = datetime.now(UTC)
        assert run_uploads(now=now) == 1
        batch = CardBatch.objects.get(state="previewed")
        page = reverse("admin:giftcards_cardbatch_confirm", args=[batch.pk])
        assert browser.post(page, {"step": "import_good"}).status_code == 302
        assert run_uploads(now=datetime.now(UTC)) == 1
        assert GiftCard.objects.count() == 3
        assert BELL.wait_until_quiet(5)
        assert traces_of(secrets, log.getvalue()) == []
        assert traces_of(secrets, dump_database()) == []
        assert traces_of(secrets, dump_redis()) == []
        assert "ZeroDivisionError" in log.getvalue()
        assert "giftcards.tasks.run_uploads" in dump_redis()

    def test_of_bought_cards_leave_no_trace(
        self,
        tillo_settings: Settings,
        tillo_emulator: Emulator,
        log: io.StringIO,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        world = build_buying_world()
        # Bought while a partner waits, and shown to it.
        partner = Partner(world.client)
        with working():
            answer = partner.post("/redemptions/", {"code": world.invite()[0]}, key="r1")
        assert answer.status_code == 201
        assert answer.json()["card"]["code"] == tillo_emulator.sales()[0].code

        # Sold with half an answer, with none, late, and once more under the same id.
        faults = [
            {"match": {"request": "issue", "nth": 1}, "action": "malformed", "sold": True},
            {"match": {"request": "issue", "nth": 2}, "action": "drop", "sold": True},
            {"match": {"request": "issue", "nth": 3}, "action": "slow", "seconds": 1.0},
        ]
        tillo_emulator.set_faults(faults)
        now = NOW
        for code in world.invite(3):
            ask(code)
        for _ in range(4):
            work(now=now)
            tillo_emulator.wait_until_quiet()
            now += timedelta(hours=2)
        tillo_emulator.set_faults([])

        # Bought, and broken while it was written down; then sold with a code that is there.
        ask(world.invite()[0])
        with monkeypatch.context() as broken:
            broken.setattr(order_records, "capture_hold", lambda **_facts: 1 / 0)
            work(now=now)
        work(now=now + timedelta(hours=2))
        ask(world.invite()[0])
        with monkeypatch.context() as broken:
            twin = tillo_emulator.sales()[0].code
            broken.setattr(
                bought_cards, "seal_code", lambda _code, **facts: seal_code(twin, **facts)
            )
            work(now=now)

        # An address instead of a code.
        buy_from(world, slug="apple-us")
        ProviderBrand.objects.create(
            provider="tillo",
            slug="apple-us",
            name="Apple",
            currency="USD",
            state="enabled",
            delivery_methods=["url"],
            synced_at=NOW,
        )
        ask(world.invite()[0])
        work(now=now)

        sales = tillo_emulator.sales()
        secrets = [secret for sale in sales for secret in (sale.code, sale.url) if secret]
        # Four digits stand anywhere by chance: a PIN is told by its name beside it.
        pins = re.compile(
            rf"(?i)pin\W{{1,8}}({'|'.join(sale.pin for sale in sales if sale.pin)})\b"
        )
        states = set(ProviderOrder.objects.values_list("state", "error_code"))
        assert states == {("succeeded", ""), ("unknown", "duplicate_code")}
        assert len(sales) == 7
        logged, stored, queued = log.getvalue(), dump_database(), dump_redis()
        for text in (logged, stored, queued):
            assert traces_of(secrets, text) == []
            assert not pins.search(text)
        assert pins.search(f'{{"pin": "{next(sale.pin for sale in sales if sale.pin)}"}}')
        assert "ZeroDivisionError" in logged
        assert sales[0].reference in stored

    @pytest.mark.parametrize(
        "text",
        [
            f"a line with {CODES[0]} in it",
            f"folded {CODES[0].replace('-', '').lower()}",
            rf"\x{CODES[0].encode().hex()}",
            base64.b64encode(f'{{"kwargs": "{CODES[0]}"}}'.encode()).decode(),
            base64.urlsafe_b64encode(CODES[0].encode()).decode().rstrip("="),
        ],
    )
    def test_control_a_trace_would_be_found(self, text: str) -> None:
        assert traces_of(CODES, text) == [CODES[0]]
