"""Adding people from a campaign's page in the admin, and the page of an upload."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse

from credit.models import AuditEvent, User
from redemption.admin.recipient_uploads import TOO_LARGE
from redemption.codes import format_code
from redemption.models import Recipient, RecipientBatch
from redemption.services.recipients import open_redemption_code
from tests.redemption.people_sending import TWO
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def operator() -> User:
    return make_platform_admin()


@pytest.fixture
def browser(operator: User) -> Browser:
    return sign_in(operator)


def address(world: World) -> str:
    return reverse("admin:redemption_campaign_upload_recipients", args=[world.campaign.pk])


def page_of(batch: RecipientBatch, page: str = "change") -> str:
    return reverse(f"admin:redemption_recipientbatch_{page}", args=[batch.pk])


def send(browser: Browser, world: World, text: str | bytes, **fields: Any) -> Any:
    raw = text.encode() if isinstance(text, str) else text
    sent = {"file": SimpleUploadedFile("people.csv", raw), "step": "preview", **fields}
    return browser.post(address(world), sent)


def words_of(response: Any) -> str:
    text = re.sub(r"<[^>]*>", " ", response.content.decode())
    return " ".join(html.unescape(text).split())


def add(browser: Browser, world: World, text: str = TWO, step: str = "import_all") -> Any:
    seen = send(browser, world, text).context["seen"]
    return send(browser, world, text, step=step, seen=seen)


class TestUploadPage:
    def test_shows_what_would_happen_and_adds_nobody(self, browser: Browser, world: World) -> None:
        response = send(browser, world, TWO + "Cy,911,A-3\n")
        said = words_of(response)
        assert "Rows 3" in said
        assert "Good 2" in said
        assert "With a mistake 1" in said
        assert "This number doesn't exist. Please check each digit." in said
        assert "Import the 2 good rows" in said
        assert not Recipient.objects.exists()
        assert not RecipientBatch.objects.exists()

    def test_adds_people_once_somebody_has_looked(
        self, browser: Browser, world: World, operator: User
    ) -> None:
        response = add(browser, world)
        batch = RecipientBatch.objects.get()
        assert response["Location"] == page_of(batch)
        assert Recipient.objects.filter(batch=batch).count() == 2
        assert (batch.file_name, batch.actor) == ("people.csv", f"user:{operator.pk}")
        assert "Added: 2 people." in words_of(browser.get(page_of(batch)))

    def test_adds_the_good_rows_alone(self, browser: Browser, world: World) -> None:
        add(browser, world, TWO + "Cy,911,A-3\n", step="import_good")
        batch = RecipientBatch.objects.get()
        assert (batch.accepted, batch.rejected) == (2, 1)
        said = words_of(browser.get(page_of(batch)))
        assert "Left out: 1 rows" in said
        rejects = browser.get(page_of(batch, "download_rejects"))
        assert rejects.content.decode().splitlines()[1].startswith("4,phone,")

    def test_adds_nobody_whom_nobody_has_looked_at(self, browser: Browser, world: World) -> None:
        seen = send(browser, world, TWO).context["seen"]
        response = send(browser, world, TWO + "Di,,A-4\n", step="import_all", seen=seen)
        assert "This is not what was checked before." in words_of(response)
        assert not Recipient.objects.exists()

    def test_takes_other_names_of_columns(self, browser: Browser, world: World) -> None:
        text = "Vorname,Nummer\nAna,A-1\n"
        said = words_of(send(browser, world, text))
        assert "No column has a name that is known here." in said
        assert "Vorname" in said
        chosen = {"column_first_name": "0", "column_external_crm_id": "1"}
        seen = send(browser, world, text, **chosen).context["seen"]
        send(browser, world, text, step="import_all", seen=seen, **chosen)
        ana = Recipient.objects.get()
        assert (ana.first_name, ana.external_crm_id) == ("Ana", "A-1")

    def test_names_no_column_by_what_may_be_a_person(self, browser: Browser, world: World) -> None:
        said = words_of(send(browser, world, "ana@example.com,+12025550143\nx,y\n"))
        assert "ana@example.com" not in said
        assert "Column 2" in said

    @pytest.mark.parametrize(
        "text",
        ["external_crm_id\n" + "".join(f"P-{n}\n" for n in range(10_001)), "x" * (10 << 20)],
        ids=["rows", "bytes"],
    )
    def test_leaves_large_files_to_the_command(
        self, browser: Browser, world: World, text: str
    ) -> None:
        assert TOO_LARGE in words_of(send(browser, world, text))
        assert not Recipient.objects.exists()

    def test_leads_to_the_upload_of_the_same_file(self, browser: Browser, world: World) -> None:
        add(browser, world)
        response = send(browser, world, TWO)
        assert page_of(RecipientBatch.objects.get()) in response.content.decode()
        assert Recipient.objects.count() == 2

    def test_is_not_for_a_tenant(self, world: World) -> None:
        stranger = sign_in(make_agency_manager(world.agency))
        assert stranger.get(address(world)).status_code in {302, 403, 404}
        send(stranger, world, TWO, step="import_all")
        assert not Recipient.objects.exists()


class TestUndo:
    def test_removes_the_people_and_takes_the_file_again(
        self, browser: Browser, world: World
    ) -> None:
        add(browser, world)
        batch = RecipientBatch.objects.get()
        browser.post(page_of(batch, "undo"), {"_form_submitted": "True"})
        assert not Recipient.objects.exists()
        assert RecipientBatch.objects.get().state == "undone"
        assert "Undone: 2 people were removed again." in words_of(browser.get(page_of(batch)))
        add(browser, world)
        assert Recipient.objects.count() == 2

    def test_of_very_many_is_left_to_the_command(
        self, browser: Browser, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("redemption.admin.recipient_batches._UNDONE_ON_A_PAGE", 1)
        add(browser, world)
        batch = RecipientBatch.objects.get()
        browser.post(page_of(batch, "undo"), {"_form_submitted": "True"})
        assert Recipient.objects.count() == 2
        assert f"undo_recipients with this id, {batch.pk}" in words_of(browser.get(page_of(batch)))

    def test_is_offered_for_a_day(self, browser: Browser, world: World) -> None:
        old = datetime.now(UTC) - timedelta(hours=25)
        batch = RecipientBatch.objects.create(
            campaign=world.campaign,
            client=world.client,
            file_name="x.csv",
            file_hash=b"x" * 32,
            state="imported",
            accepted=1,
            actor="system",
            created_at=old,
        )
        assert "Undo this upload" not in words_of(browser.get(page_of(batch)))


class TestExport:
    def test_is_a_right_of_its_own_and_written_down(
        self, browser: Browser, world: World, operator: User
    ) -> None:
        world.invite(1)
        add(browser, world, "first_name\n=1+1\n")
        batch = RecipientBatch.objects.get()
        person = Recipient.objects.get(batch=batch)
        operator.user_permissions.clear()
        if operator.is_superuser:
            User.objects.filter(pk=operator.pk).update(is_superuser=False)
        assert browser.post(page_of(batch, "export"))["Content-Type"].startswith("text/html")
        assert not AuditEvent.objects.filter(action="codes.exported").exists()
        operator.user_permissions.add(Permission.objects.get(codename="export_codes"))
        response = browser.post(page_of(batch, "export"))
        lines = b"".join(response.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
        assert len(lines) == 2
        assert lines[1].startswith("'=1+1,")
        assert lines[1].endswith(format_code(open_redemption_code(person)))
        event = AuditEvent.objects.get(action="codes.exported")
        assert event.details["after"] == {"count": 1, "batch_id": str(batch.pk)}
