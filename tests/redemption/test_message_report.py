"""The report about messages: its page and file, what they say, and to whom."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from credit.models import Membership
from redemption.models import Campaign
from redemption.services.message_days import count_message_days
from sms.models import ErrorPolicy
from tests.redemption.messaging import PLAIN, ask_plainly, end, promise, text_by_chance
from tests.redemption.rewarding import NOW
from tests.redemption.visiting import manager, person, plain
from tests.staff import make_platform_admin, make_user, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

Role = Membership.Role
PAGE = "/reports/messages/"
FILE = "/reports/messages/messages.csv"
MARCH = "from=2026-03-01&to=2026-03-31"


def platform() -> Browser:
    return sign_in(make_platform_admin())


def rows_of(browser: Browser, address: str) -> list[dict[str, str]]:
    answer = browser.get(address)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def page_of(browser: Browser, query: str = MARCH) -> str:
    answer = browser.get(f"{PAGE}?{query}")
    assert answer.status_code == 200
    return plain(answer)


class TestDoor:
    def test_is_open_to_those_who_may_see_money(self) -> None:
        world = build_world()
        for browser in (
            platform(),
            manager(world),
            person(Role.CLIENT_MANAGER, client=world.client),
            person(Role.AUDITOR, agency=world.agency),
        ):
            for address in (PAGE, FILE):
                assert browser.get(address).status_code == 200
                assert browser.post(address).status_code in (403, 405)

    def test_is_closed_to_agents_and_strangers(self) -> None:
        world = build_world()
        for browser in (person(Role.AGENT, client=world.client), sign_in(make_user())):
            for address in (PAGE, FILE):
                assert browser.get(address).status_code == 404
        assert Browser().get(PAGE)["Location"] == f"/login/?next={PAGE}"

    def test_is_among_the_reports(self) -> None:
        assert "Messages" in plain(platform().get("/reports/"))


class TestFile:
    @pytest.mark.parametrize("counted", [False, True])
    def test_says_what_the_tables_say(self, counted: bool) -> None:
        world, other = text_by_chance(7)
        if counted:
            count_message_days(now=NOW, limit=99)
        rows = {
            row["campaign_id"]: row for row in rows_of(platform(), f"{FILE}?by=campaign&{MARCH}")
        }
        clients = [world.client.pk, other.client.pk]
        found = ask_plainly(
            PLAIN.format(key="r.campaign_id"), clients, "2026-03-01Z", "2026-04-01Z", None, None
        )
        assert len(found) == len(rows) == 3
        names = (
            "messages", "attempts", "accepted", "tried", "delivered", "undelivered", "failed",
            "suppressed", "cancelled", "by_hand", "in_doubt", "segments",
        )  # fmt: skip
        for key, *numbers in found:
            row = rows[str(key)]
            assert [row[name] for name in names] == [str(number) for number in numbers[:12]]
            tried, delivered = numbers[3:5]
            share = f"{delivered / tried * 100:.2f}" if tried else ""
            assert row["delivery_percent"] == share

    def test_names_errors_with_what_they_mean(self) -> None:
        world = build_world()
        end(promise(world, NOW), "undelivered")
        (row,) = rows_of(platform(), f"{FILE}?by=error&{MARCH}")
        assert (row["error_code"], row["attempts"], row["messages_ended"]) == ("30005", "1", "1")
        assert row["meaning"] == "Unknown handset."
        assert row["what_to_do"].startswith("Nothing arrives there.")

    def test_carries_no_formula(self) -> None:
        world = build_world()
        Campaign.objects.filter(pk=world.campaign.pk).update(name="=1+1")
        end(promise(world, NOW), "delivered")
        (row,) = rows_of(platform(), f"{FILE}?by=campaign&{MARCH}")
        assert row["campaign"] == "'=1+1"

    @pytest.mark.parametrize("query", ["by=brand", "client=x", "from=2026-13-01", "campaign=1"])
    def test_of_nonsense_is_not_there(self, query: str) -> None:
        assert platform().get(f"{FILE}?{query}").status_code == 404


class TestPage:
    def lively(self) -> World:
        world = build_world()
        for state in ("delivered", "delivered", "sent", "undelivered", "failed", "suppressed"):
            end(promise(world, NOW), state, wait=4)
        for state in ("unknown", "manually_delivered", "queued"):
            end(promise(world, NOW), state)
        return world

    def test_counts_accepted_and_delivered_apart(self) -> None:
        self.lively()
        page = page_of(platform())
        assert "Messages 9 in 8 attempts" in page
        assert "Accepted 5 taken by a provider, which is not delivery" in page
        assert "Confirmed delivered 2 of 7 texts that were tried" in page
        assert "Delivery rate 28.5 % target: 98.0 %" in page
        assert "From claim to arrival 4 s 95 of 100 in 4 s" in page

    def test_defines_every_figure(self) -> None:
        self.lively()
        page = page_of(platform())
        for words in (
            "Undelivered 1 A provider took it",
            "Failed 1 No provider took it",
            "Suppressed 1 Not sent, because the person has opted out",
            "Delivered by hand 1 A person read the reward out",
            "In doubt 1 The provider has not said",
            "Under way 2 Waits for an attempt",
            "Cancelled 0 Not wanted any more",
            "Segments 10 What the texts were cut into",
            "Price of texts 0.0375 What the provider asks for the attempts whose price it has",
            "told (5), in the currency of its account.",
        ):
            assert words in page, words

    def test_says_what_each_error_means_and_what_to_do(self) -> None:
        self.lively()
        policy = ErrorPolicy.objects.filter(code="30005")
        (shipped,) = policy.values("reaction", "note")
        policy.update(reaction="filtered", note="Seen at Birch Mobile")
        try:
            page = page_of(platform())
        finally:
            policy.update(**shipped)  # no test empties this table
        assert "21211 Not a phone number. Nothing arrives there." in page
        assert "21610 The person replied STOP." in page
        # As the operators' own table has it.
        assert "30005 Seen at Birch Mobile The carrier takes the words for unwanted mail" in page

    @pytest.mark.parametrize("by", ["day", "campaign", "channel"])
    def test_is_grouped_as_one_likes(self, by: str) -> None:
        world = self.lively()
        page = page_of(platform(), f"{MARCH}&by={by}")
        names = {
            "day": "March 20, 2026",
            "campaign": world.campaign.name,
            "channel": "Text message",
        }
        assert f"{names[by]} 9 8 5 2 28.5 % 1 1 1 1 1" in page

    def test_without_messages_says_so(self) -> None:
        assert "Nothing was sent in these days" in page_of(platform())

    def test_of_a_period_that_makes_no_sense_says_why(self) -> None:
        answer = platform().get(f"{PAGE}?from=2026-03-09&to=2026-03-01")
        assert answer.status_code == 400
        assert "come before the first" in plain(answer)


class TestVisibility:
    def test_shows_each_their_own(self) -> None:
        world, other = build_world(), build_world(name="Birch")
        end(promise(world, NOW), "delivered")
        for _ in range(3):
            end(promise(other, NOW), "failed")
        for counted in (False, True):
            if counted:
                count_message_days(now=NOW.replace(month=4), limit=99)
            for browser in (manager(world), person(Role.CLIENT_MANAGER, client=world.client)):
                page = page_of(browser, f"{MARCH}&by=campaign")
                assert "Messages 1 in 1 attempts" in page
                assert world.campaign.name in page
                assert other.campaign.name not in page
                assert "21211" not in page
            assert "Messages 4 in 4 attempts" in page_of(platform())

    def test_of_a_strangers_client_or_campaign_is_not_there(self) -> None:
        world, other = build_world(), build_world(name="Birch")
        browser = manager(world)
        for address in (PAGE, FILE):
            for name, key in (("client", other.client.pk), ("campaign", other.campaign.pk)):
                assert browser.get(f"{address}?{name}={key}").status_code == 404
        # The control: one's own are there.
        for name, key in (("client", world.client.pk), ("campaign", world.campaign.pk)):
            assert browser.get(f"{PAGE}?{name}={key}").status_code == 200

    def test_narrows_to_a_client_or_campaign(self) -> None:
        world, other = build_world(), build_world(name="Birch")
        end(promise(world, NOW), "delivered")
        for _ in range(3):
            end(promise(other, NOW), "failed")
        browser = platform()
        for query in (f"client={world.client.pk}", f"campaign={world.campaign.pk}"):
            assert "Messages 1 in 1 attempts" in page_of(browser, f"{MARCH}&{query}")
        both = f"client={world.client.pk}&campaign={other.campaign.pk}"
        assert browser.get(f"{PAGE}?{both}").status_code == 404

    def test_asks_as_much_of_a_long_period_as_of_a_short_one(self) -> None:
        text_by_chance(9, messages=12)
        count_message_days(now=NOW, limit=99)
        browser = platform()
        asked = []
        for query in ("from=2026-03-18&to=2026-03-19", "from=2026-03-01&to=2026-03-19"):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                browser.get(f"{PAGE}?{query}")
            asked.append(len(queries))
        assert asked[0] == asked[1] < 25
