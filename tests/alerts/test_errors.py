from __future__ import annotations

import dataclasses
import json
import pickle
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

import pytest
from django import db

from alerts.codes import ErrorCode
from alerts.errors import (
    DatabaseRefusalError,
    ServiceError,
    ValidationFailedError,
    from_database_error,
    raised_by_database,
)

THING_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


@raised_by_database
@dataclasses.dataclass(eq=False, kw_only=True)
class ThingMissingError(ServiceError):
    """Stands for an app's own error, under a code that no app's function raises with fields."""

    code: ClassVar = ErrorCode.UNSUPPORTED_REQUEST
    answer_fields: ClassVar = ("thing_id",)

    thing_id: UUID
    amount_minor: int = 0
    seen_at: datetime | None = None


def refuse(sqlstate: str, detail: str | None = None) -> ServiceError | None:
    """Let the database refuse something, and return what its error becomes."""
    using = f"ERRCODE = '{sqlstate}'" + (f", DETAIL = $d${detail}$d$" if detail else "")
    with db.connection.cursor() as cursor, pytest.raises(db.Error) as caught:
        cursor.execute(f"DO $do$ BEGIN RAISE 'refused' USING {using}; END $do$")
    return from_database_error(caught.value)


class TestServiceError:
    def test_says_its_code_but_none_of_its_fields(self) -> None:
        error = ThingMissingError(thing_id=THING_ID)
        assert str(error) == ("GC-117 The address exists, but not for this method or media type.")

    @pytest.mark.parametrize(
        "error",
        [
            ThingMissingError(thing_id=THING_ID, amount_minor=5, retry_after_seconds=7),
            ValidationFailedError(errors={"amount": ["Use digits."]}),
            DatabaseRefusalError(code=ErrorCode.OUT_OF_STOCK, details={"pool_id": 3}),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_survives_pickling(self, error: ServiceError) -> None:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
        assert type(copy) is type(error)
        assert dataclasses.asdict(copy) == dataclasses.asdict(error)
        assert copy.code is error.code

    def test_keeps_its_fields_by_name_only(self) -> None:
        with pytest.raises(TypeError):
            ThingMissingError(THING_ID)  # type: ignore[call-arg, arg-type]

    def test_shares_no_errors_between_instances(self) -> None:
        ValidationFailedError().errors["amount"] = ["Use digits."]
        assert ValidationFailedError().errors == {}

    def test_tells_the_customer_when_to_come_back(self) -> None:
        error = DatabaseRefusalError(
            code=ErrorCode.RATE_LIMITED, details={}, retry_after_seconds=601
        )
        assert error.customer_words() == (
            "That was a lot of attempts in a short time. Please wait 11 minutes and try again."
        )


class TestRaisedByDatabase:
    def test_refuses_a_second_class_for_a_code(self) -> None:
        with pytest.raises(TypeError, match="GC-117 is already ThingMissingError, not SecondError"):

            @raised_by_database
            class SecondError(ServiceError):
                code = ErrorCode.UNSUPPORTED_REQUEST

        assert type(self.read_back()) is ThingMissingError

    @staticmethod
    def read_back() -> ServiceError:
        # The registry as from_database_error sees it, without a database.
        from alerts.errors import _CLASS_BY_SQLSTATE

        return _CLASS_BY_SQLSTATE["GC117"](thing_id=THING_ID)  # type: ignore[call-arg]


@pytest.mark.django_db(transaction=True)
class TestFromDatabaseError:
    def test_builds_the_registered_class_from_the_detail(self) -> None:
        seen_at = "2026-03-01T12:00:00+00:00"
        error = refuse(
            "GC117",
            json.dumps({"thing_id": str(THING_ID), "amount_minor": 250, "seen_at": seen_at}),
        )
        assert type(error) is ThingMissingError
        assert error.thing_id == THING_ID
        assert error.amount_minor == 250
        assert error.seen_at == datetime(2026, 3, 1, 12, tzinfo=UTC)

    def test_leaves_out_what_the_class_does_not_hold(self) -> None:
        error = refuse("GC117", json.dumps({"thing_id": str(THING_ID), "colour": "red"}))
        assert type(error) is ThingMissingError
        assert not hasattr(error, "colour")

    def test_reads_validation_errors(self) -> None:
        error = refuse("GC012", json.dumps({"errors": {"amount": ["Use digits."]}}))
        assert type(error) is ValidationFailedError
        assert error.errors == {"amount": ["Use digits."]}

    @pytest.mark.parametrize(
        ("detail", "details"),
        [
            ('{"amount_minor": 5}', {"amount_minor": 5}),
            ('{"thing_id": "no uuid"}', {"thing_id": "no uuid"}),
            ("not JSON", {"detail": "not JSON"}),
            ("[1]", {"detail": [1]}),
            (None, {}),
        ],
    )
    def test_keeps_the_code_when_the_detail_does_not_fit(
        self, detail: str | None, details: dict[str, object]
    ) -> None:
        error = refuse("GC117", detail)
        assert type(error) is DatabaseRefusalError
        assert error.code is ErrorCode.UNSUPPORTED_REQUEST
        assert error.details == details

    def test_has_a_general_error_for_a_code_without_a_class(self) -> None:
        error = refuse("GC107", '{"key_id": 1}')
        assert type(error) is DatabaseRefusalError
        assert error.code is ErrorCode.KEY_REUSED
        assert error.details == {"key_id": 1}

    @pytest.mark.parametrize("sqlstate", ["23505", "23514", "23503", "40P01", "P0001", "GC999"])
    def test_leaves_every_other_failure_to_the_caller(self, sqlstate: str) -> None:
        assert refuse(sqlstate) is None

    def test_leaves_a_syntax_error_to_the_caller(self) -> None:
        with pytest.raises(db.ProgrammingError) as caught, db.connection.cursor() as cursor:
            cursor.execute("SELEKT")
        assert from_database_error(caught.value) is None

    def test_leaves_an_error_without_a_driver_to_the_caller(self) -> None:
        assert from_database_error(db.OperationalError("gone")) is None
