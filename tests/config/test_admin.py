from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts.codes import ErrorCode
from alerts.models import Alert, Notice
from credit.models import (
    Account,
    Agency,
    AuditEvent,
    Authenticator,
    Entry,
    IdempotencyRecord,
    Transaction,
    UserSession,
)
from giftcards.models import (
    AgencyBrand,
    AgencyPrice,
    CardBatch,
    CardEvent,
    CardSale,
    ClientBrand,
    ClientDenomination,
    GiftCard,
    ProviderBrand,
    ProviderCircuit,
    ProviderFloat,
    ProviderOrder,
    ProviderOrderEvent,
)
from loyalty.models import (
    Checkout,
    Customer,
    LoyaltyTransaction,
    Refund,
    RegisterSession,
    Reward,
)
from redemption.models import (
    EventSource,
    InboundEvent,
    PendingReward,
    ProvisioningTrace,
    Recipient,
    RecipientBatch,
    Redemption,
    RevealLink,
)
from sms.models import (
    ChannelStop,
    DeliveryAttempt,
    Message,
    OptIn,
    StatusEvent,
)
from tests.config.admin_world import fill_every_table
from tests.staff import (
    make_agency_manager,
    make_platform_admin,
    make_user,
    sign_in,
)
from tests.world import World

# Rows on their way into another table, for seconds; nobody looks at them.
NOT_SHOWN = {
    "credit.accountslot",  # on its account
    "giftcards.stagedcard",
    "redemption.replacement",  # on its redemption
    "giftcards.uploadjob",  # on its upload
    "redemption.stagedrecipient",
    "redemption.reportchange",  # in the reports, as what follows
    "redemption.reportday",
    "redemption.reportmonth",
    "redemption.eventtry",
    "redemption.rewardcount",
    "redemption.messagechange",
    "redemption.messagecount",
    "redemption.messageday",
    "redemption.dailyreportmail",  # people's own mails, without what they say
    "redemption.reportsubscription",  # on their own page
    "alerts.ratecount",  # what the guard counts while Redis is away
    "redemption.dailyclaims",
    "redemption.formbreaker",  # its alert says it
    "credit.clientlook",  # on its client's page
    "alerts.incidentday",  # hands out numbers
    "alerts.timelineentry",  # on their incident
    "alerts.actionitem",
    "alerts.escalationstep",
    "loyalty.tier",  # on its programme
    "loyalty.checkoutline",  # on their checkout
    "loyalty.payment",
    "loyalty.customererasure",  # on their customer
    "alerts.joblease",  # on the jobs' page, as their runs
    "alerts.jobrun",
    "alerts.monitorrun",  # on the monitors' page
    "alerts.verification",  # on the page of proofs
    "alerts.webhooklevel",  # what was told last
    "redemption.canarytry",  # on its canary
    "sms.keptoptout",  # a digest, which says nothing to anybody
}
OUR_APPS = ("alerts", "credit", "giftcards", "sms", "redemption", "loyalty")
READ_ONLY = [
    Account, Transaction, Entry, IdempotencyRecord, GiftCard, CardEvent, CardBatch, Redemption,
    AccessAttempt, AuditEvent, Authenticator, UserSession, PendingReward, Recipient, RevealLink,
    ProvisioningTrace, RecipientBatch, InboundEvent, Message, DeliveryAttempt, StatusEvent, OptIn,
    ChannelStop,
    Alert, Notice, AgencyBrand, AgencyPrice, CardSale, ClientBrand, ClientDenomination,
    ProviderBrand, ProviderCircuit, ProviderFloat, ProviderOrder, ProviderOrderEvent,
    Checkout, Customer, LoyaltyTransaction, Refund, RegisterSession, Reward,
]  # fmt: skip
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
MODEL_IDS = [model._meta.label_lower for model in MODELS]


def url_of(model: Any, page: str, *arguments: Any) -> str:
    """Return the address of a model's list, form or page."""
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=arguments)


@pytest.fixture
def everything(db: None) -> World:
    return fill_every_table()


