"""Finding a person, seeing what is kept and erasing it, as an operator does in a browser."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import expect

from credit.models import User
from redemption.models import Recipient
from tests.browser.conftest import Visitor
from tests.redemption.forgetting import FIRST, PHONE, WHY, someone_known
from tests.world import build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class TestAPerson:
    def test_is_found_looked_at_and_erased(self, operator: Visitor, site: str) -> None:
        rights = Permission.objects.filter(codename__in=["export_person", "erase_person"])
        for user in User.objects.filter(is_staff=True):
            user.user_permissions.set(rights)
        person = someone_known(build_world())
        page = operator.page
        page.goto(f"{site}/admin/redemption/erasure/find/")
        page.get_by_label("Phone number, e-mail address").fill(PHONE)
        page.get_by_role("button", name="Find", exact=True).click()
        expect(page.get_by_role("cell", name=FIRST).first).to_be_visible()
        # The number is in no address.
        assert PHONE.lstrip("+") not in page.url
        assert operator.fits()

        page.get_by_role("button", name="Show what is kept").click()
        expect(page.get_by_text("Texts from them")).to_be_visible()
        with page.expect_download() as download:
            page.locator("#id_export-reason").fill(WHY)
            page.get_by_role("button", name="Download").click()
        assert download.value.suggested_filename.startswith("personal-data-")
        assert operator.fits()

        page.locator("#id_erase-reason").fill(WHY)
        page.get_by_label("Type “erase”").fill("erase")
        page.get_by_role("button", name="Erase for good").click()
        expect(page.get_by_text(WHY).first).to_be_visible()
        assert Recipient.objects.get(pk=person.pk).first_name == ""
