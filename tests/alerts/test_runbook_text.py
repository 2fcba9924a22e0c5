"""The runbook's text: every statement runs, every page and command is there."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import get_commands
from django.test import Client as Browser
from django.urls import Resolver404, resolve

from alerts.runbook import Chapter
from alerts.views.documents import read_document, slug_of
from tests.alerts.incidents import make_alert, make_incident
from tests.guards.raw import as_application
from tests.redemption.asking import ask
from tests.staff import make_platform_admin, sign_in
from tests.world import build_world

PATH = Path(settings.BASE_DIR) / "docs" / "runbook.md"
TEXT = PATH.read_text()
STATEMENTS = [
    statement.strip()
    for block in re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
    for statement in block.split(";")
    if statement.strip()
]
PARTS = ("What is seen.", "How to look.", "What to do", "When to escalate.")


def chapter_of(statement: str) -> str:
    before = TEXT[: TEXT.index(statement)]
    headings = re.findall(r"^## (.+)$", before, re.MULTILINE)
    return slug_of(headings[-1]) if headings else "first"


@pytest.mark.django_db(transaction=True)
class TestStatements:
    def test_run_on_the_real_tables(self) -> None:
        world = build_world()
        world.stock(1)
        for code in world.invite(2):
            ask(code)
        make_alert()
        make_incident()
        assert len(STATEMENTS) >= 30
        # As the application's own role, which may do the least; nothing is written.
        with as_application("") as connection:
            connection.read_only = True
            for statement in STATEMENTS:
                cursor = connection.execute(statement)
                if not statement.startswith("SET "):
                    cursor.fetchall()

    def test_find_what_they_look_for(self) -> None:
        world = build_world()
        world.stock(1)
        for code in world.invite(3):
            ask(code)
        with as_application("*") as connection:
            pools = connection.execute(statement_of("giftcards_pool p LEFT JOIN")).fetchall()
            assert [(row[0], row[4]) for row in pools] == [("Acorn pool", 0)]
            waiting = connection.execute(statement_of("redemption_pendingreward p")).fetchall()
            assert [row[:2] for row in waiting] == [("Acorn campaign", 2)]
            stuck = connection.execute(statement_of("may_have_been_seen")).fetchall()
            assert [(row[1], row[5]) for row in stuck] == [("claimed", "issued")]
            for none in ("off_by_minor", "entries_minor", "t.id IS NULL"):
                assert connection.execute(statement_of(none)).fetchall() == [], none

    def test_fail_where_a_column_is_gone(self) -> None:
        # The control: one wrong word in a statement, and the test above would fail.
        broken = statement_of("giftcards_pool p LEFT JOIN").replace("low_stock_threshold", "lowest")
        with as_application() as connection, pytest.raises(psycopg.errors.UndefinedColumn):
            connection.execute(broken)

    def test_only_read(self) -> None:
        assert [s for s in STATEMENTS if not s.startswith(("SELECT", "SET giftline.scope"))] == []


def statement_of(words: str) -> str:
    (found,) = [statement for statement in STATEMENTS if words in statement]
    return str(found)


class TestText:
    def test_has_every_chapter_whole_and_in_order(self) -> None:
        chapters = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
        assert [slug_of(one.splitlines()[0]) for one in chapters] == [str(one) for one in Chapter]
        for one in chapters:
            missing = [part for part in PARTS if f"**{part}" not in one]
            assert missing == [], one.splitlines()[0]

    def test_asks_the_database_in_every_chapter(self) -> None:
        assert {chapter_of(one) for one in STATEMENTS} == {*map(str, Chapter), "first"}

    def test_leads_to_pages_that_are_there(self) -> None:
        pages = set(re.findall(r"\]\((/[^)#]*)", TEXT)) | set(re.findall(r"`(/[a-z/-]+)`", TEXT))
        assert len(pages) > 20
        lost = []
        for page in sorted(pages):
            try:
                found = resolve(page.partition("?")[0])
            except Resolver404:
                lost.append(page)
                continue
            # The admin answers every address; this one says that there is nothing.
            if found.func.__name__ == "catch_all_view":
                lost.append(page)
        assert lost == []

    def test_leads_to_documents_and_headings_that_are_there(self) -> None:
        for target in re.findall(r"\]\(([^/)h][^)]*)\)", TEXT):
            name, _, anchor = target.partition("#")
            path = PATH.parent / name if name else PATH
            anchors = {slug_of(words) for words in
                       re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)}  # fmt: skip
            assert not anchor or anchor in anchors, target

    def test_names_commands_that_there_are(self) -> None:
        named = set(re.findall(r"manage\.py (\w+)", TEXT))
        assert {"audit_ledger", "verify", "import_cards", "sync_jobs"} <= named
        assert named - set(get_commands()) == set()

    def test_names_settings_that_there_are(self) -> None:
        root = PATH.parent.parent
        known = (root / "README.md").read_text() + (root / "Dockerfile").read_text()
        assert "`TRUSTED_PROXY_HOPS`" in TEXT
        named = re.findall(r"`([A-Z]+_[A-Z_]+)`", TEXT)
        assert [name for name in named if name not in known] == []


@pytest.mark.django_db
class TestPages:
    @pytest.fixture
    def browser(self) -> Browser:
        return sign_in(make_platform_admin())

    def test_show_every_chapter_with_its_anchor(self, browser: Browser) -> None:
        page = browser.get("/admin/runbook/").text
        for chapter in Chapter:
            assert f'id="{chapter}"' in page
            assert f'href="#{chapter}"' in page
        assert page.count("<h1") == 1

    def test_lead_from_document_to_document(self, browser: Browser) -> None:
        page = browser.get("/admin/runbook/").text
        assert 'href="/admin/runbook/inventory/#the-clean-up"' in page
        other = browser.get("/admin/runbook/inventory/")
        assert other.status_code == 200
        assert 'id="the-clean-up"' in other.text

    @pytest.mark.parametrize("name", ["nothing", "README"])
    def test_are_none_but_the_documents(self, browser: Browser, name: str) -> None:
        assert browser.get(f"/admin/runbook/{name}/").status_code == 404

    def test_print_no_html_of_the_texts(self, tmp_path: Path) -> None:
        path = tmp_path / "x.md"
        path.write_text("# T\n\n<script>alert(1)</script> [a](javascript:alert(1))\n\n## One `b`\n")
        document = read_document(path)
        assert (document.title, document.chapters) == ("T", (("one-b", "One b"),))
        assert "<script>" not in document.html
        assert "href" not in document.html
