"""Handing out all that is kept about a person: whole, readable, and without a code."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from alerts.errors import ValidationFailedError
from credit.models import AuditEvent
from giftcards.models import GiftCard
from giftcards.services.secrets import open_field
from redemption.models import Erasure, Recipient
from redemption.services.erasing import PersonUnknownError
from redemption.services.person_export import ExportNotPermittedError, export_person
from tests.redemption.forgetting import (
    ADDRESS,
    AGENT,
    CRM_ID,
    EMAIL,
    FIRST,
    LAST,
    LATER,
    PHONE,
    WHY,
    make_operator,
    someone_known,
    visit,
)
from tests.staff import make_platform_admin
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


def read(archive: bytes) -> tuple[dict[str, Any], str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert files.namelist() == ["data.json", "index.html"]
        return json.loads(files.read("data.json")), files.read("index.html").decode()


def export(person: Recipient, **changes: Any) -> bytes:
    facts = {"user": make_operator(), "recipient_ids": [person.pk], "reason": WHY, "now": LATER}
    return export_person(**{**facts, **changes})


class TestExportPerson:
    def test_holds_what_every_table_says_of_them(self, world: World) -> None:
        data, page = read(export(someone_known(world)))
        sections = data["sections"]
        assert sections["recipients"][0]["first_name"] == FIRST
        assert sections["redemptions"][0]["ip_address"] == ADDRESS
        assert {one["to"] for one in sections["messages"]} == {PHONE}
        assert sections["inbound"][0]["body"] == f"This is {FIRST}, STOP"
        assert sections["crm_events"][0]["body"] == {"name": FIRST}
        assert sections["calls"][0]["notes"] == f"{FIRST} was friendly"
        assert len(sections["desk_tasks"]) == 2
        assert sections["opt_ins"][0]["state"] == "revoked"
        assert sections["bad_phones"][0]["phone"] == PHONE
        for mark in (FIRST, LAST, PHONE, EMAIL, CRM_ID, AGENT):
            assert mark in page

    def test_holds_no_code(self, world: World) -> None:
        archive = export(someone_known(world))
        data, page = read(archive)
        text = json.dumps(data) + page
        for card in GiftCard.objects.all():
            assert open_field(card.code_encrypted, field="code") not in text
        assert not [word for word in ("code_digest", "v1:") if word in text]
        card = GiftCard.objects.get(status="claimed")
        assert data["sections"]["redemptions"][0]["card"] == f"{card.brand.name} …{card.last4}"

    def test_writes_down_who_took_it(self, world: World) -> None:
        operator, person = make_operator(), someone_known(world)
        export(person, user=operator)
        record = AuditEvent.objects.get(action="person.exported")
        assert (record.actor, record.object_id) == (f"user:{operator.pk}", str(person.pk))
        assert record.details == {"reason": WHY}

    def test_takes_a_right_of_its_own(self, world: World) -> None:
        with pytest.raises(ExportNotPermittedError):
            export(someone_known(world), user=make_operator("erase_person"))
        assert not AuditEvent.objects.filter(action="person.exported").exists()

    def test_takes_a_reason(self, world: World) -> None:
        with pytest.raises(ValidationFailedError):
            export(someone_known(world), reason=" ")

    def test_knows_nobody_without_a_row(self, world: World) -> None:
        with pytest.raises(PersonUnknownError):
            export(someone_known(world), recipient_ids=[])


class TestPages:
    def find(self, browser: Browser, text: str) -> str:
        return browser.post(reverse("admin:find_person"), {"text": text}).content.decode()

    @pytest.mark.parametrize(
        "text", [PHONE, "202-555-0177", EMAIL.upper(), f"{FIRST} {LAST}", CRM_ID]
    )
    def test_find_them_by(self, world: World, text: str) -> None:
        person = someone_known(world)
        page = self.find(visit(make_operator()), text)
        assert str(person.pk) in page
        assert FIRST in page

    def test_find_nobody_else(self, world: World) -> None:
        person = someone_known(world)
        page = self.find(visit(make_operator()), "+12025550111")
        assert str(person.pk) not in page
        assert "Nobody was found" in page

    def url(self, person: Recipient) -> str:
        return f"{reverse('admin:person_data')}?r={person.pk}"

    def test_tell_what_is_kept_and_what_would_go(self, world: World) -> None:
        page = visit(make_operator()).get(self.url(someone_known(world))).content.decode()
        for words in ("Texts from them", "Hand it out", "Erase for good", "nobody has opened yet"):
            assert words in page

    def test_offer_neither_without_the_rights(self, world: World) -> None:
        browser = visit(make_platform_admin())
        url = self.url(someone_known(world))
        page = browser.get(url).content.decode()
        assert "Hand it out" not in page
        assert "Erase for good" not in page
        said = {"reason": WHY, "confirmation": "erase"}
        browser.post(url, {"step": "erase", **{f"erase-{k}": v for k, v in said.items()}})
        assert not Erasure.objects.exists()

    def test_hand_it_out(self, world: World) -> None:
        answer = visit(make_operator()).post(
            self.url(someone_known(world)), {"step": "export", "export-reason": WHY}
        )
        assert answer["Content-Type"] == "application/zip"
        assert "no-store" in answer["Cache-Control"]
        read(answer.content)

    def test_erase_once_the_word_is_typed(self, world: World) -> None:
        person, browser = someone_known(world), visit(make_operator())
        said = {"step": "erase", "erase-reason": WHY, "erase-confirmation": "yes"}
        page = browser.post(self.url(person), said).content.decode()
        assert "Type the word erase." in page
        assert not Erasure.objects.exists()
        answer = browser.post(self.url(person), {**said, "erase-confirmation": "erase"})
        assert answer.status_code == 302
        person.refresh_from_db()
        assert (person.first_name, bool(person.erased_at)) == ("", True)
        listed = browser.get(reverse("admin:redemption_erasure_changelist")).content.decode()
        assert WHY in listed

    def test_are_for_nobody_else(self, world: World) -> None:
        assert Browser().get(self.url(someone_known(world))).status_code == 302
