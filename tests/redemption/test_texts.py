"""The words of texts about rewards."""

from collections.abc import Mapping
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.test import override_settings

from giftcards.models import GiftCard
from redemption.models import Redemption, RevealLink
from redemption.services.links import digest_of_token
from redemption.services.redeem import Caller, Contact, RedeemResult, redeem
from redemption.services.texts import render_reward
from redemption.services.words import choose_words
from sms.merge import TAGS, check_template, count_segments
from sms.models import Message, MessageTemplate
from sms.services.parties import Draft, RenderedText, Rendering, Unsendable
from tests.redemption.taking_back import cancel, clean_up, give_up_text
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+12065550101"
BASE = "https://gifts.acorn.example"


@pytest.fixture(autouse=True)
def _public_address() -> object:
    with override_settings(PUBLIC_BASE_URL=BASE, SUPPORT_PHONE_NUMBER="+1 800 555 0100"):
        yield


@pytest.fixture
def world() -> World:
    return build_world()


def redeem_one(
    world: World, *, is_test: bool = False, expires_on: date | None = None
) -> RedeemResult:
    if not is_test:
        world.stock(1, expires_on=expires_on)
    (code,) = world.invite(is_test=is_test)
    return redeem(
        caller=Caller(door=Redemption.Door.API, actor="key:1", request_id=str(uuid4())),
        contact=Contact(method="sms", to=PHONE),
        code=code,
        now=NOW,
    )


def draft_of(result: RedeemResult, **changes: object) -> Draft:
    assert result.message_id is not None
    message = Message.objects.get(pk=result.message_id)
    fields: dict[str, object] = {
        "message_id": message.pk,
        "client_id": message.client_id,
        "purpose": message.purpose,
        "channel": message.channel,
        "locale": message.locale,
        "values": message.values,
        "reference_kind": message.reference_kind,
        "reference_id": message.reference_id,
    }
    return Draft(**{**fields, **changes})  # type: ignore[arg-type]


def render(draft: Draft, *, days: int = 0) -> Rendering:
    return render_reward(drafts=[draft], now=NOW + timedelta(days=days))[draft.message_id]


def words(draft: Draft) -> RenderedText:
    rendering = render(draft)
    assert isinstance(rendering, RenderedText)
    return rendering


def template(world: World, body: str, **fields: object) -> MessageTemplate:
    known: Mapping[str, object] = {"client": world.client, "purpose": "reward", "channel": "sms"}
    return MessageTemplate.objects.create(**{**known, "body": body, **fields})


