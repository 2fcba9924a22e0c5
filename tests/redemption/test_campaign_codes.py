"""The codes of a campaign: weak ones of other systems, codes without a name, tests, the export."""

from __future__ import annotations

import io

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError

from alerts.errors import ValidationFailedError
from alerts.services.imports import ImportReport
from alerts.transactions import transaction
from credit.models import AuditEvent, User
from redemption.codes import format_code
from redemption.models import Campaign, Recipient, Redemption
from redemption.selectors.code_strength import strength_of
from redemption.services.codes import (
    ExportNotPermittedError,
    TestCode,
    export_codes,
    make_codes,
    make_test_code,
)
from redemption.services.imports import import_recipients
from redemption.services.recipient_rows import FIELDS
from redemption.services.recipients import add_recipient
from redemption.services.second_factor import Verification
from tests.redemption.asking import ask
from tests.staff import make_platform_admin
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

WEAK = "last_name,redemption_code\n" + "".join(
    f"Sample,{number:06d}\n" for number in range(1000, 1060)
)
STRONG = "redemption_code\n" + "".join(
    f"QR4K-{number:04d}-XYZ9-{number * 7919 % 9973:04d}-W7BT\n" for number in range(3)
)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def operator() -> User:
    return make_platform_admin()


def upload(world: World, text: str, *, dry_run: bool = False) -> ImportReport:
    return import_recipients(
        campaign=world.campaign,
        source=io.BytesIO(text.encode()),
        mode="all_or_nothing",
        dry_run=dry_run,
        now=NOW,
    )


def campaign() -> Campaign:
    return Campaign.objects.get()


class TestWeakCodes:
    @pytest.mark.parametrize("dry_run", [False, True])
    def test_are_refused_without_a_second_factor(self, world: World, dry_run: bool) -> None:
        with pytest.raises(ValidationFailedError) as refusal:
            upload(world, WEAK, dry_run=dry_run)
        (words,) = refusal.value.errors["redemption_code"]
        assert "can be guessed" in words
        assert "second factor" in words
        assert Recipient.objects.count() == 0
        assert (campaign().code_policy, campaign().imported_code_bits) == ("generated", None)

    def test_are_taken_with_one(self, world: World) -> None:
        Campaign.objects.update(second_factor="last_name")
        assert upload(world, WEAK).accepted == 60
        assert campaign().code_policy == "imported"
        bits = campaign().imported_code_bits
        assert bits is not None
        assert bits < 20

    def test_keep_the_campaign_asking(self, world: World) -> None:
        Campaign.objects.update(second_factor="last_name")
        upload(world, WEAK)
        upload(world, STRONG)
        with pytest.raises(IntegrityError, match="redemption_campaign_weak_codes_ask_for_more"):
            Campaign.objects.update(second_factor="")
        Campaign.objects.update(second_factor="postal_code")

    def test_are_refused_one_by_one_too(self, world: World) -> None:
        with pytest.raises(ValidationFailedError), transaction():
            add_recipient(campaign=world.campaign, code="1234")
        assert Recipient.objects.count() == 0

    def test_are_not_what_strong_ones_are(self, world: World) -> None:
        assert upload(world, STRONG).accepted == 3
        bits = campaign().imported_code_bits
        assert bits is not None
        assert bits >= 50
        assert campaign().second_factor == ""

    def test_are_not_what_we_make(self, world: World) -> None:
        upload(world, "first_name\nAna\n")
        assert (campaign().code_policy, campaign().imported_code_bits) == ("generated", None)


class TestStrength:
    def test_is_told_in_words(self, world: World) -> None:
        strength = strength_of(campaign())
        assert (strength.bits, strength.level, strength.percent) == (60, "strong", 60)
        assert strength.words == (
            "Strong: 60 bits of chance (made here). One guess a second would find one of a "
            "million codes after 37 thousand years on average."
        )

    def test_of_weak_codes_says_why_more_is_asked(self, world: World) -> None:
        Campaign.objects.update(second_factor="last_name")
        upload(world, WEAK)
        strength = strength_of(campaign())
        assert strength.level == "weak"
        assert "also asks for the last name" in strength.words


