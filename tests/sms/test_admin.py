from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from sms.models import ErrorPolicy, Message, MessageTemplate
from tests.staff import make_platform_admin, sign_in
from tests.world import build_world

pytestmark = pytest.mark.django_db


def send_template(**changes: str) -> Any:
    """Send the form of a new template of the platform's reward text."""
    data = {
        "purpose": "reward",
        "channel": "sms",
        "locale": "en",
        "is_active": "on",
        "client": "",
        "campaign_id": "",
        "subject": "",
        "body": "Hi {{first_name}}: {{reveal_link}}",
    }
    return sign_in(make_platform_admin()).post(
        reverse("admin:sms_messagetemplate_add"), {**data, **changes}
    )


def errors_of(page: Any) -> dict[str, list[str]]:
    """Return the sentences beside the fields of a form that was refused."""
    assert page.status_code == 200
    return {name: list(words) for name, words in page.context["adminform"].form.errors.items()}


class TestMessageTemplateForm:
    def test_takes_a_template_with_known_tags(self) -> None:
        assert send_template().status_code == 302
        assert MessageTemplate.objects.get().body == "Hi {{first_name}}: {{reveal_link}}"

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ("{{frist_name}}", "{{frist_name}} is no tag."),
            ("{{first_name", "Here is half a tag."),
            ("{{ first_name.upper }}", "{{ first_name.upper }} is no tag."),
        ],
    )
    def test_refuses_what_is_no_tag(self, body: str, words: str) -> None:
        assert errors_of(send_template(body=body))["body"][0].startswith(words)
        assert not MessageTemplate.objects.exists()

    def test_wants_a_subject_of_an_email(self) -> None:
        page = send_template(channel="email")
        assert errors_of(page) == {"subject": ["An e-mail needs a subject."]}

    def test_takes_the_client_from_the_campaign(self) -> None:
        world = build_world()
        assert send_template(campaign_id=str(world.campaign.pk)).status_code == 302
        template = MessageTemplate.objects.get()
        assert (template.client, template.campaign_id) == (world.client, world.campaign.pk)

    def test_refuses_another_clients_campaign(self) -> None:
        world, other = build_world(), build_world(name="Birch")
        page = send_template(campaign_id=str(world.campaign.pk), client=str(other.client.pk))
        assert errors_of(page)["campaign_id"] == ["This campaign is Acorn Ltd's."]

    @pytest.mark.parametrize(("typed", "locale"), [("es_mx", "es-MX"), (" EN ", "en")])
    def test_writes_a_locale_as_it_is_compared(self, typed: str, locale: str) -> None:
        assert send_template(locale=typed).status_code == 302
        assert MessageTemplate.objects.get().locale == locale

    def test_refuses_what_is_no_locale(self) -> None:
        assert "locale" in errors_of(send_template(locale="english"))
        assert "purpose" in errors_of(send_template(purpose="test"))

    def test_refuses_a_second_active_one_and_takes_it_switched_off(self) -> None:
        send_template()
        words = "Another active template is for just the same. Switch that one off first."
        assert errors_of(send_template()) == {"__all__": [words]}
        assert send_template(is_active="").status_code == 302
        assert MessageTemplate.objects.count() == 2


class TestErrorPolicyForm:
    def test_refuses_to_stop_the_channel_for_one_number(self) -> None:
        page = sign_in(make_platform_admin()).post(
            reverse("admin:sms_errorpolicy_add"),
            {"code": "99999", "reaction": "bad_number", "stops_channel": "on"},
        )
        assert "An error of our own set-up" in errors_of(page)["reaction"][0]
        assert not ErrorPolicy.objects.filter(code="99999").exists()


class TestMessageList:
    def test_finds_by_phone_and_by_the_providers_id(self) -> None:
        world = build_world()
        messages = [
            Message.objects.create(
                client=world.client,
                purpose="reward",
                channel="sms",
                to=to,
                reference_kind="redemption",
                reference_id=uuid4(),
                provider_id=provider_id,
            )
            for to, provider_id in (("+12025550143", "SM1"), ("+12025550144", "SM2"))
        ]
        browser = sign_in(make_platform_admin())

        def find(term: str) -> list[Message]:
            page = browser.get(reverse("admin:sms_message_changelist"), {"q": term})
            return list(page.context["cl"].result_list)

        assert find("202-555-0143") == [messages[0]]
        assert find("SM2") == [messages[1]]
        assert find(str(messages[1].reference_id)) == [messages[1]]
        assert find("2025550") == []
