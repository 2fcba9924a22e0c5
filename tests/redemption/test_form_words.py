"""What a customer reads when something is refused: plain words in their language, no codes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client as Http
from django.test import RequestFactory
from django.utils import translation

from alerts.codes import ErrorCode
from redemption.models import Campaign
from redemption.views import pages
from tests.redemption.visiting import plain
from tests.world import World, build_world

# What only those who run the place know.
INNER = re.compile(
    r"GC-?\d|\b(pool|ledger|SQL|null|None|exception|traceback|API|HTTP|timeout|denomination"
    r"|idempotency|provider|webhook|scope|constraint|database|debit|\d{3} error)\b|[{}]|%\(",
    re.IGNORECASE,
)
REFERENCE = "0123abcd"


def problem_page(code: ErrorCode, language: str) -> Any:
    request = RequestFactory().get("/redeem/")
    request.META["giftline.request_id"] = REFERENCE
    request.session = {}  # type: ignore[assignment]
    with translation.override(language):
        return pages.render_problem(request, code)


@pytest.mark.django_db
class TestRenderProblem:
    @pytest.mark.parametrize("language", ["en", "es"])
    @pytest.mark.parametrize("code", list(ErrorCode), ids=lambda code: code.code)
    def test_says_it_in_plain_words(self, code: ErrorCode, language: str) -> None:
        answer = problem_page(code, language)
        words = plain(answer).replace(REFERENCE, "")
        assert f'lang="{language}"' in answer.content.decode()
        assert INNER.search(words) is None, INNER.search(words)
        assert REFERENCE in plain(answer)
        assert answer.status_code == (code.status if code.status >= 400 else 200)

    @pytest.mark.parametrize("code", list(ErrorCode), ids=lambda code: code.code)
    def test_says_it_in_spanish_too(self, code: ErrorCode) -> None:
        english = code.customer_words(support_phone="")
        with translation.override("es"):
            spanish = code.customer_words(support_phone="")
        assert spanish
        assert spanish != english

    def test_would_see_an_inner_word(self) -> None:
        # The control.
        for words in ("Error GC-003", "The pool is empty", "{support_phone}", "Call %(phone)s"):
            assert INNER.search(words)


@pytest.mark.django_db(transaction=True)
class TestLanguage:
    @pytest.fixture
    def world(self) -> World:
        return build_world()

    def language_of(self, answer: Any) -> str:
        found = re.search(r'<html lang="(\w+)"', answer.content.decode())
        assert found is not None
        return found[1]

    def test_is_the_browsers_at_first(self) -> None:
        assert (
            self.language_of(Http().get("/redeem/", headers={"Accept-Language": "es-MX"})) == "es"
        )
        assert self.language_of(Http().get("/redeem/", headers={"Accept-Language": "fr"})) == "en"

    def test_is_the_campaigns_once_its_code_is_known(self, world: World) -> None:
        world.stock(1)
        Campaign.objects.update(locale="es")
        (code,) = world.invite()
        http = Http()
        page = http.post("/redeem/", {"code": code}, follow=True)
        assert self.language_of(page) == "es"
        card = http.post("/redeem/", {"method": "sms", "phone": "202 555 0123"}, follow=True)
        assert self.language_of(card) == "es"
        assert card.context["card"].code

    def test_stays_what_was_chosen(self, world: World) -> None:
        world.stock(1)
        Campaign.objects.update(locale="es")
        (code,) = world.invite()
        http = Http()
        answer = http.get("/language/en/", headers={"Referer": "http://testserver/redeem/"})
        assert (answer.status_code, answer["Location"]) == (302, "/redeem/")
        assert answer.cookies["django_language"]["httponly"]
        page = http.post("/redeem/", {"code": code}, follow=True)
        assert self.language_of(page) == "en"

    @pytest.mark.parametrize(
        ("referer", "place"),
        [
            ("http://testserver/r/abc/", "/r/abc/"),
            ("http://elsewhere.example/r/abc/", "/redeem/"),
            ("//elsewhere.example", "/redeem/"),
            ("http://testserver//elsewhere.example/", "/redeem/"),
            ("", "/redeem/"),
        ],
    )
    def test_leads_back_and_never_away(self, referer: str, place: str) -> None:
        answer = Http().get("/language/es/", headers={"Referer": referer})
        assert answer["Location"] == place

    def test_that_we_do_not_speak_is_not_found(self) -> None:
        assert Http().get("/language/fr/").status_code == 404
