"""Changing the key that secrets are under, beside redemptions and in spite of kill -9."""

from __future__ import annotations

import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import connection, models

from alerts import keyring
from alerts.services import key_rotation
from alerts.services.key_rotation import count_by_key, rotate_table
from alerts.transactions import UnexpectedTransactionError, transaction
from config.environment import random_key
from config.kinds import parse_keyring
from config.secret_tables import SECRET_TABLES, SUFFIX
from giftcards.models import CardEvent, GiftCard
from giftcards.services.secrets import open_field, seal_field
from redemption.models import EventSource, Recipient, StagedRecipient
from redemption.services.recipients import open_redemption_code
from redemption.services.redeem import RedeemResult
from tests.config.rotating import (
    CARDS,
    all_cards,
    fill_every_column,
    only_newest,
    run,
    tokens_in_database,
)
from tests.database import owner_url
from tests.invariants import broken_invariants
from tests.redemption.asking import ask
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=10_000_000)


@pytest.fixture
def next_key(settings: Any) -> str:
    """Put a new key before the one everything is under; return both as the environment has them."""
    text = f"next:{random_key()}"
    settings.CARD_ENCRYPTION_KEYS = [*parse_keyring(text), *settings.CARD_ENCRYPTION_KEYS]
    return f"{text},{os.environ['CARD_ENCRYPTION_KEYS']}"


class TestSecretTables:
    def test_name_every_encrypted_column_of_the_models(self) -> None:
        declared = {
            (model._meta.db_table, field.column)
            for model in apps.get_models()
            for field in model._meta.concrete_fields
            if isinstance(field, models.TextField) and str(field.column).endswith(SUFFIX)
        }
        assert {(t.name, column) for t in SECRET_TABLES for column in t.contexts} == declared
        assert len(declared) == 18

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

        # Five of the card, three staged, two each of source, endpoint and route, one each of
        # recipient, event and authenticator.
        assert (status, out) == (0, "next\t17\tnewest\ntest\t0\told\n")
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
