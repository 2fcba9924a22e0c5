"""Which template is used, what the page says of one, and the way back to earlier words."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from credit.models import AuditEvent, User
from redemption.selectors.template_use import find_use
from redemption.services.own_words import own_words
from sms.merge import check_template
from sms.models import Message, MessageTemplate
from sms.selectors.templates import load_templates, normalise_locale
from sms.services.examples import EXAMPLES, find_example
from sms.services.previews import LONGEST_TEXT, Words, find_problems, preview_template
from sms.services.templates import list_earlier_words
from tests.staff import form_data, make_platform_admin, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return build_world()


def make(body: str, **fields: Any) -> MessageTemplate:
    known = {"purpose": "reward", "channel": "sms", "locale": "en"}
    return MessageTemplate.objects.create(body=body, **{**known, **fields})


def words(body: str, **fields: str) -> Words:
    known = {"purpose": "reward", "channel": "sms", "locale": "en", "subject": ""}
    return Words(body=body, **{**known, **fields})


def preview(body: str, example: str = "plain", **fields: str) -> Any:
    return preview_template(words=words(body, **fields), example=find_example(example), client=None)


class TestFind:
    def found(self, world: World, locale: str) -> str | None:
        template = load_templates(client_ids=[world.client.pk]).find(
            client_id=world.client.pk,
            campaign_id=world.campaign.pk,
            purpose="reward",
            channel="sms",
            locale=locale,
        )
        return template.body if template else None

    def test_takes_the_nearest_scope_before_the_nearest_locale(self, world: World) -> None:
        make("everybody's es-MX", locale="es-MX")
        assert self.found(world, "es_mx") == "everybody's es-MX"
        make("the client's es", locale="es", client=world.client)
        assert self.found(world, "es-MX") == "the client's es"
        make("the campaign's es", locale="es", client=world.client, campaign_id=world.campaign.pk)
        assert self.found(world, "es-MX") == "the campaign's es"
        assert self.found(world, "en") is None

    def test_falls_back_to_english_only_where_we_have_no_words(self, world: World) -> None:
        make("everybody's en")
        assert self.found(world, "fr-CA") == "everybody's en"
        # Our own Spanish ones are better.
        assert self.found(world, "es") is None
        make("everybody's fr", locale="fr")
        make("the client's en", client=world.client)
        assert self.found(world, "fr-CA") == "everybody's fr"
        assert self.found(world, "de") == "the client's en"

    @pytest.mark.parametrize(
        ("typed", "locale"), [("EN", "en"), (" es_mx ", "es-MX"), ("es-419", "es-419"), ("", "")]
    )
    def test_compares_locales_in_one_way(self, typed: str, locale: str) -> None:
        assert normalise_locale(typed) == locale


class TestFindUse:
    def test_names_the_campaigns_and_the_missing_languages(self, world: World) -> None:
        everybodys = make("a")
        use = find_use(everybodys)
        assert [one.pk for one in use.campaigns] == [world.campaign.pk]
        assert use.missing == ["es"]
        own = make("b", client=world.client, campaign_id=world.campaign.pk)
        assert find_use(everybodys).campaigns == []
        assert [one.pk for one in find_use(own).campaigns] == [world.campaign.pk]
        world.campaign.locale = "fr"
        world.campaign.save()
        make("c", locale="es")
        use = find_use(everybodys)
        assert (use.missing, [one.locale for one in use.siblings]) == (["fr"], ["en", "es"])
        world.campaign.status = "ended"
        world.campaign.save()
        assert find_use(own).campaigns == []


class TestOwnWords:
    @pytest.mark.parametrize("locale", ["en", "es"])
    @pytest.mark.parametrize("channel", ["sms", "email"])
    def test_are_there_for_every_purpose(self, channel: str, locale: str) -> None:
        seen = set()
        for purpose in MessageTemplate.Purpose.values:
            # Leave to text is asked by text.
            if purpose == "test" or (purpose, channel) == ("opt_in", "email"):
                continue
            ours = own_words(purpose=purpose, channel=channel, locale=locale)
            assert ours is not None, purpose
            subject, body = ours
            assert check_template(body) == []
            assert bool(subject) == (channel == "email")
            seen.add(body)
        # A resend is a reward once more; all the others differ.
        assert len(seen) == (5 if channel == "sms" else 4)


class TestPreview:
    def test_writes_it_for_somebody_invented(self) -> None:
        shown = preview("Hi {{first_name}}, {{amount}}")
        assert shown.text == "Hi Ana, $25.00"
        assert (shown.problems, shown.costly) == ([], [])
        assert preview("Hi {{first_name}}!", "none").text == "Hi!"
        assert preview("Hi {{first_name}}!", "tag").text == "Hi {{code}}!"
        assert preview("Hi {{first_name}}!", "link").text == "Hi win. example/now!"

    def test_tells_what_makes_it_dearer_and_what_would_be_cheaper(self) -> None:
        shown = preview("It’s here: " + "x" * 70)
        assert (shown.length.segments, shown.without_costly) == (2, 1)
        assert [one.name for one in shown.costly] == ["right single quotation mark"]
        assert shown.plain_body == "It's here: " + "x" * 70
        assert shown.bare_body == ""
        accents = preview("¿Qué pasó aquí? " + "x" * 70)
        assert accents.bare_body.startswith("¿Qué paso aqui? ")
        # What comes with the example is not the template's to mend.
        arabic = preview("Hi {{first_name}}" + "x" * 70, "right_to_left")
        assert (arabic.length.segments, arabic.costly, arabic.plain_body) == (2, [], "")

    def test_tells_which_example_costs_most(self) -> None:
        example, length = preview("{{first_name}} " + "x" * 140).longest
        assert (example.key, length.segments) == ("emoji", 3)
        assert preview("Hello").longest is None

    def test_marks_what_is_no_tag_and_what_can_be_tapped(self) -> None:
        shown = preview("{{frist_name}} {{first_name}} {{reveal_link}}", "tag")
        assert [one.kind for one in shown.parts] == ["unknown", "", "link"]
        assert shown.parts[0].text == "{{frist_name}}"
        assert shown.parts[1].text == " {{code}} "

    @pytest.mark.parametrize(
        ("body", "fields", "warning"),
        [
            ("{{code}}", {}, "whoever reads it can spend the card"),
            ("Hello", {}, "Nobody could get at the card"),
            ("{{reveal_link}} {{opt_in_link}}", {}, "Always empty"),
            ("Reply YES", {"purpose": "opt_in"}, "Without {{opt_in_link}}"),
            ("{{code}}", {"channel": "email", "subject": "{{code}}"}, "locked screen"),
        ],
    )
    def test_warns(self, body: str, fields: dict[str, str], warning: str) -> None:
        assert any(warning in one for one in preview(body, **fields).warnings)
        assert preview("{{reveal_link}}").warnings == []

    def test_refuses_what_no_provider_takes(self) -> None:
        assert find_problems(words("x" * LONGEST_TEXT)) == []
        assert find_problems(words("x" * (LONGEST_TEXT + 1)))
        assert find_problems(words("x", channel="email")) == ["An e-mail needs a subject."]

    def test_page_escapes_what_is_typed(self) -> None:
        page = sign_in(make_platform_admin()).post(
            reverse("admin:sms_messagetemplate_preview"),
            {"channel": "sms", "body": "<script>’</script> {{<b>}}", "client": "no-uuid"},
        )
        said = page.content.decode()
        assert "<script>" not in said
        assert "<b>}}" not in said
        stranger = sign_in(User.objects.create(username="stranger", is_staff=True))
        page = stranger.post(reverse("admin:sms_messagetemplate_preview"), {"body": "x"})
        assert page.status_code == 404

    def test_shows_every_example(self) -> None:
        for example in EXAMPLES:
            assert preview("{{first_name}} {{last_name}} {{reveal_link}}", example.key).text


class TestHistory:
    def change(self, template: MessageTemplate, user: User, **fields: str) -> Any:
        browser = sign_in(user)
        url = reverse("admin:sms_messagetemplate_change", args=[template.pk])
        return browser.post(url, {**form_data(browser.get(url)), **fields})

    def test_keeps_who_changed_what_and_goes_back(self) -> None:
        template, user = make("One"), make_platform_admin()
        assert self.change(template, user, body="Two").status_code == 302
        assert self.change(template, user, body="Three").status_code == 302
        assert self.change(template, user).status_code == 302
        events = AuditEvent.objects.order_by("at")
        assert [one.action for one in events] == ["template.changed"] * 2
        assert events[0].details == {"before": {"body": "One"}, "after": {"body": "Two"}}
        earlier = list_earlier_words(template_id=template.pk)
        assert [one.body for one in earlier] == ["Two", "One"]
        assert {one.changed_by for one in earlier} == {f"user:{user.pk}"}
        url = reverse("admin:sms_messagetemplate_change", args=[template.pk])
        page = sign_in(user).get(f"{url}?words={earlier[1].event_id}")
        assert page.context["adminform"].form["body"].value() == "One"
        template.refresh_from_db()
        assert template.body == "Three"
        page = sign_in(user).get(f"{url}?words=nonsense")
        assert page.context["adminform"].form["body"].value() == "Three"

    def test_keeps_when_one_is_made_and_switched_off(self) -> None:
        user = make_platform_admin()
        sign_in(user).post(
            reverse("admin:sms_messagetemplate_add"),
            {"purpose": "reward", "channel": "sms", "locale": "en", "is_active": "on",
             "body": "Hi {{reveal_link}}", "subject": "", "client": "", "campaign_id": ""},
        )  # fmt: skip
        template = MessageTemplate.objects.get()
        url = reverse("admin:sms_messagetemplate_change", args=[template.pk])
        browser = sign_in(user)
        data = form_data(browser.get(url))
        del data["is_active"]
        assert browser.post(url, data).status_code == 302
        assert list(AuditEvent.objects.order_by("at").values_list("action", flat=True)) == [
            "template.made",
            "template.switched_off",
        ]
        delete = reverse("admin:sms_messagetemplate_delete", args=[template.pk])
        assert browser.post(delete, {"post": "yes"}).status_code == 403
        assert not Message.objects.exists()

    def test_copies_for_another_language(self, world: World) -> None:
        original = make("Hi {{first_name}}", client=world.client)
        url = reverse("admin:sms_messagetemplate_add")
        page = sign_in(make_platform_admin()).get(f"{url}?copy_of={original.pk}&locale=es")
        form = page.context["adminform"].form
        assert (form["locale"].value(), form["body"].value()) == ("es", "Hi {{first_name}}")
        assert form["client"].value() == world.client.pk
