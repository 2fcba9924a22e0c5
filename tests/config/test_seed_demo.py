"""The demo's data, seeded for real once and then looked at from all sides."""

import io
import json
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.models import Count, F, Sum
from PIL import Image
from pytest_django import DjangoDbBlocker

from alerts.keyring import decrypt
from alerts.models import Alert
from config.demo_data.texts import Postman
from config.demo_data.timeline import PastRedemption
from credit.models import Account, ApiKey, Client, ClientLook, Entry, Membership, Transaction, User
from credit.selectors.balances import balance_of
from credit.services.api_keys import SCOPES, find_api_key
from credit.services.colours import shades_of
from giftcards.emulator.brands import STARTER_BRANDS
from giftcards.models import Brand, GiftCard, Pool, StagedCard
from giftcards.patterns import CodePattern
from redemption.models import (
    CallSession,
    Campaign,
    Condition,
    EventSource,
    InboundEvent,
    Recipient,
    Redemption,
)
from redemption.services.recipients import seal_redemption_code
from redemption.services.redeem import Caller, Contact, redeem
from sms.models import Message
from tests.database import empty_tables

pytestmark = pytest.mark.django_db


def seed(path: Path, *, previous: Path | None = None) -> dict[str, Any]:
    arguments = ["--previous", str(previous)] if previous else []
    call_command("seed_demo", "--json", str(path), *arguments)
    written: dict[str, Any] = json.loads(path.read_text())
    return written


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


class PowerCutError(Exception):
    """What ends a command in the middle of its work."""


@pytest.fixture(scope="module", autouse=True)
def demo(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, folder: Path
) -> Iterator[dict[str, Any]]:
    """Seed the demo, stopped in the middle of its history and begun again."""
    with django_db_blocker.unblock():
        with pytest.MonkeyPatch.context() as patch:
            deliver, left = Postman.deliver, iter(range(50))

            def deliver_some(postman: Postman, past: PastRedemption) -> None:
                if next(left, None) is None:
                    raise PowerCutError
                deliver(postman, past)

            patch.setattr(Postman, "deliver", deliver_some)
            with pytest.raises(PowerCutError):
                seed(folder / "first.json")
        assert not (folder / "first.json").exists()
        assert 50 < Redemption.objects.count() < 100
        yield seed(folder / "first.json")
        empty_tables()


def counts() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        counted = {}
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table}")
            counted[table] = cursor.fetchone()[0]
    return counted


