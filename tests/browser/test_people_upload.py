"""People added by a person at a screen: choose, look, confirm, undo."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from redemption.models import Recipient, RecipientBatch
from tests.browser.conftest import Visitor
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FILE = b"Vorname;Telefon;CRM\nAna;(202) 555-0143;A-1\nBo;;A-2\nCy;911;A-3\n"


@pytest.fixture
def world() -> World:
    return build_world()


def test_goes_from_a_file_to_people_and_back(operator: Visitor, site: str, world: World) -> None:
    page = operator.page
    page.goto(site + reverse("admin:redemption_campaign_change", args=[world.campaign.pk]))
    operator.open_actions()
    page.get_by_role("link", name="Add people from a file").click()
    expect(page.get_by_role("heading", name="Add people to Acorn campaign")).to_be_visible()
    page.get_by_label("CSV file").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": FILE}
    )
    page.get_by_role("button", name="Check the rows").click()
    expect(page.get_by_text("No column has a name that is known here.")).to_be_visible()
    page.get_by_text("Columns of the file").click()
    page.get_by_label("First name").select_option(label="Vorname")
    page.get_by_label("Phone").select_option(label="Telefon")
    page.get_by_label("Id in the CRM").select_option(label="CRM")
    page.get_by_role("button", name="Check the rows").click()
    expect(page.get_by_text("This number doesn't exist.")).to_be_visible()
    assert not Recipient.objects.exists()
    assert operator.fits()
    page.get_by_role("button", name="Import the 2 good rows").click()
    expect(page.get_by_text("Added: 2 people.")).to_be_visible()
    assert sorted(Recipient.objects.values_list("first_name", flat=True)) == ["Ana", "Bo"]
    assert operator.fits()
    operator.open_actions()
    page.get_by_role("link", name="Undo this upload").click()
    page.get_by_role("button", name="Undo it").click()
    expect(page.get_by_text("Undone: 2 people were removed again.")).to_be_visible()
    assert RecipientBatch.objects.get().state == "undone"
    assert not Recipient.objects.exists()
    assert operator.complaints == []
