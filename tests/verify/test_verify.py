"""The command, the job and the page: proving, telling, keeping."""

from __future__ import annotations

import itertools
import json
import threading
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.urls import reverse

from alerts.errors import ValidationFailedError
from alerts.models import Alert, Verification
from alerts.selectors.invariants import Invariant, list_invariants
from alerts.services import verification
from alerts.services.verification import (
    ask_for_verification,
    prove_invariants,
    ring_again,
    verify,
    verify_asked,
)
from alerts.tasks import verify as nightly
from config.checks import check_invariants
from tests.database import housekeeping, is_superuser, owner_url
from tests.races import run_at_once
from tests.redemption.asking import ask
from tests.staff import make_platform_admin, make_user, sign_in
from tests.world import NOW, World, build_world

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not is_superuser(), reason="only a superuser gets past the triggers"),
]

BALANCES = "account-balances"
KEY = f"invariant:{BALANCES}"
# For the checks of the wiring.
TWICE = (*list_invariants().values(), list_invariants()[BALANCES])
NONE = ("account-balances",)
BAD = (
    Invariant(name="bad", sentence="It can't be asked.", things="x", query="SELECT no FROM where_"),
)


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(1)
    ask(world.invite()[0], now=datetime.now(UTC))
    return world


def break_balance(world: World, by: int = 1) -> None:
    with housekeeping() as connection:
        connection.execute(
            "UPDATE credit_account SET balance_minor = balance_minor + %s WHERE id = %s",
            [by, world.account.pk],
        )


