from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from credit.models import Agency, Client, Membership, User
from redemption.models import Redemption
from redemption.services.redeem import Caller, Contact, redeem
from tests.staff import form_data, make_platform_admin, make_user, sign_in
from tests.world import NOW, build_world

pytestmark = pytest.mark.django_db


def errors_of(page: Any) -> dict[str, list[str]]:
    """Return the sentences beside the fields of a form that was refused."""
    assert page.status_code == 200
    return {name: list(words) for name, words in page.context["adminform"].form.errors.items()}


class TestUserForms:
    def test_add_a_person_who_can_sign_in(self) -> None:
        browser = sign_in(make_platform_admin())
        data = form_data(browser.get(reverse("admin:credit_user_add")))
        data |= {
            "username": "nina",
            "password1": "a-long-enough-one",
            "password2": "a-long-enough-one",
            "memberships-TOTAL_FORMS": "1",
            "memberships-0-role": "platform_admin",
        }
        page = browser.post(reverse("admin:credit_user_add"), data)
        assert page.status_code == 302, errors_of(page)
        nina = User.objects.get(username="nina")
        assert nina.check_password("a-long-enough-one")
        assert nina.memberships.get().role == "platform_admin"
        assert not nina.is_staff

    def test_refuse_a_password_that_is_too_short(self) -> None:
        browser = sign_in(make_platform_admin())
        data = form_data(browser.get(reverse("admin:credit_user_add")))
        data |= {"username": "nina", "password1": "short", "password2": "short"}
        page = browser.post(reverse("admin:credit_user_add"), data)
        assert "at least 12 characters" in str(errors_of(page)["password2"])
        assert not User.objects.filter(username="nina").exists()

    def test_change_a_password(self) -> None:
        user = make_user()
        browser = sign_in(make_platform_admin())
        url = reverse("admin:auth_user_password_change", args=[user.pk])
        assert browser.get(url).status_code == 200
        browser.post(url, {"password1": "another-long-one", "password2": "another-long-one"})
        user.refresh_from_db()
        assert user.check_password("another-long-one")

    def test_save_a_person_unchanged(self) -> None:
        user, browser = make_platform_admin(), sign_in(make_platform_admin())
        url = reverse("admin:credit_user_change", args=[user.pk])
        page = browser.post(url, form_data(browser.get(url)))
        assert page.status_code == 302
        user.refresh_from_db()
        assert user.is_staff
        assert user.memberships.count() == 1


class TestMembershipForm:
    @pytest.mark.parametrize(
        ("role", "agency", "client", "words"),
        [
            ("platform_admin", True, False, "A platform admin belongs to no agency"),
            ("agency_manager", False, False, "An agency manager belongs to an agency"),
            ("agency_manager", True, True, "An agency manager belongs to an agency"),
            ("client_manager", True, False, "A client manager belongs to a client"),
            ("agent", False, False, "An agent belongs to a client"),
            ("auditor", True, True, "An auditor belongs to an agency or a client, not both"),
        ],
    )
    def test_says_what_a_role_needs(
        self, role: str, agency: bool, client: bool, words: str
    ) -> None:
        world, user = build_world(), make_user()
        page = sign_in(make_platform_admin()).post(
            reverse("admin:credit_membership_add"),
            {
                "user": str(user.pk),
                "role": role,
                "agency": str(world.agency.pk) if agency else "",
                "client": str(world.client.pk) if client else "",
            },
        )
        assert errors_of(page)["role"][0].startswith(words)
        assert not user.memberships.exists()

    def test_refuses_the_same_role_twice(self) -> None:
        world, user = build_world(), make_user()
        Membership.objects.create(user=user, role="agent", client=world.client)
        page = sign_in(make_platform_admin()).post(
            reverse("admin:credit_membership_add"),
            {"user": str(user.pk), "role": "agent", "agency": "", "client": str(world.client.pk)},
        )
        assert errors_of(page) == {"__all__": ["This person has this role there already."]}
        assert user.memberships.count() == 1


class TestOrganisationForms:
    def test_refuse_a_slug_that_is_taken_in_any_case(self) -> None:
        Agency.objects.create(name="One", slug="one")
        page = sign_in(make_platform_admin()).post(
            reverse("admin:credit_agency_add"), {"name": "Other", "slug": "ONE"}
        )
        assert errors_of(page) == {"slug": ["Another agency has this slug."]}

    def test_add_a_client_and_never_move_it(self) -> None:
        here = Agency.objects.create(name="Here", slug="here")
        there = Agency.objects.create(name="There", slug="there")
        browser = sign_in(make_platform_admin())
        browser.post(
            reverse("admin:credit_client_add"),
            {"name": "Acme", "slug": "acme", "agency": str(here.pk), "is_active": "on"},
        )
        client = Client.objects.get()
        assert (client.name, client.agency, client.is_active) == ("Acme", here, True)
        url = reverse("admin:credit_client_change", args=[client.pk])
        browser.post(
            url, {"name": "Acme 2", "slug": "acme", "agency": str(there.pk), "is_active": "on"}
        )
        client.refresh_from_db()
        assert (client.name, client.agency) == ("Acme 2", here)

    def test_delete_nothing(self) -> None:
        agency = Agency.objects.create(name="One", slug="one")
        url = reverse("admin:credit_agency_delete", args=[agency.pk])
        assert sign_in(make_platform_admin()).post(url, {"post": "yes"}).status_code == 403
        assert Agency.objects.exists()


class TestLedgerPages:
    def test_find_a_redemptions_charge_by_its_id(self) -> None:
        world = build_world()
        world.stock(2)
        first, _second = (
            redeem(
                caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
                contact=Contact(method="none"),
                code=code,
                now=NOW,
            )
            for code in world.invite(2)
        )
        browser = sign_in(make_platform_admin())
        url = reverse("admin:credit_transaction_changelist")
        page = browser.get(url, {"q": str(first.redemption_id)})
        charge = Redemption.objects.get(pk=first.redemption_id).transaction_id
        assert [found.pk for found in page.context["cl"].result_list] == [charge]


class TestAutocomplete:
    @pytest.mark.parametrize(
        ("app", "model", "field"),
        [
            ("redemption", "campaign", "client"),
            ("credit", "membership", "agency"),
            ("credit", "membership", "user"),
        ],
    )
    def test_finds_by_a_part_of_the_name(self, app: str, model: str, field: str) -> None:
        world, user = build_world(), make_platform_admin()
        query = {"app_label": app, "model_name": model, "field_name": field}
        url = reverse("admin:autocomplete")
        found = sign_in(user).get(
            url, {**query, "term": user.username if field == "user" else "aco"}
        )
        keys = {"client": world.client.pk, "agency": world.agency.pk, "user": user.pk}
        assert [row["id"] for row in found.json()["results"]] == [str(keys[field])]
