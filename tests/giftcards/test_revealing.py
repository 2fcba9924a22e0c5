"""A card's code on a member of staff's screen: the right, the reason, the record."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection
from django.test import Client as Browser
from django.urls import reverse

from alerts.transactions import transaction
from credit.models import AuditEvent, User
from giftcards.models import CardEvent, GiftCard
from giftcards.services.revealing import RevealNotPermittedError, reveal_card
from giftcards.services.secrets import seal_field
from giftcards.services.stock import add_card
from redemption.models import Redemption
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.redemption.asking import ask
from tests.staff import form_data, make_agency_manager, make_platform_admin, make_user, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db

CODE, PIN, NUMBER = "SHOW-1234-ABCD-9XYZ", "8642", "6006491234567890"
WHY = "The customer says that it was refused, ticket 4711"


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def card(world: World) -> GiftCard:
    with transaction():
        card = add_card(pool=world.pool, code=CODE, pin=PIN, number=NUMBER)
    GiftCard.objects.filter(pk=card.pk).update(
        security_code_encrypted=seal_field("357", field="security_code"),
        url_encrypted=seal_field("https://cards.example/x", field="url"),
    )
    card.refresh_from_db()
    return card


def give_right(user: User) -> User:
    user.user_permissions.add(Permission.objects.get(codename="reveal_card"))
    return User.objects.get(pk=user.pk)


def make_revealer() -> User:
    return give_right(make_platform_admin())


def url_of(card: GiftCard) -> str:
    return reverse("admin:giftcards_giftcard_reveal", args=[card.pk])


def show(card: GiftCard, *, user: User | None = None, reason: str = WHY) -> Any:
    return sign_in(user or make_revealer()).post(url_of(card), {"reason": reason})


def is_untouched(card: GiftCard) -> bool:
    before = (card.status, card.disclosed_at)
    card.refresh_from_db()
    return (
        (card.status, card.disclosed_at) == before
        and not AuditEvent.objects.filter(action="card.revealed").exists()
        and not CardEvent.objects.filter(reason__startswith="Shown").exists()
    )


class TestRevealCard:
    def test_shows_everything_once(self, card: GiftCard) -> None:
        page = show(card)
        text = page.content.decode()
        assert page.status_code == 200
        assert "no-store" in page["Cache-Control"]
        for secret in (CODE, PIN, NUMBER, "357", "https://cards.example/x"):
            assert text.count(secret) == 1
        again = sign_in(make_revealer()).get(url_of(card))
        assert CODE not in again.content.decode()
        assert "no-store" in again["Cache-Control"]

    def test_writes_down_who_when_from_where_and_why(self, world: World, card: GiftCard) -> None:
        user = make_revealer()
        browser = sign_in(user)
        browser.post(url_of(card), {"reason": f"  {WHY}\n"}, REMOTE_ADDR="203.0.113.9")
        (event,) = AuditEvent.objects.all()
        assert (event.actor, event.action) == (f"user:{user.pk}", "card.revealed")
        assert (event.object_kind, event.object_id) == ("card", str(card.pk))
        assert (event.client, event.agency) == (world.client, world.agency)
        assert event.details == {
            "before": {"status": "available"},
            "after": {"status": "void", "shown at address": "203.0.113.9"},
            "reason": WHY,
        }
        (change,) = CardEvent.objects.all()
        assert (change.actor, change.reason) == (f"user:{user.pk}", f"Shown to staff: {WHY}")
        audit = sign_in(make_platform_admin()).get(
            reverse("admin:credit_auditevent_change", args=[event.pk])
        )
        assert reverse("admin:giftcards_giftcard_change", args=[card.pk]) in audit.content.decode()

    def test_takes_a_card_out_of_stock_for_good(self, world: World, card: GiftCard) -> None:
        show(card)
        card.refresh_from_db()
        assert card.status == "void"
        assert card.disclosed_at is not None
        (code,) = world.invite()
        assert ask(code).state == "waiting_stock"
        with pytest.raises(IntegrityError, match="from void to available"), transaction():
            GiftCard.objects.update(status="available", disclosed_at=card.disclosed_at)
        with pytest.raises(IntegrityError, match="can not be taken back"), transaction():
            GiftCard.objects.update(disclosed_at=None)
        assert broken_invariants() == {}

    def test_leaves_a_held_card_to_its_holder(self, world: World, card: GiftCard) -> None:
        (code,) = world.invite()
        redemption_id = ask(code).redemption_id
        show(card)
        card.refresh_from_db()
        assert (card.status, card.holder_id) == ("claimed", redemption_id)
        assert card.disclosed_at is not None
        assert card.delivered_at is None
        assert Redemption.objects.get().state == "issued"
        with pytest.raises(IntegrityError, match="from claimed to available"), transaction():
            GiftCard.objects.update(
                status="available", holder_kind=None, holder_id=None, claimed_at=None
            )
        assert broken_invariants() == {}

    def test_keeps_the_time_of_the_first_disclosure(self, card: GiftCard) -> None:
        show(card)
        card.refresh_from_db()
        first = card.disclosed_at
        show(card)
        card.refresh_from_db()
        assert card.disclosed_at == first
        # Each time it was seen is on record; the card has changed once.
        assert AuditEvent.objects.count() == 2
        assert CardEvent.objects.count() == 1

    def test_takes_an_expired_card_too(self, card: GiftCard) -> None:
        GiftCard.objects.update(status="expired")
        assert CODE in show(card).content.decode()
        card.refresh_from_db()
        assert card.status == "void"

    @pytest.mark.parametrize("reason", ["", "   \n "])
    def test_refuses_without_a_reason(self, card: GiftCard, reason: str) -> None:
        page = show(card, reason=reason)
        assert "Say why you need to see it." in page.content.decode()
        assert CODE not in page.content.decode()
        assert is_untouched(card)

    @pytest.mark.parametrize("reason", ["show 1234 abcd 9xyz does not work", f"no. {NUMBER}"])
    def test_refuses_a_reason_that_holds_the_code(self, card: GiftCard, reason: str) -> None:
        page = show(card, reason=reason)
        assert "Leave the code itself out" in page.content.decode()
        assert is_untouched(card)

    @pytest.mark.parametrize("reason", ["not OTHR-77-PQ but this", "said othr 77 pq, I think"])
    def test_refuses_a_reason_that_holds_another_cards_code(
        self, card: GiftCard, reason: str
    ) -> None:
        stranger = build_world(name="Birch")
        with transaction():
            other = add_card(pool=stranger.pool, code="OTHR-77-PQ")
        page = show(card, reason=reason)
        assert "Leave the code itself out" in page.content.decode()
        assert is_untouched(card)
        assert is_untouched(other)

    def test_changes_nothing_when_the_key_is_missing(self, card: GiftCard) -> None:
        GiftCard.objects.update(pin_encrypted=card.pin_encrypted.replace("v1:test", "v1:gone"))
        page = show(card)
        assert "its key is missing" in page.content.decode()
        assert CODE not in page.content.decode()
        assert is_untouched(card)

    def test_keeps_secrets_out_of_its_own_description(self, card: GiftCard) -> None:
        shown = reveal_card(
            card_id=card.pk, user=make_revealer(), address="::", reason=WHY, now=NOW
        )
        assert shown.code == CODE
        assert CODE not in repr(shown)
        assert PIN not in repr(shown)


class TestRightToReveal:
    def test_is_a_superusers(self, card: GiftCard) -> None:
        assert CODE in show(card, user=make_user(is_superuser=True)).content.decode()

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_is_not_every_platform_admins(self, card: GiftCard, method: str) -> None:
        browser = sign_in(make_platform_admin())
        page = getattr(browser, method)(url_of(card), {"reason": WHY})
        assert page.status_code == 403
        assert is_untouched(card)
        with pytest.raises(RevealNotPermittedError):
            reveal_card(
                card_id=card.pk, user=make_platform_admin(), address="::", reason=WHY, now=NOW
            )
        assert is_untouched(card)

    def test_opens_nothing_to_whom_the_admin_is_closed(self, world: World, card: GiftCard) -> None:
        manager = give_right(make_agency_manager(world.agency))
        assert show(card, user=manager).status_code == 404
        assert Browser().post(url_of(card), {"reason": WHY}).status_code == 302
        with pytest.raises(RevealNotPermittedError):
            reveal_card(card_id=card.pk, user=manager, address="::", reason=WHY, now=NOW)
        assert is_untouched(card)

    def test_decides_who_sees_the_button(self, card: GiftCard) -> None:
        page = reverse("admin:giftcards_giftcard_change", args=[card.pk])
        assert url_of(card) in sign_in(make_revealer()).get(page).content.decode()
        assert url_of(card) not in sign_in(make_platform_admin()).get(page).content.decode()

    def test_is_ticked_on_the_page_of_a_person(self) -> None:
        person, browser = make_platform_admin(), sign_in(make_platform_admin())
        url = reverse("admin:credit_user_change", args=[person.pk])
        page = browser.get(url)
        assert "May see the codes of cards" in page.content.decode()
        offered = page.context["adminform"].form.fields["user_permissions"].queryset
        assert {right.codename for right in offered} == {
            codename for codename, _ in User._meta.permissions
        }
        right = Permission.objects.get(codename="reveal_card")
        browser.post(url, {**form_data(page), "user_permissions": [right.pk]})
        assert User.objects.get(pk=person.pk).has_perm("credit.reveal_card")
        browser.post(url, {**form_data(page), "user_permissions": []})
        assert not User.objects.get(pk=person.pk).has_perm("credit.reveal_card")

    def test_finds_no_card_that_is_not_there(self) -> None:
        browser = sign_in(make_revealer())
        url = reverse("admin:giftcards_giftcard_reveal", args=[uuid4()])
        assert browser.get(url).status_code == 404
        assert browser.get(url.replace(url.split("/")[-3], "x")).status_code == 404


@pytest.mark.django_db(transaction=True)
class TestRevealCardBesideClaims:
    def test_gives_nobody_a_card_that_was_in_stock_when_it_was_seen(self, world: World) -> None:
        user, outcomes = make_revealer(), set()
        for number in range(6):
            with transaction():
                card = add_card(pool=world.pool, code=f"RACE-{number:08}")
            turns = itertools.count()

            def claim_or_reveal(card: GiftCard = card, turns: Any = turns) -> object:
                if next(turns) == 1:
                    return reveal_card(
                        card_id=card.pk, user=user, address="::", reason=WHY, now=NOW
                    ).code
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT id FROM giftcards_claim_card(%s, 'reward', %s, %s)",
                        [world.pool.pk, uuid4(), NOW],
                    )
                    return cursor.fetchone()[0]

            results = run_at_once(4, claim_or_reveal)

            assert f"RACE-{number:08}" in results
            card.refresh_from_db()
            assert card.disclosed_at == NOW
            assert card.status == ("claimed" if card.pk in results else "void")
            outcomes.add(card.status)
        assert outcomes <= {"claimed", "void"}
        assert GiftCard.objects.filter(status="available").count() == 0
