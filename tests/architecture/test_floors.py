"""What import-linter can't see: keys, names and files that would undo the floors."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from celery import current_app
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import CharField, ForeignKey, ManyToManyField, TextField

from alerts.codes import ErrorCode

ROOT = Path(settings.BASE_DIR)
APPS = ["alerts", "credit", "giftcards", "sms", "redemption", "loyalty"]
FLOOR = {"alerts": 0, "credit": 1, "giftcards": 2, "sms": 2, "redemption": 3, "loyalty": 3}
# Names of fields that hold what nobody may read in a log line.
SECRET = re.compile(r"code|pin|number|phone|email|digest|encrypted|secret|password|key|\bto\b|url")
SOURCES = sorted(
    path for app in [*APPS, "config"] for path in (ROOT / app).rglob("*.py")
    if "migrations" not in path.parts
)  # fmt: skip
SQL = sorted(path for app in APPS for path in (ROOT / app / "sql").glob("*.sql"))


class TestForeignKeys:
    def test_go_down_only(self) -> None:
        upwards = []
        for model in apps.get_models():
            here = model._meta.app_label
            if here not in FLOOR:
                continue
            for field in model._meta.get_fields():
                if isinstance(field, (ForeignKey, ManyToManyField)):
                    there = field.related_model._meta.app_label
                    is_sideways = there != here and FLOOR.get(there, -1) == FLOOR[here]
                    if FLOOR.get(there, -1) > FLOOR[here] or is_sideways:
                        upwards.append(f"{model.__name__}.{field.name} → {there}")
        assert upwards == []


class TestNames:
    def test_of_public_functions_are_unique(self) -> None:
        seen: dict[str, Path] = {}
        twice = []
        for path in SOURCES:
            if "services" not in path.parts and "selectors" not in path.parts:
                continue
            for name in re.findall(r"^def ([a-z]\w+)\(", path.read_text(), re.MULTILINE):
                if name in seen:
                    twice.append(
                        f"{name}: {seen[name].relative_to(ROOT)}, {path.relative_to(ROOT)}"
                    )
                seen[name] = path
        assert twice == []

    def test_show_no_secret(self) -> None:
        showing = []
        for model in apps.get_models():
            if model._meta.app_label not in FLOOR:
                continue
            # Every text says which field it is in; what a person is called may be shown.
            values = {
                field.attname: f"<{field.name}>"
                for field in model._meta.concrete_fields
                if isinstance(field, (CharField, TextField))
            }
            shown = re.findall(r"<(\w+)>", str(model(**values)))
            showing += [f"{model.__name__}.{name}" for name in shown if SECRET.search(name)]
        # The provider's codes of errors are no secrets.
        assert sorted(showing) == ["ChannelStop.error_code", "ErrorPolicy.code"]


class TestFiles:
    def test_stay_small(self) -> None:
        long = [
            f"{path.relative_to(ROOT)} {count}"
            for path in SOURCES
            if (count := len(path.read_text().splitlines())) > 400
        ]
        assert long == []

    def test_hand_no_work_to_celery_but_by_the_bell(self) -> None:
        callers = [
            str(path.relative_to(ROOT))
            for path in SOURCES
            if re.search(r"\.(delay|apply_async|send_task)\(", path.read_text())
            and path.name not in ("queue.py", "tasks.py")
        ]
        assert callers == []

    def test_open_no_transaction_but_by_its_name(self) -> None:
        users = [
            str(path.relative_to(ROOT))
            for path in SOURCES
            if re.search(r"\batomic\(", path.read_text()) and path.name != "transactions.py"
        ]
        assert users == []


class TestPeriodicTasks:
    def test_exist(self) -> None:
        current_app.loader.import_default_modules()
        unknown = sorted(set(settings.PERIODIC_TASKS) - set(current_app.tasks))
        assert unknown == []


class TestSql:
    def test_functions_carry_their_apps_name(self) -> None:
        strays = [
            f"{path.relative_to(ROOT)}: {name}"
            for path in SQL
            for name in re.findall(r"FUNCTION (\w+)\(", path.read_text())
            if not name.startswith((f"{path.parent.parent.name}_", "alerts_refuse_"))
        ]
        assert strays == []

    def test_refuses_with_codes_of_the_catalogue(self) -> None:
        known = {code.sqlstate for code in ErrorCode} | {"GC900"}
        used = {
            code for path in SQL for code in re.findall(r"ERRCODE = '(GC\w+)'", path.read_text())
        }
        assert used
        assert used <= known


@pytest.mark.django_db
class TestDatabase:
    def test_definers_and_guards_pin_their_search_path(self) -> None:
        # Note [Pinned search path]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
                " AND (prosecdef OR prorettype = 'trigger'::regtype)"
                " AND NOT EXISTS (SELECT 1 FROM unnest(proconfig) c"
                " WHERE c LIKE 'search_path=public, pg_temp')"
            )
            assert cursor.fetchall() == []

    @pytest.mark.two_roles
    def test_runtime_role_owns_nothing_and_is_nobody_special(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT relname FROM pg_class JOIN pg_roles r ON r.oid = relowner"
                " WHERE r.rolname = current_user"
            )
            assert cursor.fetchall() == []
            cursor.execute(
                "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
            )
            assert cursor.fetchone() == (False, False)

    def test_append_only_tables_have_both_guards(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tgrelid::regclass::text, array_agg(tgname::text ORDER BY tgname)"
                " FROM pg_trigger WHERE tgfoid IN ('alerts_refuse_change'::regproc,"
                # These let words be emptied that name a person: Note [Emptying].
                " 'alerts_refuse_all_but_emptying'::regproc, 'credit_check_audit_change'::regproc)"
                " GROUP BY 1"
            )
            guards = dict(cursor.fetchall())
        append_only = [
            table for table, rights in settings.RUNTIME_PRIVILEGES.items() if "UPDATE" not in rights
        ]
        assert "credit_entry" in append_only
        # Counted from the rewards by the owner's functions, and counted anew: no record of fact.
        counts = {f"redemption_{name}" for name in ("reportday", "reportmonth", "reportchange")}
        counts |= {f"redemption_message{name}" for name in ("day", "change", "count")}
        # As many as have been claimed of a day's cap, by the function that claims them.
        counts |= {"redemption_dailyclaims"}
        # Whether a form is slowed now, written by the function that counts its guesses.
        counts |= {"redemption_formbreaker"}
        counts.add("redemption_rewardcount")
        # Tries at codes stay as they were (redemption_attempt_stays) until they are cleared.
        counts |= {"redemption_attemptlog", "redemption_formbreaker", "alerts_ratecount"}
        # An opt-out that stands there by its digest goes back to where it was.
        counts.add("sms_keptoptout")
        for table in set(append_only) - counts:
            # A slot's balance is moved, a sale reversed and a checkout brought to its end by the
            # owner's functions; the others move nothing at all.
            moves = table in {"credit_accountslot", "giftcards_cardsale"} | {
                f"loyalty_{name}"
                for name in ("checkout", "checkoutline", "reconciliationitem", "refund")
            }
            change = "refuse_removal" if moves else "refuse_change"
            # Tries at a canary may go once they are old: their removal has a guard of its own.
            removal = ["refuse_removal"] if table == "redemption_canarytry" else []
            assert guards.get(table) == [change, *removal, "refuse_truncate"], table


def test_floors_are_in_the_order_that_import_linter_keeps() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    layers = re.search(r'layers = \["config", (.+)\]', text)
    assert layers is not None
    floors = [FLOOR[name.split(" | ")[0]] for name in re.findall(r'"([^"]+)"', layers[1])]
    assert all(upper > lower for upper, lower in pairwise(floors))
