"""The editor of message templates at a screen: preview, cost, tags by click, a test, and undo."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, expect

from sms.emulator import Emulator
from sms.models import Message, MessageTemplate
from sms.services.sending import send_due_messages
from tests.browser.conftest import Visitor
from tests.staff import make_platform_admin
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = "+12065550101"


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def worker() -> Iterator[None]:
    """Send what is due beside the site, as Celery does."""
    over = threading.Event()

    def run() -> None:
        try:
            while not over.wait(0.2):
                send_due_messages(now=datetime.now(UTC))
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    over.set()
    thread.join()


class TestEditorInABrowser:
    def test_shows_counts_and_mends_the_words_as_they_are_typed(
        self, operator: Visitor, site: str, world: World
    ) -> None:
        page = operator.page
        page.goto(site + reverse("admin:sms_messagetemplate_add"))
        preview = page.locator("#template-preview")
        # It begins with our own words, in the name of the first client.
        expect(preview.get_by_text("Hi Ana, your $25.00 Example Shop gift card")).to_be_visible()
        expect(preview.get_by_text("1 text", exact=True)).to_be_visible()
        body = page.locator("#id_body")
        body.fill("Hi ")
        expect(body).to_be_focused()
        page.get_by_role("button", name="first_name", exact=True).click()
        expect(body).to_have_value("Hi {{first_name}}")
        expect(body).to_be_focused()
        page.keyboard.type(", it’s here – " + "x" * 80 + " {{reveal_link}}")
        expect(preview.get_by_text("it cost 3 texts instead of 1")).to_be_visible()
        expect(preview.get_by_text("right single quotation mark")).to_be_visible()
        assert operator.fits()
        preview.get_by_role("button", name="Use plain quotes and dashes").click()
        expect(preview.get_by_text("1 text", exact=True)).to_be_visible()
        assert "it's here - x" in body.input_value()
        body.fill("Hi {{frist_name}} {{code}}")
        expect(preview.get_by_text("Did you mean {{first_name}}?")).to_be_visible()
        expect(preview.locator("mark.unknown")).to_have_text("{{frist_name}}")
        expect(preview.get_by_text("whoever reads it can spend the card")).to_be_visible()
        page.get_by_label("With", exact=True).select_option(label="A name that is a tag")
        body.fill("Hi {{first_name}}: {{reveal_link}}")
        expect(preview.get_by_text("Hi {{code}}: ")).to_be_visible()
        expect(preview.locator("mark.unknown")).to_have_count(0)
        page.locator("#id_channel").select_option("email")
        expect(preview.get_by_text("An e-mail needs a subject.")).to_be_visible()
        assert not MessageTemplate.objects.exists()
        assert operator.fits()
        assert operator.complaints == []

    def test_sends_the_unsaved_words_and_tells_when_they_arrive(
        self,
        operator: Visitor,
        site: str,
        world: World,
        twilio_emulator: Emulator,
        worker: None,
    ) -> None:
        page = operator.page
        page.goto(site + reverse("admin:sms_messagetemplate_add"))
        page.locator("#id_body").fill("Unsaved for {{first_name}}: {{reveal_link}}")
        number = page.locator("#id_test_to")
        number.fill("12")
        number.press("Enter")
        expect(page.locator("#test-outcome").get_by_role("alert")).to_be_visible()
        assert not Message.objects.exists()
        number.fill(PHONE)
        number.press("Enter")
        expect(page.locator("#test-outcome").get_by_text("Delivered.")).to_be_visible()
        (text,) = twilio_emulator.messages(to=PHONE)
        assert text.body.startswith("[Test] Unsaved for Ana: ")
        assert not MessageTemplate.objects.exists()
        assert operator.fits()
        assert operator.complaints == []

    def test_works_without_scripts(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        world: World,
        twilio_emulator: Emulator,
    ) -> None:
        visitor = Visitor(browser, contexts, width=1280, js=False)
        visitor.be(make_platform_admin(), site)
        page = visitor.page
        template = MessageTemplate.objects.create(
            purpose="reward", channel="sms", locale="en", body="Saved for {{first_name}}"
        )
        url = site + reverse("admin:sms_messagetemplate_change", args=[template.pk])
        page.goto(url)
        page.locator("#id_body").fill("Hi {{frist_name}}")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Did you mean {{first_name}}?")).to_be_visible()
        page.goto(url)
        page.locator("#id_test_to").fill(PHONE)
        page.get_by_role("button", name="Send the test").click()
        expect(page.get_by_text("Waits to be sent…")).to_be_visible()
        send_due_messages(now=datetime.now(UTC))
        (text,) = twilio_emulator.messages(to=PHONE)
        assert text.body == "[Test] Saved for Ana"
        page.reload()
        # The provider's reports come in meanwhile: whichever was the last.
        state = page.locator("#test-state")
        expect(state).to_have_text(re.compile("The provider has it|On its way|Delivered"))
        template.refresh_from_db()
        assert template.body == "Saved for {{first_name}}"

    def test_goes_back_to_earlier_words(self, operator: Visitor, site: str, world: World) -> None:
        page = operator.page
        page.goto(site + reverse("admin:sms_messagetemplate_add"))
        body = page.locator("#id_body")
        body.fill("First {{reveal_link}}")
        page.get_by_role("button", name="Save and continue editing").click()
        expect(page.get_by_text("These are the first ones.")).to_be_visible()
        body.fill("Second {{reveal_link}}")
        page.get_by_role("button", name="Save and continue editing").click()
        expect(page.get_by_text("By 1 campaign:")).to_be_visible()
        page.get_by_role("link", name="Back to these words").click()
        expect(body).to_have_value("First {{reveal_link}}")
        assert MessageTemplate.objects.get().body == "Second {{reveal_link}}"
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("was changed successfully")).to_be_visible()
        assert MessageTemplate.objects.get().body == "First {{reveal_link}}"
        page.goto(site + reverse("admin:sms_messagetemplate_changelist"))
        template = MessageTemplate.objects.get()
        page.goto(site + reverse("admin:sms_messagetemplate_change", args=[template.pk]))
        page.get_by_role("link", name="copy as es").click()
        expect(page.locator("#id_locale")).to_have_value("es")
        expect(body).to_have_value("First {{reveal_link}}")
        assert operator.fits()
        assert operator.complaints == []