class TestAdminSite:
    def test_shows_every_model_of_ours(self) -> None:
        ours = {
            m._meta.label_lower for app in OUR_APPS for m in apps.get_app_config(app).get_models()
        }
        assert ours - {model._meta.label_lower for model in MODELS} == NOT_SHOWN

    @pytest.mark.django_db
    def test_sends_strangers_to_the_log_in(self) -> None:
        page = Browser().get("/admin/")
        assert page.status_code == 302
        assert page["Location"].startswith("/admin/login/")

    @pytest.mark.django_db
    @pytest.mark.parametrize("is_superuser", [True, False])
    def test_lets_the_platforms_staff_in(self, is_superuser: bool) -> None:
        user = make_user(is_superuser=True) if is_superuser else make_platform_admin()
        assert sign_in(user).get("/admin/").status_code == 200

    @pytest.mark.django_db
    def test_keeps_a_platform_admin_without_staff_status_out(self) -> None:
        browser = sign_in(make_platform_admin(is_staff=False))
        assert browser.get("/admin/").status_code == 404

    @pytest.mark.django_db
    def test_has_no_log_in_of_its_own(self) -> None:
        page = Browser().get("/admin/credit/account/", follow=True)
        assert page.redirect_chain[-1][0] == "/login/?next=/admin/credit/account/"
        posted = Browser().post("/admin/login/", {"username": "admin", "password": "x"})
        assert (posted.status_code, posted["Location"]) == (302, "/login/?next=/admin/")
        page = sign_in(make_platform_admin()).get("/admin/password_change/")
        assert page["Location"] == "/account/password/"

    def test_shows_an_agency_manager_with_staff_status_nothing(self, everything: World) -> None:
        stranger = sign_in(make_agency_manager(everything.agency))
        addresses = ["/admin/", "/admin/error-codes/", "/admin/search/?s=gift", "/admin/jsi18n/"]
        for model in MODELS:
            row = model._default_manager.order_by("pk").first()
            addresses += [url_of(model, "changelist"), url_of(model, "add")]
            if row is not None and not isinstance(row.pk, bytes | memoryview):
                addresses += [
                    url_of(model, page, row.pk) for page in ("change", "delete", "history")
                ]
        for address in addresses:
            assert stranger.get(address).status_code == 404, address
        alert = Alert.objects.get(kind="x")
        by_dialog = stranger.post(
            reverse("admin:alerts_alert_resolve_one", args=[alert.pk]), {"_form_submitted": "True"}
        )
        assert by_dialog.status_code == 404
        page = stranger.post(
            url_of(Alert, "changelist"),
            {"action": "resolve", "_selected_action": [str(alert.pk)]},
        )
        assert page.status_code == 404
        alert.refresh_from_db()
        assert alert.state == "open"

    def test_gives_no_rights_by_djangos_own_permissions(self, everything: World) -> None:
        stranger = make_agency_manager(everything.agency)
        stranger.user_permissions.set(Permission.objects.all())
        assert sign_in(stranger).get(url_of(Recipient, "changelist")).status_code == 404


