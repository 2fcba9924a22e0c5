"""What personal data stands where is declared for every column, and is so."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models

from alerts.services.retention import list_rules
from config.environment import PROJECT_DIR
from config.personal_data import CUSTOMERS, IMPERSONAL, PERSONAL, STAFF, Fate
from config.registry import SETTINGS
from tests.loyalty.forgetting import forget
from tests.loyalty.forgetting import someone_known as known_customer
from tests.loyalty.shop import open_shop
from tests.redemption.forgetting import erase, make_operator, someone_known
from tests.world import build_world

OUR_APPS = ("alerts", "credit", "giftcards", "sms", "redemption", "loyalty")
# What says nothing of anybody by itself.
MUTE = (
    models.UUIDField,
    models.IntegerField,
    models.BooleanField,
    models.DateField,
    models.FloatField,
    models.DecimalField,
    models.GeneratedField,
)
# A task about nobody we know can't be without a number: it holds this word then.
STAND_INS = {"erased"}
# Of which every column's fate is told.
TOLD = {**PERSONAL, **CUSTOMERS}
EMPTY: tuple[Any, ...] = ("", None, "{}", {}, b"")


def columns_of(model: Any) -> set[str]:
    """Return the columns of a model that may say something of somebody."""
    return {
        field.column
        for field in model._meta.local_fields
        if not field.is_relation and not isinstance(field, MUTE) and not field.choices
    }


def declared() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for table, held in TOLD.items():
        found.setdefault(table, []).extend(held)
    for group in (STAFF, IMPERSONAL):
        for table, columns in group.items():
            found.setdefault(table, []).extend(columns.split())
    return found


class TestRegistry:
    def test_declares_every_column_that_may_tell_of_somebody_once(self) -> None:
        models_of = {
            model._meta.db_table: columns_of(model)
            for model in apps.get_models()
            if model._meta.app_label in OUR_APPS
        }
        asked = {table: sorted(columns) for table, columns in models_of.items() if columns}
        assert {table: sorted(columns) for table, columns in declared().items()} == asked

    def test_names_settings_that_there_are(self) -> None:
        names = {setting.name for setting in SETTINGS}
        kept = {held.kept for columns in TOLD.values() for held in columns.values()}
        settings = {one for one in kept if one.isupper()}
        assert settings <= names
        assert {name for name in names if name.startswith("RETAIN_")} <= settings

    @pytest.mark.parametrize("table", sorted(TOLD))
    def test_names_a_rule_for_each_column_that_a_setting_ends(self, table: str) -> None:
        for column, held in TOLD[table].items():
            if not held.kept.startswith("RETAIN_") or held.kept == "RETAIN_RECIPIENTS":
                continue
            rules = [one for one in list_rules() if (one.table, one.setting) == (table, held.kept)]
            assert any(one.changes is None or column in one.changes for one in rules), column

    @pytest.mark.parametrize("table", sorted(TOLD))
    def test_is_told_in_the_documentation(self, table: str) -> None:
        page = (PROJECT_DIR / "docs" / "privacy.md").read_text("utf-8")
        (line,) = (line for line in page.splitlines() if line.startswith(f"| `{table}` |"))
        for column, held in TOLD[table].items():
            assert f"`{column}`" in line
            if held.kept.isupper():
                assert f"`{held.kept}`" in line


@pytest.mark.django_db(transaction=True)
class TestErasing:
    def test_does_to_each_column_what_is_declared(self) -> None:
        person = someone_known(build_world())
        filled = {key: values for key, values in self.values().items() if any(values)}
        # Not because there was nothing: what is emptied had been filled.
        untouched = {"code_last4", "campaign_ref", "details", "bound_to", "link_digest"}
        assert {
            (table, column)
            for table, columns in PERSONAL.items()
            for column, held in columns.items()
            if held.fate in (Fate.EMPTIED, Fate.GONE)
            and column not in untouched
            and table not in ("redemption_stagedrecipient", "redemption_attemptlog")
        } - set(filled) <= {
            ("redemption_desktask", "done_note"),
            ("sms_optin", "text_shown"),
        }
        erase(make_operator(), person)
        left = {
            key: values
            for key, values in self.values().items()
            if key[0] in PERSONAL
            and PERSONAL[key[0]][key[1]].fate in (Fate.EMPTIED, Fate.GONE)
            and [one for one in values if one not in EMPTY and one not in STAND_INS]
        }
        assert left == {}

    def test_does_so_to_a_customers_too(self) -> None:
        world = build_world()
        customer = known_customer(open_shop(world), world)
        filled = {key: values for key, values in self.values().items() if any(values)}
        searched = [key for key in filled if TOLD[key[0]][key[1]].fate is Fate.SEARCHED]
        assert {(table, one) for table, columns in CUSTOMERS.items() for one in columns} <= set(
            filled
        )
        forget(make_operator(), customer)
        now = self.values()
        for table, columns in CUSTOMERS.items():
            for column, held in columns.items():
                if held.fate is Fate.EMPTIED:
                    assert now[table, column] == [], (table, column)
        # Of what was written of them some words stay: those that name nobody.
        assert {key: len(filled[key]) - len(now[key]) for key in searched} == {
            ("loyalty_loyaltytransaction", "description"): 1,
            ("loyalty_refund", "reason"): 1,
            ("loyalty_reconciliationitem", "resolution_note"): 1,
            ("credit_auditevent", "details"): -1,
        }
        for table in ("sms_message", "sms_inboundmessage", "sms_phonehealth", "sms_optin"):
            for column in PERSONAL[table]:
                assert now[table, column] == [], (table, column)

    def values(self) -> dict[tuple[str, str], list[Any]]:
        """Return what stands in each personal column."""
        found = {}
        with connection.cursor() as cursor:
            for table, columns in TOLD.items():
                for column in columns:
                    cursor.execute(f'SELECT "{column}" FROM {table}')
                    found[table, column] = [
                        value for (value,) in cursor.fetchall() if value not in EMPTY
                    ]
        return found