class TestRenderReward:
    def test_greets_and_carries_the_link(self, world: World) -> None:
        result = redeem_one(world)
        text = words(draft_of(result))
        assert text.body == (
            f"Hi Ana, your $25.00 Acorn Shop gift card from Acorn Ltd: "
            f"{BASE}/r/{result.reveal_token}/\nReply STOP to opt out."
        )
        assert count_segments(text.body).segments == 1
        assert text.template_id is None

    def test_speaks_spanish(self, world: World) -> None:
        result = redeem_one(world)
        text = words(draft_of(result, locale="es"))
        assert text.body == (
            f"Hola Ana, su tarjeta Acorn Shop de $25.00 de Acorn Ltd: "
            f"{BASE}/r/{result.reveal_token}/\nResponda STOP para darse de baja."
        )
        assert words(draft_of(result, locale="es-MX")).body == text.body

    def test_falls_back_on_english(self, world: World) -> None:
        assert words(draft_of(redeem_one(world), locale="fr")).body.startswith("Hi Ana")

    def test_has_a_link_whose_row_is_there(self, world: World) -> None:
        result = redeem_one(world)
        token = words(draft_of(result)).body.split("/r/")[1].split("/")[0]
        link = RevealLink.objects.get(token_digest=digest_of_token(token))
        assert link.redemption_id == result.redemption_id

    def test_has_the_link_of_the_first_call_after_a_wait_for_stock(self, world: World) -> None:
        (code,) = world.invite()
        caller = Caller(door=Redemption.Door.API, actor="key:1", request_id=str(uuid4()))
        contact = Contact(method="sms", to=PHONE)
        waiting = redeem(caller=caller, contact=contact, code=code, now=NOW)
        assert waiting.state == "waiting_stock"
        world.stock(1)
        served = redeem(
            caller=caller,
            contact=contact,
            recipient_id=waiting.recipient_id,
            condition_number=1,
            resume=True,
            now=NOW + timedelta(days=1),
        )
        assert (served.redemption_id, served.state) == (waiting.redemption_id, "issued")
        token = words(draft_of(served)).body.split("/r/")[1].split("/")[0]
        assert token == served.reveal_token
        link = RevealLink.objects.get(token_digest=digest_of_token(token))
        assert link.redemption_id == served.redemption_id
        assert link.expires_at == NOW + timedelta(days=91)
        assert RevealLink.objects.count() == 1

    def test_masks_the_link_in_the_preview(self, world: World) -> None:
        result = redeem_one(world)
        text = words(draft_of(result))
        assert text.preview.startswith("Hi Ana, your $25.00 Acorn Shop gift card")
        assert f"{BASE}/r/••••/" in text.preview
        assert result.reveal_token is not None
        assert result.reveal_token not in text.preview
        assert result.reveal_token not in repr(text)

    def test_leaves_the_card_unseen(self, world: World) -> None:
        redeem_one(world)
        render(draft_of(redeem_one(world)))
        assert not GiftCard.objects.filter(disclosed_at__isnull=False).exists()

    @pytest.mark.parametrize("first_name", ["María", "Łukasz", "🎁" * 5, "A" * 80])
    def test_leaves_the_name_out_where_it_would_cost_a_segment(
        self, world: World, first_name: str
    ) -> None:
        draft = draft_of(redeem_one(world))
        text = words(draft_of_values(draft, first_name=first_name))
        assert text.body.startswith("Acorn Ltd: your $25.00 Acorn Shop gift card is ready: ")
        assert count_segments(text.body).segments == 1

    def test_does_without_a_name(self, world: World) -> None:
        text = words(draft_of_values(draft_of(redeem_one(world)), first_name=""))
        assert text.body.startswith("Acorn Ltd: your $25.00")

    def test_keeps_a_name_that_looks_like_a_tag_as_text(self, world: World) -> None:
        text = words(draft_of_values(draft_of(redeem_one(world)), first_name="{{code}}"))
        assert text.body.startswith("Hi {{code}}, your")
        assert not GiftCard.objects.filter(disclosed_at__isnull=False).exists()

    def test_marks_a_test(self, world: World) -> None:
        text = words(draft_of(redeem_one(world, is_test=True)))
        assert text.body.startswith("[TEST] Hi Ana")
        assert text.preview.startswith("[TEST] ")

    @pytest.mark.parametrize("state", ["cancelled", "failed"])
    def test_is_not_to_be_sent_once_the_reward_was_taken_back(
        self, world: World, state: str
    ) -> None:
        result = redeem_one(world)
        draft = draft_of(result)
        give_up_text(result)
        cancel(result) if state == "cancelled" else clean_up()
        assert Redemption.objects.get().state == state
        rendering = render(draft)
        assert isinstance(rendering, Unsendable)
        assert not rendering.is_failure

    def test_is_not_to_be_sent_once_its_link_is_revoked_or_expired(self, world: World) -> None:
        result = redeem_one(world)
        assert isinstance(render(draft_of(result), days=90), Unsendable)
        RevealLink.objects.update(revoked_at=NOW)
        assert isinstance(render(draft_of(result)), Unsendable)

    def test_takes_the_newest_link(self, world: World) -> None:
        result = redeem_one(world)
        RevealLink.objects.create(
            token_digest=b"2" * 32,
            redemption_id=result.redemption_id,
            version=2,
            expires_at=NOW + timedelta(days=9),
            created_at=NOW,
        )
        assert result.reveal_token is not None
        assert result.reveal_token not in words(draft_of(result)).body

    def test_writes_no_text_that_was_promised_before_its_link_was_renewed(
        self, world: World
    ) -> None:
        result = redeem_one(world)
        RevealLink.objects.create(
            token_digest=b"2" * 32,
            redemption_id=result.redemption_id,
            version=2,
            expires_at=NOW + timedelta(days=9),
            created_at=NOW + timedelta(seconds=1),
        )
        rendering = render(draft_of(result))
        assert rendering == Unsendable("the reward's link was renewed since")

    def test_of_a_redemption_that_is_gone_is_not_to_be_sent(self, world: World) -> None:
        draft = draft_of(redeem_one(world), reference_id=uuid4())
        assert isinstance(render(draft), Unsendable)

    def test_without_any_words_is_a_failure(self, world: World) -> None:
        rendering = render(draft_of(redeem_one(world), purpose="opt_in"))
        assert rendering == Unsendable("no words for opt_in", is_failure=True)

    def test_says_that_it_takes_longer_only_while_it_does(self, world: World) -> None:
        result = redeem_one(world)
        draft = draft_of(result, purpose="delay_notice")
        assert isinstance(render(draft), Unsendable)

    def test_writes_many_in_three_queries(
        self, world: World, django_assert_num_queries: object
    ) -> None:
        drafts = [draft_of(redeem_one(world)) for _ in range(5)]
        with django_assert_num_queries(3):  # type: ignore[operator]
            assert len(render_reward(drafts=drafts, now=NOW)) == 5


