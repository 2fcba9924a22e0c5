"""The OpenAPI description of lists and allocations, beside what they really answer."""

from __future__ import annotations

from io import StringIO
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

from tests.credit.partners import Partner, agency_account
from tests.world import World, build_world

PATHS = {
    "/api/v1/accounts/": "get",
    "/api/v1/accounts/{account_id}/": "get",
    "/api/v1/accounts/{account_id}/entries/": "get",
    "/api/v1/accounts/{account_id}/statement/": "get",
    "/api/v1/allocations/": "post",
    "/api/v1/brands/": "get",
    "/api/v1/campaigns/": "get",
    "/api/v1/pools/": "get",
    "/api/v1/pools/{pool_id}/": "get",
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    described: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return described


def answer_of(schema: dict[str, Any], path: str, status: str) -> dict[str, Any]:
    response: dict[str, Any] = schema["paths"][path][PATHS[path]]["responses"][status]
    return response["content"]["application/json"]  # type: ignore[no-any-return]


class TestSchema:
    def test_is_valid_without_a_warning(self) -> None:
        call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())

    @pytest.mark.parametrize("path", PATHS)
    def test_has_examples_and_the_failures(self, schema: dict[str, Any], path: str) -> None:
        operation = schema["paths"][path][PATHS[path]]
        success = "201" if PATHS[path] == "post" else "200"
        assert answer_of(schema, path, success)["examples"]
        assert {"400", "401", "403", "404", "405", "429"} <= set(operation["responses"])
        if PATHS[path] == "post":
            assert {"402", "409", "413", "415", "422"} <= set(operation["responses"])
            assert operation["requestBody"]["content"]["application/json"]["examples"]

    @pytest.mark.parametrize("path", PATHS)
    def test_has_examples_that_fit(self, schema: dict[str, Any], path: str) -> None:
        described = answer_of(schema, path, "201" if PATHS[path] == "post" else "200")
        for example in described["examples"].values():
            check(example["value"], described, schema)

    def test_names_the_parameters_of_a_statement(self, schema: dict[str, Any]) -> None:
        operation = schema["paths"]["/api/v1/accounts/{account_id}/statement/"]["get"]
        names = {parameter["name"] for parameter in operation["parameters"]}
        assert names == {"account_id", "from", "to", "as"}
        assert set(operation["responses"]["200"]["content"]) == {
            "application/json",
            "text/csv",
            "application/pdf",
        }

    @pytest.mark.django_db(transaction=True)
    def test_fits_the_answers(self, schema: dict[str, Any]) -> None:
        world: World = build_world()
        agency = Partner(world.agency)
        account = f"/accounts/{world.account.pk}/"
        pool = f"pools/{world.pool.pk}/"
        for path, response in (
            ("brands/", agency.get("/brands/")),
            ("campaigns/", agency.get("/campaigns/")),
            ("pools/", agency.get("/pools/")),
            ("pools/{pool_id}/", agency.get(f"/{pool}")),
            ("accounts/", agency.get("/accounts/")),
            ("accounts/{account_id}/", agency.get(account)),
            ("accounts/{account_id}/entries/", agency.get(f"{account}entries/")),
            (
                "accounts/{account_id}/statement/",
                agency.get(f"{account}statement/", **{"from": "2026-03-01", "to": "2026-03-31"}),
            ),
        ):
            described = answer_of(schema, f"/api/v1/{path}", "200")
            check(response.json(), described, schema)
        Partner(None).allocate(world.platform_account, agency_account(world), "5.00")
        moved = agency.allocate(agency_account(world), world.account, "5.00")
        check(moved.json(), answer_of(schema, "/api/v1/allocations/", "201"), schema)


def check(value: Any, described: dict[str, Any], schema: dict[str, Any]) -> None:
    whole = {**described["schema"], "components": schema["components"]}
    jsonschema.validate(value, as_json_schema(whole), format_checker=jsonschema.FormatChecker())


def as_json_schema(node: Any) -> Any:
    """Return OpenAPI 3.0's dialect in JSON Schema's own words for "or null"."""
    if isinstance(node, list):
        return [as_json_schema(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    plain = {name: as_json_schema(inner) for name, inner in node.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain
