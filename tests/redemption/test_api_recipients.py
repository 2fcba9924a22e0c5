"""People added over the API: as CSV, as a form, as JSON; hostile files; once for a file."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.services.imports import SPREADSHEET_HINT
from credit.models import AuditEvent
from redemption.codes import has_valid_check_symbol, normalise_code
from redemption.models import Campaign, Recipient, RecipientBatch
from redemption.services.recipients import WEAK_CODES, open_redemption_code
from redemption.services.redeem import Contact
from sms.models import OptIn
from tests.credit.partners import Partner, assert_problem
from tests.giftcards.api_sending import form
from tests.giftcards.files import SAVE_AS_HINT
from tests.redemption.asking import ask
from tests.redemption.people_sending import BAD, TWO, assert_nobody_added, send
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

OPEN_QUOTE = "The row that begins on line 2 is longer than 64 kB. Is a quotation mark left open?"
AS_JSON = {"content_type": "application/json"}


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def client(world: World) -> Partner:
    return Partner(world.client)


class TestUpload:
    @pytest.mark.parametrize("content_type", ["text/csv", "multipart", "application/json"])
    def test_adds_people_and_tells_their_codes(
        self, world: World, client: Partner, content_type: str
    ) -> None:
        people = [
            {"first_name": "Ana", "phone": "(202) 555-0143", "external_crm_id": "A-1"},
            {"first_name": "Bo", "external_crm_id": "A-2", "phone": None},
        ]
        sent: dict[str, Any] = {
            "text/csv": TWO,
            "multipart": form(TWO),
            "application/json": {"recipients": people},
        }
        response = send(client, world.campaign, sent[content_type], content_type=content_type)
        assert response.status_code == 201, response.content
        assert response["Cache-Control"] == "no-store"
        body = response.json()
        ana, bo = Recipient.objects.order_by("external_crm_id")
        batch = RecipientBatch.objects.get()
        assert {key: body[key] for key in ("batch", "accepted", "rejected", "errors")} == {
            "batch": {"id": str(batch.pk), "state": "imported"},
            "accepted": 2,
            "rejected": 0,
            "errors": [],
        }
        assert [(one["id"], one["external_crm_id"]) for one in body["recipients"]] == [
            (str(ana.pk), "A-1"),
            (str(bo.pk), "A-2"),
        ]
        code = body["recipients"][0]["redemption_code"]
        assert (code[4], code[9]) == ("-", "-")
        assert has_valid_check_symbol(normalise_code(code))
        assert normalise_code(code) == open_redemption_code(ana)
        assert (ana.phone, bo.phone, ana.batch, bo.line) == (
            "+12025550143", "", batch, ana.line + 1 if ana.line else 0
        )  # fmt: skip
        assert (batch.client, batch.rows, batch.actor[:4]) == (world.client, 2, "key:")
        event = AuditEvent.objects.get(action="recipients.uploaded")
        assert (event.object_id, event.client_id) == (str(batch.pk), world.client.pk)

    def test_answers_in_the_order_of_the_lines(self, world: World, client: Partner) -> None:
        people = [{"external_crm_id": f"Z-{97 * number % 1000}"} for number in range(300)]
        body = send(client, world.campaign, {"recipients": people}, **AS_JSON).json()
        assert [one["external_crm_id"] for one in body["recipients"]] == [
            one["external_crm_id"] for one in people
        ]

    def test_refuses_all_for_one_bad_row(self, world: World, client: Partner) -> None:
        response = send(client, world.campaign, TWO + "Cy,911,A-1\n")
        body = assert_problem(response, 400, "GC-012")
        assert (body["accepted"], body["rejected"]) == (0, 1)
        assert body["errors"] == [
            {
                "line": 4,
                "field": "phone",
                "message": "This number doesn't exist. Please check each digit.",
            }
        ]
        assert "recipients" not in body
        assert_nobody_added()
        batch = RecipientBatch.objects.get()
        assert (str(batch.pk), batch.state) == (body["batch"]["id"], "refused")

    def test_adds_the_good_ones_where_that_is_asked_for(
        self, world: World, client: Partner
    ) -> None:
        text = TWO + "Cy,1.2E+9,A-3\nDi,,A-1\n"
        response = send(client, world.campaign, text, query="?mode=valid_rows")
        body = response.json()
        assert (response.status_code, body["accepted"], body["rejected"]) == (201, 2, 2)
        assert body["errors"] == [
            {"line": 4, "field": "phone", "message": SPREADSHEET_HINT},
            {"line": 5, "field": "external_crm_id", "message": "The same id is on line 2."},
        ]
        assert [one["external_crm_id"] for one in body["recipients"]] == ["A-1", "A-2"]

    def test_writes_nothing_in_a_dry_run(self, world: World, client: Partner) -> None:
        response = send(client, world.campaign, TWO, query="?dry_run=1")
        assert (response.status_code, response.json()) == (
            200,
            {
                "batch": {"id": None, "state": "previewed"},
                "accepted": 2,
                "rejected": 0,
                "errors": [],
                "recipients": [],
            },
        )
        assert send(client, world.campaign, BAD, query="?dry_run=1").json()["accepted"] == 0
        assert_nobody_added()
        assert not RecipientBatch.objects.exists()

    def test_refuses_the_same_file_again(self, world: World, client: Partner) -> None:
        send(client, world.campaign, TWO)
        for mode in ("", "?mode=valid_rows", "?dry_run=1"):
            assert_problem(send(client, world.campaign, TWO, query=mode), 409, "GC-114")
        assert (Recipient.objects.count(), RecipientBatch.objects.count()) == (2, 1)

    def test_lets_people_wait_as_the_campaign_says(self, world: World, client: Partner) -> None:
        Campaign.objects.filter(pk=world.campaign.pk).update(approval_required=True)
        send(client, world.campaign, TWO)
        assert set(Recipient.objects.values_list("approval", flat=True)) == {"pending"}

    def test_takes_a_phone_number_for_no_leave_to_text_it(
        self, world: World, client: Partner
    ) -> None:
        world.stock(1)
        Campaign.objects.filter(pk=world.campaign.pk).update(opt_in_required=True)
        ana, _ = send(client, world.campaign, TWO).json()["recipients"]
        assert not OptIn.objects.exists()
        waiting = ask(ana["redemption_code"], contact=Contact(method="sms", to="+12025550143"))
        assert waiting.state == "waiting_opt_in"

    def test_takes_no_codes_that_can_be_guessed(self, world: World, client: Partner) -> None:
        text = "redemption_code\n" + "".join(f"{number:04d}\n" for number in range(60))
        body = assert_problem(send(client, world.campaign, text), 400, "GC-012")
        [words] = body["errors"]["redemption_code"]
        assert words.startswith(WEAK_CODES.partition("{")[0])
        assert_nobody_added()
        Campaign.objects.filter(pk=world.campaign.pk).update(second_factor="last_name")
        assert send(client, world.campaign, text).status_code == 201

    def test_refuses_a_campaign_that_has_ended(self, world: World, client: Partner) -> None:
        Campaign.objects.filter(pk=world.campaign.pk).update(status="ended")
        body = assert_problem(send(client, world.campaign, TWO), 400, "GC-012")
        assert list(body["errors"]) == ["campaign"]
        assert_nobody_added()


class TestHostile:
    @pytest.mark.parametrize(
        "file",
        [
            "\ufeffFirst name;PHONE;Country\r\n Ana ;020 7946 0958;gb\r\n".encode(),
            b"sep=\t\nfirst-name\tphone\tcountry\nAna\t020 7946 0958\tGB\n",
            "first_name,phone,country\nAna,+442079460958,GB\n".encode("utf-16"),
            b'"FIRST_NAME","note","phone","country"\r"Ana","a, ""b""","+442079460958","GB"',
        ],
    )
    def test_reads_what_spreadsheets_write(
        self, world: World, client: Partner, file: bytes
    ) -> None:
        assert send(client, world.campaign, file).status_code == 201
        ana = Recipient.objects.get()
        assert (ana.first_name, ana.phone, ana.country) == ("Ana", "+442079460958", "GB")

    @pytest.mark.parametrize(
        ("file", "words"),
        [
            (b"", "The file is empty."),
            (b"first_name\n", "The file has no rows."),
            (b"PK\x03\x04rest", f"This is a spreadsheet or an archive, not CSV. {SAVE_AS_HINT}"),
            (b"first_name\nAna\0\n", f"Line 2 is not text. {SAVE_AS_HINT}"),
            (b"first_name\nAn\xff\n", f"Line 2 has unreadable characters. {SAVE_AS_HINT}"),
            (b"phone,Phone\n1,2\n", 'The column "phone" is there 2 times.'),
            (
                b'first_name\n"Ana\n' + b"Bo\n" * 30_000,
                OPEN_QUOTE,
            ),
        ],
    )
    def test_refuses_what_is_no_file_of_people(
        self, world: World, client: Partner, file: bytes, words: str
    ) -> None:
        body = assert_problem(send(client, world.campaign, file), 400, "GC-012")
        assert body["errors"] == {"file": [words]}
        assert_nobody_added()

    def test_refuses_a_header_that_names_nothing(self, world: World, client: Partner) -> None:
        body = assert_problem(send(client, world.campaign, b"Vorname\nAna\n"), 400, "GC-012")
        assert_nobody_added()
        assert body["errors"] == {
            "file": ["No column has a name that is known here. Is the first line a header?"]
        }

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "recipients"),
            ([], "body"),
            ({"recipients": []}, "recipients"),
            ({"recipients": [{}]}, "recipients.0"),
            ({"recipients": [{"first_name": ""}]}, "recipients.0"),
            ({"recipients": [{"first_name": 1}]}, "recipients.0.first_name"),
            ({"recipients": [{"name": "Ana"}]}, "recipients.0.name"),
            ({"recipients": "Ana"}, "recipients"),
        ],
    )
    def test_names_what_is_wrong_with_a_body(
        self, world: World, client: Partner, body: Any, field: str
    ) -> None:
        answer = assert_problem(send(client, world.campaign, body, **AS_JSON), 400, "GC-012")
        assert list(answer["errors"]) == [field]
        assert_nobody_added()

    def test_keeps_control_characters_out(self, world: World, client: Partner) -> None:
        people = [{"first_name": "Ana\u0000\n"}, {"first_name": "B\u202eo"}, {"phone": "\x7f"}]
        body = assert_problem(
            send(client, world.campaign, {"recipients": people}, **AS_JSON), 400, "GC-012"
        )
        assert_nobody_added()
        assert len(body["errors"]) > 0

    def test_takes_10_000_people_and_no_more(self, world: World, client: Partner) -> None:
        text = "external_crm_id\n" + "".join(f"P-{number}\n" for number in range(10_001))
        body = assert_problem(send(client, world.campaign, text), 413, "GC-116")
        assert body["errors"] == {"file": ["The file has more than 10,000 rows."]}
        people = [{"external_crm_id": f"P-{number}"} for number in range(10_001)]
        assert_problem(
            send(client, world.campaign, {"recipients": people}, **AS_JSON), 413, "GC-116"
        )
        assert_nobody_added()
        response = send(client, world.campaign, {"recipients": people[:-1]}, **AS_JSON)
        assert (response.status_code, len(response.json()["recipients"])) == (201, 10_000)

    @pytest.mark.parametrize("content_type", ["text/csv", "multipart", "application/json"])
    def test_takes_10_megabytes_and_no_more(
        self, world: World, client: Partner, content_type: str
    ) -> None:
        text = TWO + "\n" * (20 * 1024 * 1024)
        body = form(text) if content_type == "multipart" else text
        response = send(client, world.campaign, body, content_type=content_type)
        assert_problem(response, 413, "GC-116")
        assert_nobody_added()