class TestMakeCodes:
    def test_adds_people_without_a_name(self, world: World, operator: User) -> None:
        assert make_codes(campaign_id=world.campaign.pk, count=3, user=operator, now=NOW) == 3
        assert list(Recipient.objects.values_list("first_name", "is_test")) == [("", False)] * 3
        event = AuditEvent.objects.get(action="codes.made")
        assert (event.actor, event.details) == (f"user:{operator.pk}", {"after": {"count": 3}})

    @pytest.mark.parametrize("count", [0, -1, 10_001])
    def test_refuses_other_counts(self, world: World, operator: User, count: int) -> None:
        with pytest.raises(ValidationFailedError):
            make_codes(campaign_id=world.campaign.pk, count=count, user=operator, now=NOW)
        assert Recipient.objects.count() == 0

    def test_makes_none_that_could_never_be_used(self, world: World, operator: User) -> None:
        Campaign.objects.update(second_factor="last_name")
        with pytest.raises(ValidationFailedError, match="GC-012"):
            make_codes(campaign_id=world.campaign.pk, count=1, user=operator, now=NOW)


class TestTestCode:
    def make(self, world: World, operator: User) -> TestCode:
        return make_test_code(campaign_id=world.campaign.pk, user=operator, now=NOW)

    @pytest.mark.parametrize("status", ["draft", "paused", "depleted", "active"])
    def test_walks_the_whole_way_without_card_and_money(
        self, world: World, operator: User, status: str
    ) -> None:
        Campaign.objects.update(status=status)
        balance = world.balance()
        result = ask(self.make(world, operator).code)
        assert (result.state, result.is_test, result.charged_minor) == ("issued", True, 0)
        assert result.card is None
        assert result.message_id is not None
        assert world.balance() == balance

    @pytest.mark.parametrize("factor", ["last_name", "postal_code", "phone"])
    def test_answers_to_what_the_campaign_asks(
        self, world: World, operator: User, factor: str
    ) -> None:
        Campaign.objects.update(second_factor=factor)
        made = self.make(world, operator)
        assert ask(made.code, verification=Verification(**{factor: made.answer})).is_test

    def test_waits_for_an_approval_as_any_other(self, world: World, operator: User) -> None:
        Campaign.objects.update(approval_required=True, status="draft")
        assert ask(self.make(world, operator).code).state == "waiting_approval"

    def test_is_over_with_its_campaign(self, world: World, operator: User) -> None:
        Campaign.objects.update(status="ended")
        with pytest.raises(Exception, match="GC-104"):
            ask(self.make(world, operator).code)


class TestTestMode:
    def test_lets_every_code_walk_as_a_test(self, world: World) -> None:
        Campaign.objects.update(test_mode=True, status="draft")
        (code,) = world.invite()
        result = ask(code)
        assert (result.state, result.is_test, result.card) == ("issued", True, None)
        assert Redemption.objects.get().is_test is True

    def test_ends_only_with_its_tests(self, world: World) -> None:
        Campaign.objects.update(test_mode=True)
        (code,) = world.invite()
        ask(code)
        with pytest.raises(IntegrityError, match="of its tests"):
            Campaign.objects.update(test_mode=False)

    def test_does_not_begin_beside_rewards(self, world: World) -> None:
        world.stock(1)
        ask(world.invite()[0])
        with pytest.raises(IntegrityError, match="besides its tests"):
            Campaign.objects.update(test_mode=True)


class TestExport:
    def allow(self, operator: User) -> User:
        operator.user_permissions.add(Permission.objects.get(codename="export_codes"))
        return User.objects.get(pk=operator.pk)

    def test_needs_a_right_of_its_own(self, world: World, operator: User) -> None:
        world.invite()
        with pytest.raises(ExportNotPermittedError):
            export_codes(campaign_id=world.campaign.pk, user=operator, now=NOW)
        assert AuditEvent.objects.filter(action="codes.exported").count() == 0

    def test_holds_the_unused_codes_and_nothing_else(self, world: World, operator: User) -> None:
        world.stock(1)
        used, unused, rejected = world.invite(3)
        world.invite(is_test=True)
        ask(used)
        Recipient.objects.filter(pk=world.recipient(rejected).pk).update(approval="rejected")
        rows = list(export_codes(campaign_id=world.campaign.pk, user=self.allow(operator), now=NOW))
        assert rows[0] == list(FIELDS)
        assert [row[-1] for row in rows[1:]] == [format_code(unused)]
        assert rows[1][:2] == ["Ana", "Sample"]

    def test_is_written_down_before_the_first_code_leaves(
        self, world: World, operator: User
    ) -> None:
        world.invite(2)
        rows = export_codes(campaign_id=world.campaign.pk, user=self.allow(operator), now=NOW)
        event = AuditEvent.objects.get(action="codes.exported")
        assert event.details == {"after": {"count": 2}}
        assert len(list(rows)) == 3
