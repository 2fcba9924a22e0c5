"""Changing the key that secrets are under, beside redemptions and in spite of kill -9."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection, models
from psycopg import sql

from alerts import keyring
from alerts.services import key_rotation
from alerts.services.key_rotation import count_by_key, rotate_table
from alerts.transactions import UnexpectedTransactionError, transaction
from config.environment import random_key
from config.kinds import parse_keyring
from config.secret_tables import SECRET_TABLES, SUFFIX
from credit.services.second_factor import begin_set_up
from giftcards.models import CardEvent, GiftCard
from giftcards.services.secrets import open_field, seal_field
from giftcards.services.stock import add_card
from redemption.models import EventSource, Recipient, StagedRecipient
from redemption.services.recipients import open_redemption_code
from redemption.services.redeem import RedeemResult
from tests.database import owner_url
from tests.invariants import broken_invariants
from tests.people import make_person
from tests.redemption.asking import ask
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

CARDS = next(table for table in SECRET_TABLES if table.name == "giftcards_giftcard")


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=10_000_000)


@pytest.fixture
def next_key(settings: Any) -> str:
    """Put a new key before the one everything is under; return both as the environment has them."""
    text = f"next:{random_key()}"
    settings.CARD_ENCRYPTION_KEYS = [*parse_keyring(text), *settings.CARD_ENCRYPTION_KEYS]
    return f"{text},{os.environ['CARD_ENCRYPTION_KEYS']}"


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
    EventSource.objects.create(
        client=world.client,
        name="crm",
        secret_encrypted=keyring.encrypt("whsec_x", context="redemption_eventsource.secret"),
    )
    begin_set_up(user=make_person(), now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO giftcards_stagedcard (batch_id, line, code_encrypted, code_digest, last4, "
            "pin_encrypted, number_encrypted, expiry_bucket, claim_key) SELECT gen_random_uuid(), "
            "1, code_encrypted, code_digest, last4, pin_encrypted, number_encrypted, "
            "expiry_bucket, claim_key FROM giftcards_giftcard"
        )


class TestSecretTables:
    def test_name_every_encrypted_column_of_the_models(self) -> None:
        declared = {
            (model._meta.db_table, field.column)
            for model in apps.get_models()
            for field in model._meta.concrete_fields
            if isinstance(field, models.TextField) and str(field.column).endswith(SUFFIX)
        }
        assert {(t.name, column) for t in SECRET_TABLES for column in t.contexts} == declared
        assert len(declared) == 12

    def test_know_what_a_staged_secret_is_bound_to(self) -> None:
        contexts = {table.name: dict(table.contexts) for table in SECRET_TABLES}
        assert contexts["giftcards_stagedcard"] == {
            f"{name}_encrypted": f"giftcards_giftcard.{name}" for name in ("code", "pin", "number")
        }
        assert contexts["redemption_stagedrecipient"] == contexts["redemption_recipient"]

    def test_name_every_column_in_which_a_token_is_found(self, world: World) -> None:
        fill_every_column(world)
        known = {(table.name, column) for table in SECRET_TABLES for column in table.contexts}
        empty = {(StagedRecipient._meta.db_table, "code_encrypted")}
        assert tokens_in_database() == known - empty


class TestRotateKeys:
    def test_leaves_nothing_under_the_old_key(
        self, world: World, next_key: str, settings: Any
    ) -> None:
        new, old = settings.CARD_ENCRYPTION_KEYS
        settings.CARD_ENCRYPTION_KEYS = [old]
        fill_every_column(world)
        before = all_cards()
        (recipient,) = Recipient.objects.all()
        code, digest = open_redemption_code(recipient), bytes(recipient.code_digest)
        settings.CARD_ENCRYPTION_KEYS = [new, old]

        status, out, err = run()

        # Five of the card, three staged, one each of recipient, source and authenticator.
        assert (status, out) == (0, "next\t11\tnewest\ntest\t0\told\n")
        assert "giftcards_giftcard: 1 rows rewritten" in err
        only_newest(settings)
        assert all_cards() == before
        recipient.refresh_from_db()
        assert (open_redemption_code(recipient), bytes(recipient.code_digest)) == (code, digest)
        source = EventSource.objects.get()
        context = "redemption_eventsource.secret"
        assert keyring.decrypt(source.secret_encrypted, context=context) == "whsec_x"
        assert not CardEvent.objects.exists()
        for secret in (*next(iter(before.values()))[0].values(), code, "whsec_x", "v1:"):
            assert secret not in out + err

    def test_does_nothing_the_second_time(self, world: World, next_key: str) -> None:
        world.stock(3)
        GiftCard.objects.update(url_encrypted="")
        run()
        tokens = list(GiftCard.objects.order_by("pk").values_list("code_encrypted", flat=True))
        status, _, err = run()
        assert (status, "rewritten" in err) == (0, False)
        assert tokens == list(
            GiftCard.objects.order_by("pk").values_list("code_encrypted", flat=True)
        )

    def test_counts_only_when_asked_to_check(self, world: World, settings: Any) -> None:
        world.stock(2)  # with a PIN each
        new = parse_keyring(f"next:{random_key()}")
        settings.CARD_ENCRYPTION_KEYS = [*new, *settings.CARD_ENCRYPTION_KEYS]
        status, out, err = run("--check")
        assert (status, out) == (1, "next\t0\tnewest\ntest\t4\told\n")
        assert err == "4 secrets are not under the newest key: keep the others.\n"
        assert count_by_key(CARDS) == {"test": 4}

        run()
        assert run("--check")[:2] == (0, "next\t4\tnewest\ntest\t0\told\n")

    def test_goes_on_past_what_nobody_can_read(
        self, world: World, next_key: str, settings: Any
    ) -> None:
        new, old = settings.CARD_ENCRYPTION_KEYS
        settings.CARD_ENCRYPTION_KEYS = [old]
        lost, plain, *_ = world.stock(4)
        GiftCard.objects.filter(pk=lost.pk).update(
            code_encrypted=lost.code_encrypted.replace("v1:test:", "v1:gone:")
        )
        GiftCard.objects.filter(pk=plain.pk).update(code_encrypted="a:PLAIN-CODE:b:c")
        settings.CARD_ENCRYPTION_KEYS = [new, old]

        status, out, err = run()

        assert status == 1
        assert out == "next\t6\tnewest\ntest\t0\told\ngone\t1\tunknown\nnot a token\t1\tunknown\n"
        assert f"giftcards_giftcard.code_encrypted of {lost.pk}: " in err
        assert "its key is not in CARD_ENCRYPTION_KEYS" in err
        assert "PLAIN-CODE" not in out + err
        plain.refresh_from_db()
        assert plain.code_encrypted == "a:PLAIN-CODE:b:c"
        assert open_field(plain.pin_encrypted, field="pin") == "4321"

    def test_takes_every_batch(
        self, world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(key_rotation, "_BATCH_ROWS", 3)
        world.stock(10)
        before = all_cards()
        new = parse_keyring(f"next:{random_key()}")
        settings.CARD_ENCRYPTION_KEYS = [*new, *settings.CARD_ENCRYPTION_KEYS]
        told: list[int] = []
        rotated = rotate_table(CARDS, after_batch=told.append)
        assert (rotated.rewritten_rows, rotated.busy_rows, rotated.faults) == (10, 0, ())
        assert told == [3, 6, 9, 10]
        only_newest(settings)
        assert all_cards() == before

    def test_refuses_to_be_part_of_a_transaction(self) -> None:
        with transaction(), pytest.raises(UnexpectedTransactionError):
            rotate_table(CARDS, after_batch=print)


class TestRotateTableBesideOthers:
    @pytest.fixture(autouse=True)
    def two_passes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(key_rotation, "_PASSES", 2)
        monkeypatch.setattr(key_rotation, "_PAUSE_SECONDS", 0)

    def change_key(self, settings: Any) -> None:
        new = parse_keyring(f"next:{random_key()}")
        settings.CARD_ENCRYPTION_KEYS = [*new, *settings.CARD_ENCRYPTION_KEYS]

    def test_steps_over_a_locked_row_and_says_so(self, world: World, settings: Any) -> None:
        held, *_ = world.stock(5)
        self.change_key(settings)
        with psycopg.connect(owner_url()) as other:
            other.execute("SET giftline.scope = '*'")
            other.execute("SELECT 1 FROM giftcards_giftcard WHERE id = %s FOR UPDATE", [held.pk])
            rotated = rotate_table(CARDS, after_batch=lambda _rows: None)
        assert (rotated.rewritten_rows, rotated.busy_rows) == (4, 1)
        assert count_by_key(CARDS) == {"next": 8, "test": 2}
        held.refresh_from_db()
        assert held.code_encrypted.startswith("v1:test:")

    def test_overwrites_nothing_newer(
        self, world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (card,) = world.stock(1)
        self.change_key(settings)
        newer = seal_field("9876", field="pin")
        decrypt = keyring.decrypt

        def decrypt_late(token: str, *, context: str) -> str:
            # Between reading and writing somebody else gives the card another PIN.
            with psycopg.connect(owner_url(), autocommit=True) as other:
                other.execute("SET giftline.scope = '*'")
                other.execute("UPDATE giftcards_giftcard SET pin_encrypted = %s", [newer])
            return decrypt(token, context=context)

        monkeypatch.setattr(keyring, "decrypt", decrypt_late)
        rotate_table(CARDS, after_batch=lambda _rows: None)
        card.refresh_from_db()
        assert card.pin_encrypted == newer
        assert card.code_encrypted.startswith("v1:next:")  # by the second pass

    def test_control_a_careless_write_loses_the_newer_secret(
        self, world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        careless = key_rotation._WRITE.replace("{unchanged}", "true")
        monkeypatch.setattr(key_rotation, "_WRITE", careless)
        with pytest.raises(AssertionError):
            self.test_overwrites_nothing_newer(world, settings, monkeypatch)

    def test_costs_no_redemption_its_card(self, world: World, settings: Any) -> None:
        count, threads = 120, 6
        # As many cards as codes: a claim that gives up too early is found out.
        world.stock(count)
        codes = iter(world.invite(count))
        before = {pk: secrets for pk, (secrets, _, _) in all_cards().items()}
        done = threading.Event()
        lock = threading.Lock()

        def redeem_some(_number: int) -> list[RedeemResult]:
            try:
                with lock:
                    mine = list(itertools.islice(codes, count // threads))
                return [ask(code) for code in mine]
            finally:
                connection.close()

        def rotate_over_and_over() -> int:
            rewritten = 0
            try:
                for number in itertools.count():
                    new = parse_keyring(f"key{number}:{random_key()}")
                    settings.CARD_ENCRYPTION_KEYS = [*new, *settings.CARD_ENCRYPTION_KEYS]
                    for table in SECRET_TABLES:
                        rewritten += rotate_table(
                            table, after_batch=lambda _rows: None
                        ).rewritten_rows
                    if done.is_set():
                        return rewritten
                return 0
            finally:
                connection.close()

        with ThreadPoolExecutor(threads + 1) as pool:
            rotation = pool.submit(rotate_over_and_over)
            results = list(itertools.chain(*pool.map(redeem_some, range(threads))))
            done.set()
            rewritten = rotation.result()

        assert [result.state for result in results] == ["issued"] * count
        assert rewritten > 2 * count
        assert broken_invariants() == {}
        assert {pk: secrets for pk, (secrets, _, _) in all_cards().items()} == before
        # The last round began while they were at work; one more in peace ends it.
        assert run()[0] == 0
        only_newest(settings)
        assert {pk: secrets for pk, (secrets, _, _) in all_cards().items()} == before


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


class TestKilledRotation:
    def test_goes_on_with_what_is_left(self, world: World, settings: Any) -> None:
        with transaction():
            for number in range(60):
                add_card(pool=world.pool, code=f"KILL-{number:08}", pin="4321", number="77")
        world.invite(20)
        before = all_cards()
        key = random_key()
        environment = {
            **os.environ,
            "CARD_ENCRYPTION_KEYS": f"next:{key},{os.environ['CARD_ENCRYPTION_KEYS']}",
        }
        settings.CARD_ENCRYPTION_KEYS = [
            *parse_keyring(f"next:{key}"),
            *django_settings.CARD_ENCRYPTION_KEYS,
        ]
        done: list[int] = []
        for lines in (2, 4):
            with subprocess.Popen(
                [sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE, env=environment, text=True
            ) as process:
                assert process.stderr is not None
                for _ in range(lines):
                    assert "rows rewritten" in process.stderr.readline()
                process.kill()
            assert process.returncode == -9
            done.append(count_by_key(CARDS)["next"])
            assert all_cards() == before  # under one key or the other, whole
        assert 0 < done[0] < done[1] <= 180

        finished = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            env=environment,
            text=True,
            check=False,
        )
        assert (finished.returncode, finished.stdout) == (0, "next\t200\tnewest\ntest\t0\told\n")
        assert "KILL-" not in finished.stderr
        assert "v1:" not in finished.stderr
        only_newest(settings)
        assert all_cards() == before
        assert not CardEvent.objects.exists()

    def test_loses_no_card_while_people_redeem(self, world: World, settings: Any) -> None:
        count, threads = 160, 4
        with transaction():
            for number in range(count):
                add_card(pool=world.pool, code=f"KILL-{number:08}", pin="4321", number="77")
        codes = world.invite(count)
        before = {pk: secrets for pk, (secrets, _, _) in all_cards().items()}
        key = random_key()
        keys = f"next:{key},{os.environ['CARD_ENCRYPTION_KEYS']}"
        settings.CARD_ENCRYPTION_KEYS = [
            *parse_keyring(f"next:{key}"),
            *django_settings.CARD_ENCRYPTION_KEYS,
        ]
        over = threading.Event()
        results: list[RedeemResult] = []

        def redeem_some(place: int) -> None:
            try:
                for code in codes[place::threads]:
                    results.append(ask(code))
                    # So that people are still at it when the last of the rotations ends.
                    over.wait(timeout=0.25)
            finally:
                connection.close()

        def rotate_and_be_killed() -> tuple[list[int], list[int]]:
            """Start the rotation and kill it a moment later, again and again; then let it end."""
            ends, served = [], []
            try:
                for lines in (1, 3, 6, 10, None):
                    with subprocess.Popen(
                        [sys.executable, "-c", PROGRAM],
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.PIPE,
                        env={**os.environ, "CARD_ENCRYPTION_KEYS": keys},
                        text=True,
                    ) as process:
                        assert process.stderr is not None
                        if lines is None:
                            process.communicate(timeout=60)
                        else:
                            for _ in range(lines):
                                process.stderr.readline()
                            process.kill()
                    ends.append(process.returncode)
                    served.append(len(results))
            finally:
                over.set()
            return ends, served

        with ThreadPoolExecutor(threads + 1) as pool:
            rotation = pool.submit(rotate_and_be_killed)
            list(pool.map(redeem_some, range(threads)))
            ends, served = rotation.result()

        assert ends[:-1] == [-9] * 4
        assert 0 < served[0] < served[1] < served[2] < served[3]  # people were served meanwhile
        assert [result.state for result in results] == ["issued"] * count
        assert len({result.card.card_id for result in results if result.card}) == count
        assert broken_invariants() == {}
        # Rows that a redemption held are told and left to the next run.
        assert run()[0] == 0
        only_newest(settings)
        assert {pk: secrets for pk, (secrets, _, _) in all_cards().items()} == before