def draft_of_values(draft: Draft, **values: object) -> Draft:
    return Draft(
        message_id=draft.message_id,
        client_id=draft.client_id,
        purpose=draft.purpose,
        channel=draft.channel,
        locale=draft.locale,
        values={**draft.values, **values},
        reference_kind=draft.reference_kind,
        reference_id=draft.reference_id,
    )


class TestTemplates:
    def test_go_before_our_own_words(self, world: World) -> None:
        result = redeem_one(world, expires_on=date(2027, 5, 1))
        mine = template(
            world,
            "{{first_name}} {{last_name}}, {{amount}} at {{brand}} until {{expiration_date}}: "
            "{{reveal_link}} Call {{support_phone}}. {{company}}",
        )
        text = words(draft_of(result))
        assert text.body == (
            f"Ana Sample, $25.00 at Acorn Shop until May 1, 2027: {BASE}/r/{result.reveal_token}/ "
            "Call +1 800 555 0100. Acorn Ltd"
        )
        assert text.template_id == mine.pk

    def test_of_the_campaign_go_before_the_clients_and_the_platforms(self, world: World) -> None:
        draft = draft_of(redeem_one(world))
        template(world, "platform", client=None)
        assert words(draft).body == "platform"
        template(world, "client")
        assert words(draft).body == "client"
        narrow = template(world, "campaign", campaign_id=world.campaign.pk)
        assert words(draft).body == "campaign"
        MessageTemplate.objects.filter(pk=narrow.pk).update(is_active=False)
        assert words(draft).body == "client"

    def test_of_others_are_not_used(self, world: World) -> None:
        draft = draft_of(redeem_one(world))
        other = build_world(name="Birch")
        template(world, "stranger", client=other.client)
        template(world, "other campaign", campaign_id=uuid4())
        template(world, "other language", locale="es")
        template(world, "other channel", channel="email")
        template(world, "other purpose", purpose="reminder")
        assert words(draft).body.startswith("Hi Ana")

    def test_with_the_code_disclose_the_card_first(self, world: World) -> None:
        result = redeem_one(world)
        template(world, "Code {{ code }} PIN {{pin}}")
        text = words(draft_of(result))
        assert result.card is not None
        card = GiftCard.objects.get(pk=result.card.card_id)
        assert card.disclosed_at == NOW
        assert card.status == "delivered"
        assert text.body.endswith("PIN 4321")
        assert text.body[5:].startswith("GIFT-")
        assert card.last4 in text.body
        assert text.preview == "Code •••• PIN ••••"

    def test_with_the_code_are_not_sent_for_a_void_card(self, world: World) -> None:
        result = redeem_one(world)
        template(world, "Code {{code}}")
        GiftCard.objects.update(status="void")
        assert isinstance(render(draft_of(result)), Unsendable)

    def test_with_the_code_show_a_test_an_invented_one(self, world: World) -> None:
        template(world, "Code {{code}}")
        text = words(draft_of(redeem_one(world, is_test=True)))
        assert text.body == "[TEST] Code TEST-0000-0000-0000"

    def test_that_come_out_empty_are_a_failure(self, world: World) -> None:
        template(world, "{{redemption_url}}")
        rendering = render(draft_of(redeem_one(world)))
        assert isinstance(rendering, Unsendable)
        assert rendering.is_failure


class TestChooseWords:
    @pytest.mark.parametrize("language", ["en", "es"])
    @pytest.mark.parametrize("purpose", ["reward", "resend", "delay_notice", "reminder"])
    def test_have_known_tags_and_letters_of_gsm_7(self, purpose: str, language: str) -> None:
        bodies = choose_words(purpose=purpose, language=language)
        assert bodies
        for body in bodies:
            assert check_template(body) == []
            plain = body
            for tag in TAGS:
                plain = plain.replace("{{" + tag + "}}", "")
            assert count_segments(plain).encoding == "GSM-7"
            assert "STOP" in body

    def test_are_none_for_what_needs_a_template(self) -> None:
        assert choose_words(purpose="opt_in", language="en") == ()
