"""In which language a failure speaks: `detail` is for customers, the rest for programs."""

import pytest
from django.test import Client as HttpClient

pytestmark = pytest.mark.django_db(transaction=True)


def details_in(language: str) -> dict[str, str]:
    response = HttpClient().post(
        "/api/v1/codes/validate/",
        {"code": "nobody's"},
        content_type="application/json",
        headers={"Accept-Language": language},
    )
    assert response.status_code == 404
    answer: dict[str, str] = response.json()
    return answer


class TestDetail:
    @pytest.mark.parametrize(
        ("language", "spoken"),
        [("es", "es"), ("es-MX,es;q=0.9", "es"), ("en", "en"), ("fr", "en"), ("\x00", "en")],
    )
    def test_is_in_the_callers_language(self, language: str, spoken: str) -> None:
        answer = details_in(language)
        assert (answer["detail"] == details_in("en")["detail"]) is (spoken == "en")

    def test_changes_nothing_that_programs_read(self) -> None:
        english, spanish = details_in("en"), details_in("es")
        for answer in (english, spanish):
            del answer["detail"], answer["request_id"]
        assert english == spanish
