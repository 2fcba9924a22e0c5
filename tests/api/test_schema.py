"""What the OpenAPI page says of every address, beside what holds."""

from __future__ import annotations

import pytest

from alerts.codes import ErrorCode
from tests.api.addresses import Operation, operations, schema
from tests.credit.test_api_schema import check

PROBLEM = "application/problem+json"


@pytest.mark.parametrize("operation", operations(), ids=str)
class TestOperation:
    def test_has_an_example_of_each_answer_that_fits(self, operation: Operation) -> None:
        successes = [status for status in operation.statuses if status.startswith("2")]
        assert successes
        for status in successes:
            if status == "204":
                assert "content" not in operation.described["responses"][status]
                continue
            content = operation.described["responses"][status]["content"]
            if status == "200" and {"201"} <= operation.statuses:
                continue  # a dry run, in the shape of the other
            examples = content["application/json"]["examples"]
            for example in examples.values():
                check(example["value"], content["application/json"], schema())

    def test_has_an_example_of_its_body_that_fits(self, operation: Operation) -> None:
        if operation.method in ("GET", "DELETE"):
            return
        described = operation.described["requestBody"]["content"]["application/json"]
        for example in described["examples"].values():
            check(example["value"], described, schema())

    def test_names_its_error_codes_with_examples(self, operation: Operation) -> None:
        failures = {status for status in operation.statuses if not status.startswith("2")}
        assert failures >= {"400", "405", "406", "414", "429", "431", "500"}
        if operation.method == "POST":
            assert failures >= {"413", "415"}
        for status in failures:
            described = operation.described["responses"][status]
            assert set(described["content"]) == {PROBLEM}, status
            for example in described["content"][PROBLEM]["examples"].values():
                check(example["value"], described["content"][PROBLEM], schema())
                code = ErrorCode.from_code(example["value"]["code"])
                assert f"{code.code} {code.title}." in described["description"]
                assert example["value"]["status"] == int(status)

    def test_says_what_it_does(self, operation: Operation) -> None:
        assert operation.described["summary"]
        assert len(operation.described["description"]) > 20