class TestSeedDemo:
    def test_makes_the_world_that_is_promised(self, demo: dict[str, Any]) -> None:
        counted = counts()
        assert counted["credit_agency"] == 2
        assert counted["credit_client"] == 3
        assert (counted["giftcards_brand"], counted["giftcards_pool"]) == (7, 8)
        assert 300 < counted["giftcards_giftcard"] < 1000
        assert 300 < counted["redemption_recipient"] < 1000
        assert not StagedCard.objects.exists()

    def test_has_healthy_pools_some_nearly_empty_and_some_empty(self) -> None:
        available = {
            pool.name: GiftCard.objects.filter(pool=pool, status="available").count()
            for pool in Pool.objects.all()
        }
        assert available == {
            "Solmara Brightleaf": 330,
            "Halcyon master": 80,
            "Orrin Juniper": 55,
            "Tidewell Cobalt": 5,
            "Tidewell Fernway": 0,
            "Solmara Marigold": 2,
            "Solmara Saffron": 0,
            "Marigold bought ahead": 0,
        }

    def test_lets_one_pool_fall_back_on_the_provider_and_one_have_nothing_else(
        self, demo: dict[str, Any]
    ) -> None:
        provider = demo["provider"]
        sold = {brand.slug for brand in STARTER_BRANDS if brand.state == "ENABLED"}
        for name, method, client in (
            ("on_the_spot", "api_only", "solmara"),
            ("fallback", "csv_with_fallback", "solmara"),
            ("buffer", "api_only", None),
        ):
            pool = Pool.objects.get(pk=provider[name]["pool_id"])
            assert pool.purchase_method == provider[name]["purchase_method"] == method
            assert pool.brand.provider_slug == provider[name]["provider_slug"]
            assert pool.brand.provider_slug in sold
            assert (pool.api_provider, pool.client and pool.client.slug) == ("tillo", client)
        buffer = Pool.objects.get(pk=provider["buffer"]["pool_id"])
        assert (buffer.kind, buffer.target_level) == ("buffer", provider["buffer"]["target_level"])
        # What the buffer holds is of the value for which the fallback looks.
        fallback = Pool.objects.get(pk=provider["fallback"]["pool_id"])
        assert buffer.denomination == fallback.denomination

    def test_has_codes_for_cards_that_have_to_be_bought(self, demo: dict[str, Any]) -> None:
        for name in ("on_the_spot", "fallback"):
            told = demo["provider"][name]
            condition = Condition.objects.get(campaign=told["campaign_id"])
            assert str(condition.pool_id) == told["pool_id"]
            assert len(set(told["codes"])) == 5
            digests = [seal_redemption_code(code).digest for code in told["codes"]]
            unused = Recipient.objects.filter(code_digest__in=digests, redemptions=None)
            assert unused.filter(campaign=told["campaign_id"]).count() == 5

    def test_lets_the_demo_pool_take_any_code(self, demo: dict[str, Any]) -> None:
        pool = Pool.objects.get(pk=demo["pool_id"])
        assert CodePattern(pool.brand.code_format).matches("ANY-code-0042")
        assert not CodePattern(pool.brand.code_format).matches("A" * 41)
        condition = Condition.objects.get(campaign=demo["campaign_id"])
        assert (condition.pool, condition.brand) == (pool, pool.brand)
        assert Brand.objects.exclude(code_format="").count() == 5

    def test_shares_one_budget_and_isolates_the_other(self, demo: dict[str, Any]) -> None:
        shared = Campaign.objects.get(pk=demo["campaign_id"])
        isolated = Campaign.objects.get(name="Meter Reading Reward")
        assert (shared.budget_mode, str(shared.account_id)) == (
            "shared",
            demo["accounts"]["client"],
        )
        assert (isolated.budget_mode, str(isolated.account_id)) == (
            "isolated",
            demo["accounts"]["campaign"],
        )
        levels = {
            name: Account.objects.get(pk=account_id).level
            for name, account_id in demo["accounts"].items()
        }
        assert levels == {name: name for name in levels}
        assert set(levels) == {"platform", "agency", "client", "campaign"}

    def test_tells_scripts_what_they_need(self, demo: dict[str, Any], folder: Path) -> None:
        assert set(demo) == {
            "admin", "agent", "agency_manager", "client_manager", "auditor", "api_key",
            "platform_api_key", "event_source", "client_id", "other_client", "campaign_id",
            "pool_id", "accounts", "codes", "test_code", "provider", "loyalty",
        }  # fmt: skip
        assert len(set(demo["codes"])) == 20
        assert demo["test_code"] not in demo["codes"]
        assert stat.S_IMODE((folder / "first.json").stat().st_mode) == 0o600

    def test_gives_each_log_in_its_role(self, demo: dict[str, Any]) -> None:
        roles = {
            "admin": ("platform_admin", None, None),
            "agent": ("agent", None, "solmara"),
            "agency_manager": ("agency_manager", "lantern", None),
            "client_manager": ("client_manager", None, "solmara"),
            "auditor": ("auditor", None, None),
        }
        for username, (role, agency, client) in roles.items():
            login = demo[username]
            user = User.objects.get(username=login["username"])
            assert user.check_password(login["password"])
            assert (user.is_staff, user.is_superuser) == ((username == "admin"),) * 2
            membership = Membership.objects.get(user=user)
            assert membership.role == role
            assert (membership.agency and membership.agency.slug) == agency
            assert (membership.client and membership.client.slug) == client

    def test_gives_keys_of_three_owners(self, demo: dict[str, Any]) -> None:
        now = datetime.now(UTC)
        owners = {
            demo["api_key"]: UUID(demo["client_id"]),
            demo["platform_api_key"]: None,
            demo["other_client"]["api_key"]: UUID(demo["other_client"]["client_id"]),
        }
        assert len(owners) == 3
        for secret, client_id in owners.items():
            key = find_api_key(secret, now=now)
            assert key.client_id == client_id
            assert set(key.scopes) == set(SCOPES)
        client = Client.objects.get(pk=demo["client_id"])
        other = Client.objects.get(pk=demo["other_client"]["client_id"])
        assert client.agency_id != other.agency_id

    def test_shares_a_secret_with_the_event_source(self, demo: dict[str, Any]) -> None:
        source = EventSource.objects.get(name=demo["event_source"]["name"])
        secret = demo["event_source"]["secret"]
        assert secret.startswith("whsec_")
        assert secret not in source.secret_encrypted
        assert decrypt(source.secret_encrypted, context="redemption_eventsource.secret") == secret

    def test_leaves_no_chart_blank(self) -> None:
        now = datetime.now(UTC)
        redemptions = Redemption.objects.filter(created_at__gte=now - timedelta(days=211))
        assert redemptions.count() == Redemption.objects.count() == 345
        assert not Redemption.objects.filter(created_at__gt=now).exists()
        lately = redemptions.filter(created_at__gte=now - timedelta(days=30))
        assert len(lately.dates("created_at", "day")) > 22
        assert len(redemptions.dates("created_at", "month")) >= 7
        assert set(redemptions.values_list("door", flat=True)) == {"web", "desk", "crm", "api"}
        assert set(redemptions.values_list("state", flat=True)) == {
            "confirmed",
            "delivered",
            "waiting_stock",
        }
        assert set(Message.objects.values_list("state", flat=True)) == {
            "delivered",
            "undelivered",
        }
        # Nothing is left for a worker to send to people of the past.
        assert not Message.objects.exclude(next_attempt_at=None).exists()

    def test_invents_its_people(self) -> None:
        people = Recipient.objects.exclude(phone="")
        assert people.exclude(phone__regex=r"^\+1\d{3}55501\d\d$").count() == 0
        assert people.exclude(email__endswith="@example.com").count() == 0
        assert people.values("phone").annotate(n=Count("*")).filter(n__gt=1).count() == 0

    def test_keeps_a_ledger_that_is_right_to_the_cent(self) -> None:
        assert Entry.objects.aggregate(total=Sum("amount_minor"))["total"] == 0
        unbalanced = (
            Transaction.objects.annotate(total=Sum("entries__amount_minor"))
            .exclude(total=0)
            .count()
        )
        assert unbalanced == 0
        for account in Account.objects.exclude(level="platform"):
            entries = list(Entry.objects.filter(account=account).order_by("number"))
            balance = 0
            for entry in entries:
                balance += entry.amount_minor
                assert entry.balance_after_minor == balance
            assert account.balance_minor == balance
        charged = Redemption.objects.aggregate(total=Sum("charged_minor"))["total"]
        debited = Entry.objects.filter(
            transaction__kind="redemption", account__level="platform"
        ).aggregate(total=Sum("amount_minor"))["total"]
        assert charged == debited

    def test_has_a_campaign_that_is_out_of_credit(self) -> None:
        depleted = Campaign.objects.get(status="depleted")
        assert (depleted.name, depleted.budget_mode) == ("Winter Warm-Up", "isolated")
        assert depleted.account_id is not None
        assert balance_of(depleted.account_id) == 65_000 - 12 * 5250
        warned = Alert.objects.filter(kind="low_credit").exclude(state="resolved")
        tidewell = Account.objects.get(level="client", client__slug="tidewell")
        assert [alert.dedupe_key for alert in warned] == [f"low_credit:{tidewell.pk}"]

    def test_charges_what_the_agencies_ask(self) -> None:
        charges = set(
            Redemption.objects.filter(charged_minor__isnull=False).values_list(
                "condition__brand__slug", "charged_minor"
            )
        )
        assert charges == {
            ("brightleaf-market", 2500),
            ("halcyon-outdoors", 5250),
            ("cobalt-coffee", 1075),
            ("fernway-books", 1590),
            ("juniper-pay", 2050),
            ("marigold-home", 2000),
        }

    def test_gives_one_client_a_look_and_leaves_the_others_ours(self) -> None:
        look = ClientLook.objects.get()
        assert look.client.slug == "solmara"
        assert look.logo is not None
        logo = Image.open(io.BytesIO(bytes(look.logo)))
        assert logo.size == (look.logo_width, look.logo_height)
        # As it was asked for: white can be read on it.
        assert not shades_of(look.colour).is_changed

    def test_has_had_a_call_and_an_event_of_somebody_unknown(self, demo: dict[str, Any]) -> None:
        call = CallSession.objects.get()
        assert (call.agent.username, call.outcome) == ("agent", "helped")
        assert call.ended_at is not None
        assert timedelta() < call.ended_at - call.started_at < timedelta(minutes=5)
        assert call.client_id == UUID(demo["client_id"])
        event = InboundEvent.objects.get()
        assert event.source.name == demo["event_source"]["name"]
        assert (event.outcome, event.problem) == ("unmatched", "unknown_contact")

    def test_binds_each_issued_card_to_one_redemption(self) -> None:
        issued = Redemption.objects.exclude(state="waiting_stock")
        assert issued.count() == 342
        assert issued.filter(card__holder_id=F("pk"), card__status="delivered").count() == 342
        assert GiftCard.objects.exclude(status="available").count() == 342

    def test_gives_codes_that_can_be_redeemed(self, demo: dict[str, Any]) -> None:
        caller = Caller(door=Redemption.Door.WEB, actor="customer", request_id="r")
        now = datetime.now(UTC)
        for code in (demo["codes"][0], demo["codes"][-1]):
            result = redeem(caller=caller, contact=Contact(method="none"), code=code, now=now)
            assert (result.state, result.is_test) == ("issued", False)
        test = redeem(
            caller=caller, contact=Contact(method="none"), code=demo["test_code"], now=now
        )
        assert (test.state, test.is_test, test.card) == ("issued", True, None)


