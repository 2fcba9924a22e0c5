"""Handing credit down on the pages: what is asked, what is refused, and that it moves once."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from alerts.transactions import transaction
from credit.models import Account, Entry, Membership, Transaction
from credit.services.accounts import open_campaign_account
from tests.redemption.visiting import manager, person, plain, text_of
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)
Role = Membership.Role


@pytest.fixture
def world() -> World:
    return build_world()


class TestAllocate:
    KEY = "k" * 24

    def send(self, world: World, account: Account, **fields: Any) -> Any:
        form = {
            "to": str(world.account.pk),
            "amount": "150.50",
            "note": "PO 7",
            "key": self.KEY,
            "step": "move",
            **fields,
        }
        return manager(world).post(reverse("allocate", args=[account.pk]), form)

    def state(self) -> list[Any]:
        balances = Account.objects.exclude(balance_minor=None).order_by("pk")
        return [*balances.values_list("pk", "balance_minor"), Transaction.objects.count()]

    def test_begins_with_whom_the_address_names(
        self, world: World, agency_account: Account
    ) -> None:
        address = reverse("allocate", args=[agency_account.pk])
        page = manager(world).get(address, {"to": str(world.account.pk)})
        assert page.context["page"].chosen.name == "Acorn Ltd"
        assert "$2,500.00" in plain(page)

    def test_shows_what_will_be_before_it_moves_anything(
        self, world: World, agency_account: Account
    ) -> None:
        before = self.state()
        page = self.send(world, agency_account, step="review")
        assert page.status_code == 200
        words = plain(page)
        assert "Move $150.50?" in words
        assert "From Acorn Agency $2,500.00 → $2,349.50" in words
        assert "To Acorn Ltd $1,000.00 → $1,150.50" in words
        assert self.state() == before

    def test_moves_the_money_and_says_where_it_is(
        self, world: World, agency_account: Account
    ) -> None:
        answer = self.send(world, agency_account)
        assert answer["Location"] == reverse("agency-page", args=[world.agency.pk])
        assert world.balance() == 115_050
        moved = Transaction.objects.get(kind="allocation", note="PO 7")
        assert sorted(moved.entries.values_list("amount_minor", flat=True)) == [-15_050, 15_050]
        page = answer.client.get(answer["Location"])
        assert "$150.50 moved to Acorn Ltd. Its balance is now $1,150.50." in plain(page)
        assert reverse("statement", args=[world.account.pk]) in text_of(page)

    def test_moves_once_however_often_the_button_is_pressed(
        self, world: World, agency_account: Account
    ) -> None:
        browser = manager(world)
        address = reverse("allocate", args=[agency_account.pk])
        # The second could not be paid any more: it has to read the first result.
        form = {"to": world.account.pk, "amount": "2000", "step": "move", "key": self.KEY}
        answers = [browser.post(address, form) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [302, 302]
        assert world.balance() == 300_000
        moved = Entry.objects.filter(account=world.account, amount_minor=200_000)
        assert moved.count() == 1

    def test_refuses_a_form_that_was_changed_after_it_moved_money(
        self, world: World, agency_account: Account
    ) -> None:
        browser = manager(world)
        address = reverse("allocate", args=[agency_account.pk])
        form = {"to": world.account.pk, "amount": "10", "step": "move", "key": self.KEY}
        browser.post(address, form)
        answer = browser.post(address, {**form, "amount": "20"})
        assert answer.status_code == 400
        assert "This form has moved money before." in plain(answer)
        assert answer.context["page"].key != self.KEY
        assert world.balance() == 101_000

    @pytest.mark.parametrize("step", ["review", "move"])
    @pytest.mark.parametrize(
        ("field", "typed", "words"),
        [
            ("amount", "", "Give an amount, such as 1250.50."),
            ("amount", "0", "The amount must be more than zero."),
            ("amount", "-5", "The amount can&#x27;t be negative."),
            ("amount", "1e3", "Write the amount in digits, such as 1250.50."),
            ("amount", "1,000", "with no separator but a dot"),
            ("amount", "1.005", "An amount in USD has at most 2 decimals."),
            ("amount", "NaN", "Write the amount in digits"),
            ("amount", "9" * 30, "The amount is too large."),
            ("amount", "2500.01", "Acorn Agency has only $2,500.00 to give."),
            ("to", "", "Choose who gets the credit."),
            ("to", "x", "Choose who gets the credit."),
            ("note", "x" * 501, "Use at most 500 printable characters."),
            ("key", "short", "This form was not complete."),
        ],
    )
    def test_says_what_is_wrong_with_which_field(
        self,
        world: World,
        agency_account: Account,
        step: str,
        field: str,
        typed: str,
        words: str,
    ) -> None:
        before = self.state()
        answer = self.send(world, agency_account, step=step, **{field: typed})
        assert answer.status_code == 400
        assert words in text_of(answer)
        name = "form" if field == "key" else field
        assert list(answer.context["page"].errors) == [name]
        assert self.state() == before

    def test_reaches_no_account_but_those_right_below(
        self, world: World, agency_account: Account
    ) -> None:
        other = build_world(name="Birch")
        with transaction():
            own = open_campaign_account(client=world.client, name="Own", currency="USD")
        before = self.state()
        for target in (other.account, own, agency_account, world.platform_account):
            answer = self.send(world, agency_account, to=str(target.pk))
            assert answer.status_code == 400
            assert "to" in answer.context["page"].errors
        payer = other.account.parent
        assert payer is not None
        address = reverse("allocate", args=[payer.pk])
        form = {"to": other.account.pk, "amount": "1", "step": "move", "key": self.KEY}
        assert manager(world).post(address, form).status_code == 404
        platform = reverse("allocate", args=[world.platform_account.pk])
        assert manager(world).get(platform).status_code == 404
        assert self.state() == before

    def test_goes_through_no_paused_account(self, world: World, agency_account: Account) -> None:
        Account.objects.filter(pk=world.account.pk).update(status="paused")
        before = self.state()
        for step in ("review", "move"):
            assert self.send(world, agency_account, step=step).status_code == 400
        assert self.state() == before

    def test_lets_a_client_manager_fill_a_campaign(self, world: World) -> None:
        with transaction():
            own = open_campaign_account(client=world.client, name="Own", currency="USD")
        browser = person(Role.CLIENT_MANAGER, client=world.client)
        form = {"to": own.pk, "amount": "40", "step": "move", "key": self.KEY}
        answer = browser.post(reverse("allocate", args=[world.account.pk]), form)
        assert answer["Location"] == reverse("client-overview", args=[world.client.pk])
        own.refresh_from_db()
        assert (own.balance_minor, world.balance()) == (4_000, 96_000)

    def test_answers_a_dialog_with_its_part_alone(
        self, world: World, agency_account: Account
    ) -> None:
        browser = manager(world)
        address = reverse("allocate", args=[agency_account.pk])
        part = browser.get(address, headers={"HX-Request": "true"})
        assert "<html" not in text_of(part)
        form = {"to": world.account.pk, "amount": "1", "step": "move", "key": self.KEY}
        done = browser.post(address, form, headers={"HX-Request": "true"})
        assert done["HX-Redirect"] == reverse("agency-page", args=[world.agency.pk])
