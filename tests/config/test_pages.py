"""The pages that belong to no app, and what a failure looks like at the edge."""

import pytest
from django.test import Client as HttpClient
from django.test import override_settings

from credit.models import Membership, User
from tests.world import build_world

pytestmark = pytest.mark.django_db


def sign_in(role: str | None = None, *, is_staff: bool = False, **scope: object) -> HttpClient:
    user = User.objects.create_user("person", password="correct horse battery", is_staff=is_staff)
    if role:
        Membership.objects.create(user=user, role=role, **scope)
    http = HttpClient()
    http.force_login(user)
    return http


class TestHome:
    def test_sends_a_stranger_to_the_form(self) -> None:
        response = HttpClient().get("/")
        assert response.status_code == 302
        assert response["Location"] == "/redeem/"

    def test_sends_a_platform_admin_to_the_admin(self) -> None:
        response = sign_in("platform_admin", is_staff=True).get("/")
        assert response["Location"] == "/admin/"

    def test_greets_an_agent_by_the_client_they_work_for(self) -> None:
        client = build_world().client
        page = sign_in("agent", client=client).get("/", follow=True)
        assert page.status_code == 200
        assert b"Acorn Ltd" in page.content
        assert b"/admin/" not in page.content

    def test_asks_a_stranger_to_sign_in_before_the_welcome(self) -> None:
        response = HttpClient().get("/welcome/")
        assert response["Location"] == "/login/?next=/welcome/"


class TestHealth:
    def test_is_live_and_ready(self) -> None:
        assert HttpClient().get("/health/live").json() == {"status": "ok"}
        assert HttpClient().get("/health/ready").json() == {
            "status": "ok",
            "parts": {"database": "ok", "migrations": "ok", "redis": "ok", "broker": "ok"},
        }

    @override_settings(REDIS_URL="redis://127.0.0.1:1/0")
    def test_names_what_is_missing(self) -> None:
        response = HttpClient().get("/health/ready")
        assert response.status_code == 503
        assert response.json()["parts"]["redis"] == "unreachable"


class TestErrors:
    def test_show_a_page_to_people(self) -> None:
        response = HttpClient().get("/nowhere/")
        assert response.status_code == 404
        assert response["Content-Type"].startswith("text/html")

    def test_show_a_problem_to_programs(self) -> None:
        response = HttpClient().get("/api/nowhere")
        assert response.status_code == 404
        assert response["Content-Type"] == "application/problem+json"

    def test_say_what_happened_when_a_form_is_stale(self) -> None:
        response = HttpClient(enforce_csrf_checks=True).post("/login/", {"username": "a"})
        assert response.status_code == 403
        assert b"open for too long" in response.content

    def test_list_every_code_of_the_catalogue(self) -> None:
        page = HttpClient().get("/api/errors/").content.decode()
        for code in ("GC-001", "GC-015", "GC-101", "GC-117"):
            assert f'id="{code}"' in page


class TestRequestId:
    def test_is_made_when_none_is_given(self) -> None:
        assert len(HttpClient().get("/health/live")["X-Request-ID"]) == 32

    def test_is_kept_when_it_is_harmless(self) -> None:
        response = HttpClient().get("/health/live", headers={"X-Request-ID": "call-42"})
        assert response["X-Request-ID"] == "call-42"

    @pytest.mark.parametrize("given", ["x" * 65, "two words", "a\nb", '"><script>'])
    def test_is_replaced_when_it_is_not(self, given: str) -> None:
        response = HttpClient().get("/health/live", headers={"X-Request-ID": given})
        assert response["X-Request-ID"] != given


class TestContentSecurityPolicy:
    def test_allows_nothing_from_elsewhere(self) -> None:
        policy = HttpClient().get("/login/")["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy

    def test_is_looser_for_the_admin_only(self) -> None:
        policy = HttpClient().get("/admin/login/")["Content-Security-Policy"]
        assert "'unsafe-eval'" in policy


class TestApiDocs:
    def test_describe_the_api_without_a_warning(self) -> None:
        schema = HttpClient().get("/api/schema/", headers={"Accept": "application/json"}).json()
        assert schema["openapi"].startswith("3.")
        assert {"/api/v1/codes/validate/", "/api/v1/redemptions/"} <= set(schema["paths"])

    def test_load_nothing_from_elsewhere(self) -> None:
        page = HttpClient().get("/api/docs/").content.decode()
        assert "https://" not in page.replace("https://giftline", "")