class TestEveryPage:
    """Each list, search, form and detail page, with data in it."""

    @pytest.mark.parametrize("model", MODELS, ids=MODEL_IDS)
    def test_opens(self, everything: World, model: Any) -> None:
        browser = sign_in(make_platform_admin())
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(url_of(model, "changelist")).status_code == 200
        assert len(queries) <= 12
        model_admin = admin.site._registry[model]
        for term in ("", "x", "12", "+15005550000", str(uuid4()), "‘;--", "9" * 40):
            page = browser.get(url_of(model, "changelist"), {"q": term})
            assert page.status_code == 200, term
        row = model._default_manager.order_by("pk").first()
        if isinstance(row, RevealLink):
            return
        if row is not None:
            assert browser.get(url_of(model, "change", row.pk)).status_code == 200
            assert browser.get(url_of(model, "history", row.pk)).status_code == 200
        may_add = model_admin.has_add_permission(page.wsgi_request)
        assert browser.get(url_of(model, "add")).status_code == (200 if may_add else 403)

    @pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model._meta.model_name)
    def test_of_money_and_cards_changes_nothing_even_for_a_superuser(
        self, everything: World, model: Any
    ) -> None:
        browser = sign_in(make_user(is_superuser=True))
        before = list(model._default_manager.order_by("pk").values())
        assert before
        key = "x" if model is RevealLink else before[0][model._meta.pk.attname]
        add = browser.post(url_of(model, "add"), {"status": "void"})
        change = browser.post(url_of(model, "change", key), {"status": "void", "state": "failed"})
        delete = browser.post(url_of(model, "delete", key), {"post": "yes"})
        assert add.status_code == 403
        assert change.status_code == delete.status_code == 403
        browser.post(
            url_of(model, "changelist"),
            {"action": "delete_selected", "_selected_action": [str(key)], "post": "yes"},
        )
        assert list(model._default_manager.order_by("pk").values()) == before

    def test_shows_no_secret(self, everything: World) -> None:
        browser = sign_in(make_platform_admin())
        secrets = ["v1:secret"]
        for card in GiftCard.objects.all():
            secrets += [card.code_encrypted, card.pin_encrypted, bytes(card.code_digest).hex()]
        for recipient in Recipient.objects.all():
            secrets += [recipient.code_encrypted, bytes(recipient.code_digest).hex()]
        for model in (GiftCard, Recipient, EventSource, InboundEvent, RevealLink, Redemption):
            addresses = [url_of(model, "changelist")]
            if model is not RevealLink:
                addresses += [
                    url_of(model, "change", pk) for pk in model.objects.values_list("pk", flat=True)
                ]
            for address in addresses:
                html = browser.get(address).content.decode()
                assert "Giftline" in html
                assert not [secret for secret in secrets if secret and secret in html], address

    def test_links_card_redemption_message_and_transaction(self, everything: World) -> None:
        browser = sign_in(make_platform_admin())
        row = Redemption.objects.filter(state="issued").earliest("pk")
        message = Message.objects.get(reference_id=row.pk)
        assert row.card is not None
        assert row.transaction is not None
        html = browser.get(url_of(Redemption, "change", row.pk)).content.decode()
        for other in (row.card, row.transaction, message, row.recipient):
            assert url_of(type(other), "change", other.pk) in html
        home = url_of(Redemption, "change", row.pk)
        for other in (row.card, row.transaction, message, row.recipient):
            html = browser.get(url_of(type(other), "change", other.pk)).content.decode()
            assert home in html, other


class TestFirstPage:
    def test_counts_and_warns(self, everything: World) -> None:
        page = sign_in(make_platform_admin()).get("/admin/")
        tiles = {tile.title: (tile.value, tile.tone) for tile in page.context["tiles"]}
        assert tiles == {
            "Redemptions today": (0, "calm"),
            "Waiting for cards": (1, "alarm"),
            "Open alerts": (2, "alarm"),
            "Not delivered": (0, "calm"),
            "Stuck cards": (3, "worry"),
        }
        html = page.content.decode()
        assert "Out of cards: Acorn Shop $25.00, Acorn campaign" in html
        assert "level-red" in html

    @pytest.mark.django_db
    def test_says_so_when_there_is_nothing(self) -> None:
        html = sign_in(make_platform_admin()).get("/admin/").content.decode()
        for words in ("No redemptions in the last 30 days", "No pools yet", "Nothing is wrong"):
            assert words in html
        assert "<svg" not in html

    @pytest.mark.django_db
    def test_leads_to_lists_that_open(self) -> None:
        browser = sign_in(make_platform_admin())
        for tile in browser.get("/admin/").context["tiles"]:
            page = browser.get(tile.url)
            assert page.status_code == 200
            assert "e=1" not in page.wsgi_request.get_full_path()


@pytest.mark.django_db
class TestAListWithoutRows:
    @pytest.mark.parametrize(
        ("model", "asked", "words"),
        [
            (Agency, {}, ("Nothing here yet", "Add the first one", "Add agency")),
            (Redemption, {}, ("Nothing here yet", "It fills by itself")),
            (Agency, {"q": "zebra"}, ("Nothing matches", "Try other words", 'href="?"')),
            (Alert, {"state__exact": "open"}, ("Nothing matches", "Try other words")),
        ],
    )
    def test_says_why(self, model: Any, asked: dict[str, str], words: tuple[str, ...]) -> None:
        browser = sign_in(make_platform_admin())
        html = browser.get(url_of(model, "changelist"), asked).content.decode()
        for word in words:
            assert word in html
        assert "yielded into" not in html


@pytest.mark.django_db
class TestErrorCatalogue:
    def test_prints_every_code_with_its_words(self) -> None:
        html = sign_in(make_platform_admin()).get("/admin/error-codes/").content.decode()
        for code in ErrorCode:
            assert f'id="{code.code}"' in html
        assert "No recipient in reach has this redemption code." in html