def run(*arguments: str) -> tuple[int, str]:
    """Return the command's exit code and what it printed."""
    out = StringIO()
    try:
        call_command("verify", *arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


class TestVerifyCommand:
    def test_proves_everything_and_says_how_long_it_took(self, world: World) -> None:
        code, text = run()
        assert code == 0
        assert f"{len(list_invariants())} invariants in " in text
        assert "All of them hold." in text
        assert all(name in text for name in list_invariants())
        assert not Alert.objects.filter(kind="invariant").exists()

    def test_names_what_is_broken_with_its_ids_and_exits_with_1(self, world: World) -> None:
        break_balance(world)
        code, text = run()
        assert code == 1
        assert f"Broken: {BALANCES}." in text
        assert f"account {world.account.pk}" in text
        assert text.count("BROKEN") == 1

    def test_proves_one_by_name(self, world: World) -> None:
        break_balance(world)
        code, text = run("--only", "one-reward-each")
        assert (code, "1 invariants in" in text) == (0, True)
        assert BALANCES not in text
        assert run("--only", BALANCES)[0] == 1
        with pytest.raises(CommandError, match="No invariant is named nonsense"):
            run("--only", "nonsense")

    def test_prints_json(self, world: World) -> None:
        break_balance(world)
        code, text = run("--json", "--only", BALANCES)
        told = json.loads(text)
        assert (code, told["is_sound"]) == (1, False)
        (proof,) = told["invariants"]
        assert (proof["name"], proof["count"]) == (BALANCES, 1)
        assert proof["ids"] == [str(world.account.pk)]
        assert proof["seconds"] >= 0

    def test_opens_every_code_when_asked(self, world: World) -> None:
        assert (
            run("--whole", "--only", "card-secrets-open", "--only", "redemption-codes-open")[0] == 0
        )

    def test_lists_what_there_is(self) -> None:
        assert run("--list")[1].count("\n") == len(list_invariants())


class TestVerify:
    def test_raises_one_alert_for_each_and_resolves_it(self, world: World) -> None:
        break_balance(world)
        nightly()
        nightly()
        (alert,) = Alert.objects.filter(kind="invariant")
        assert (alert.dedupe_key, alert.severity, alert.state) == (KEY, "critical", "open")
        assert alert.count == 2
        assert alert.data["ids"] == [str(world.account.pk)]
        break_balance(world, -1)
        nightly()
        alert.refresh_from_db()
        assert alert.state == "resolved"
        assert [len(row.proofs) for row in Verification.objects.all()] == [
            len(list_invariants())
        ] * 3

    def test_leaves_the_alerts_of_others_alone(self, world: World) -> None:
        break_balance(world)
        nightly()
        verify(now=NOW, asked_by="command", only=["one-reward-each"])
        assert Alert.objects.get(dedupe_key=KEY).state == "open"

    def test_goes_on_where_one_can_not_be_asked(self, world: World) -> None:
        path = "tests.verify.test_verify.BAD"
        with override_settings(INVARIANTS=(path, "credit.selectors.invariants.INVARIANTS")):
            verified = prove_invariants(now=NOW)
        bad, *others = verified.proofs
        assert (bad.count, bad.is_missing, bad.is_sound) == (None, True, False)
        assert others
        assert all(proof.is_sound for proof in others)

    def test_writes_nothing_while_it_reads(self, world: World) -> None:
        def look(read: Any, *, whole: bool) -> list[str]:
            read("UPDATE credit_account SET name = 'x'", {})
            return []

        broken = Invariant(name="writes", sentence="-", things="x", look=look)
        proof = verification._prove(broken, now=NOW, is_whole=False)
        assert (proof.count, proof.problem) == (None, "25006")

    def test_sees_each_invariant_as_of_one_moment(self, world: World) -> None:
        seen: list[int] = []

        def look(read: Any, *, whole: bool) -> list[str]:
            seen.append(read("SELECT count(*) FROM credit_agency", {})[0][0])
            with psycopg.connect(owner_url()) as other:
                other.execute(
                    "INSERT INTO credit_agency (id, name, slug, is_active, created_at)"
                    " VALUES (gen_random_uuid(), 'x', 'x', true, now())"
                )
            seen.append(read("SELECT count(*) FROM credit_agency", {})[0][0])
            return []

        verification._prove(
            Invariant(name="moment", sentence="-", things="x", look=look), now=NOW, is_whole=False
        )
        assert seen[0] == seen[1]

    def test_takes_no_lock_that_anybody_waits_for(self, world: World) -> None:
        modes: set[str] = set()

        def look(read: Any, *, whole: bool) -> list[str]:
            for invariant in list_invariants().values():
                if invariant.query:
                    read(invariant.query, {"now": NOW})
            rows = read(
                "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid()"
                " AND locktype IN ('relation', 'tuple', 'advisory')",
                {},
            )
            modes.update(mode for (mode,) in rows)
            return []

        proof = verification._prove(
            Invariant(name="locks", sentence="-", things="x", look=look), now=NOW, is_whole=False
        )
        assert proof.problem == ""
        assert modes == {"AccessShareLock"}


class TestAskForVerification:
    def test_is_done_once_by_whoever_hears_the_bell(self, world: World) -> None:
        first = ask_for_verification(asked_by="user:1", is_whole=False, now=NOW)
        assert ask_for_verification(asked_by="user:2", is_whole=False, now=NOW) == first
        row = Verification.objects.get()
        assert (row.started_at, row.asked_by) == (None, "user:1")
        assert verify_asked(now=NOW) == len(list_invariants())
        assert verify_asked(now=NOW) == 0
        row.refresh_from_db()
        assert row.finished_at is not None
        assert {proof["count"] for proof in row.proofs} == {0}

    def test_asks_anew_where_a_worker_has_just_begun_the_one_in_its_way(self) -> None:
        roles, is_over = itertools.count(), threading.Event()

        def ask_or_begin() -> None:
            if next(roles):
                while not is_over.wait(0.0005):
                    Verification.objects.filter(started_at=None).update(started_at=NOW)
                return
            try:
                for number in range(5000):
                    ask_for_verification(asked_by="user:1", is_whole=False, now=NOW)
                    # On a busy machine it takes longer until somebody has begun one.
                    if number > 150 and Verification.objects.count() > 1:
                        break
            finally:
                is_over.set()

        assert run_at_once(2, ask_or_begin) == [None, None]
        assert Verification.objects.count() > 1

    def test_is_rung_for_again_when_nobody_has_begun_after_a_minute(self, world: World) -> None:
        assert ring_again(now=NOW) is False
        ask_for_verification(asked_by="user:1", is_whole=False, now=NOW)
        assert ring_again(now=NOW + timedelta(seconds=59)) is False
        assert ring_again(now=NOW + timedelta(seconds=60)) is True
        verify_asked(now=NOW)
        assert ring_again(now=NOW + timedelta(days=1)) is False


class TestVerifyPage:
    def test_asks_for_a_proof_and_follows_it(self, world: World) -> None:
        break_balance(world)
        browser, page = sign_in(make_platform_admin()), reverse("admin:verify")
        assert page == "/admin/verify/"
        assert "It was not proven yet." in browser.get(page).content.decode()
        browser.post(page)
        waiting = browser.get(page, headers={"HX-Request": "true"}).content.decode()
        assert "Waits for a worker" in waiting
        assert 'hx-trigger="every 1s"' in waiting
        assert "<html" not in waiting
        verify_asked(now=datetime.now(UTC))
        done = browser.get(page).content.decode()
        assert str(world.account.pk) in done
        assert "1 broken" in done
        assert "every 1s" not in done

    def test_is_for_platform_admins(self) -> None:
        assert sign_in(make_user()).get(reverse("admin:verify")).status_code == 404


class TestCheckInvariants:
    def test_finds_nothing_wrong(self) -> None:
        assert check_invariants() == []

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("redemption.nowhere.INVARIANTS", "No module named"),
            ("tests.verify.test_verify.NONE", "which is no invariant"),
            ("tests.verify.test_verify.TWICE", f"second invariant named {BALANCES}"),
        ],
    )
    def test_says_what_is_wrong(self, path: str, words: str) -> None:
        with override_settings(INVARIANTS=(path,)):
            (problem,) = check_invariants()
        assert problem.id == "giftline.E010"
        assert words in problem.msg


class TestProve:
    def test_refuses_a_name_that_is_none(self) -> None:
        with pytest.raises(ValidationFailedError):
            prove_invariants(now=NOW, only=["nonsense"])
        assert not Verification.objects.exists()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
class TestMigrateVerify:
    """Before an upgrade."""

    def test_migrates_a_database_that_is_as_it_must_be(self, world: World) -> None:
        out = StringIO()
        call_command("migrate", "--verify", stdout=out)
        assert f"{len(list_invariants())} promises hold." in out.getvalue()
        assert not Verification.objects.exists()

    def test_changes_nothing_in_one_that_is_broken(self, world: World) -> None:
        break_balance(world)
        errors = StringIO()
        with pytest.raises(CommandError, match="nothing was migrated"):
            call_command("migrate", "--verify", stderr=errors)
        assert str(world.account.pk) in errors.getvalue()
        call_command("migrate", verbosity=0)

    def test_passes_over_what_comes_with_the_upgrade(self, world: World) -> None:
        out = StringIO()
        path = "tests.verify.test_verify.BAD"
        with override_settings(INVARIANTS=(path, "credit.selectors.invariants.INVARIANTS")):
            call_command("migrate", "--verify", stdout=out)
        assert "promises hold, 1 come with this upgrade." in out.getvalue()