class TestSeedDemoAgain:
    def test_changes_nothing(self, demo: dict[str, Any], folder: Path) -> None:
        before = counts()
        again = seed(folder / "second.json", previous=folder / "first.json")
        assert again == demo
        assert counts() == before

    def test_replaces_codes_that_were_used(self, demo: dict[str, Any], folder: Path) -> None:
        caller = Caller(door=Redemption.Door.WEB, actor="customer", request_id="r")
        # All that are left unused, down to five.
        unused = Recipient.objects.filter(
            campaign=demo["campaign_id"], redemptions=None, is_test=False
        ).order_by("created_at", "pk")
        for recipient in list(unused.all())[:-5]:
            redeem(
                caller=caller,
                contact=Contact(method="none"),
                recipient_id=recipient.pk,
                now=datetime.now(UTC),
            )
        again = seed(folder / "third.json", previous=folder / "first.json")
        assert len(set(again["codes"])) == 20
        assert unused.count() == 20
        assert {**again, "codes": None} == {**demo, "codes": None}

    def test_makes_new_passwords_and_keys_when_the_old_are_lost(
        self, demo: dict[str, Any], folder: Path
    ) -> None:
        again = seed(folder / "fifth.json")
        user = User.objects.get(username="agent")
        assert again["agent"]["password"] != demo["agent"]["password"]
        assert user.check_password(again["agent"]["password"])
        assert again["api_key"] != demo["api_key"]
        # The lost ones are good for nothing any more.
        assert ApiKey.objects.filter(revoked_at=None).count() == 3
        assert again["event_source"] == demo["event_source"]

    @pytest.mark.parametrize("text", ["", "{", "[]", '"x"'])
    def test_refuses_a_former_file_that_is_none(self, folder: Path, text: str) -> None:
        broken = folder / "broken.json"
        broken.write_text(text)
        with pytest.raises(CommandError, match=r"is not the JSON file of a former start"):
            seed(folder / "sixth.json", previous=broken)
