"""The translations: what the code says, what locale/ says of it, and what people then read."""

import re
from io import StringIO
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils import translation

from alerts.codes import ErrorCode
from alerts.explanations import ExplainedCode
from config import translations
from config.translations import (
    UnreadableWordsError,
    Words,
    collect_words,
    compile_catalogue,
    merge_words,
    new_catalogue,
    po_path,
    read_catalogue,
)
from loyalty.services.reward_words import BEING_PREPARED, REFUSED
from redemption.services.words import choose_words
from sms.merge import count_segments

SPANISH = read_catalogue(po_path("es"))
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")
# "Tú" in its many forms: customers are addressed as "usted".
FAMILIAR = re.compile(
    r"\b(tú|tu|tus|te|ti|contigo|tuy[oa]s?|vos|vosotr[oa]s|vuestr[oa]s?|tienes|puedes|quieres)\b",
    re.IGNORECASE,
)

every_entry = pytest.mark.parametrize("entry", SPANISH, ids=lambda entry: entry.msgid[:40])


def project(tmp_path: Path, **files: str) -> Path:
    """Make a project of files given as ``redeem_html="…"`` and ``codes_py="…"``."""
    for name, text in files.items():
        stem, _, suffix = name.rpartition("_")
        folder = tmp_path / ("alerts" if suffix == "py" else "templates")
        folder.mkdir(exist_ok=True)
        (folder / f"{stem}.{suffix}").write_text(text)
    return tmp_path


class TestCollectWords:
    def test_reads_templates_as_django_looks_them_up(self, tmp_path: Path) -> None:
        template = (
            "{% load i18n %}{% if a %}{% translate 'Only 5% left' %}{% endif %}"
            "{% blocktranslate with to=who %}Sent to {{ to }}.{% endblocktranslate %}"
            "{% comment %}{% translate 'Never shown' %}{% endcomment %}"
        )
        assert set(collect_words(project(tmp_path, page_html=template))) == {
            Words("Only 5%% left"),
            Words("Sent to %(to)s."),
        }

    def test_reads_plurals_of_templates_and_code(self, tmp_path: Path) -> None:
        template = (
            "{% load i18n %}{% blocktranslate count n=n %}{{ n }} card{% plural %}"
            "{{ n }} cards{% endblocktranslate %}"
        )
        code = 'ngettext("a day", "days", n)'
        assert set(collect_words(project(tmp_path, page_html=template, days_py=code))) == {
            Words("%(n)s card", "%(n)s cards"),
            Words("a day", "days"),
        }

    def test_reads_marked_words_of_code_in_one_piece(self, tmp_path: Path) -> None:
        code = '_("Nothing was lost. " "Try again.")\ngettext_noop("Sorry")\ngettext(words)\n'
        assert set(collect_words(project(tmp_path, codes_py=code))) == {
            Words("Nothing was lost. Try again."),
            Words("Sorry"),
        }

    def test_reads_what_the_catalogue_advises(self, tmp_path: Path) -> None:
        code = 'Explanation(code="GC-001", operator="No card.", action="Buy " "some.")\n'
        assert set(collect_words(project(tmp_path, codes_py=code))) == {Words("Buy some.")}

    def test_names_every_file_once(self, tmp_path: Path) -> None:
        code = '_("Sorry")\n_("Sorry")\n'
        template = "{% load i18n %}{% translate 'Sorry' %}"
        found = collect_words(project(tmp_path, codes_py=code, page_txt=template))
        assert found == {Words("Sorry"): ["templates/page.txt", "alerts/codes.py"]}

    @pytest.mark.parametrize(
        "template",
        [
            "{{ _('Sorry') }}",
            "{% load i18n %}{% translate 'May' context 'month' %}",
            "{% load i18n %}{% translate word %}",
        ],
    )
    def test_refuses_what_it_would_miss(self, tmp_path: Path, template: str) -> None:
        with pytest.raises(UnreadableWordsError, match=r"^templates/page\.html: "):
            collect_words(project(tmp_path, page_html=template))

    def test_finds_the_catalogues_words(self) -> None:
        found = collect_words()
        for code in ErrorCode:
            for words in filter(None, (code.title, code.customer, code.waiting, code.action)):
                assert "alerts/codes.py" in found[Words(words)]


class TestMergeWords:
    def test_keeps_translations_adds_what_is_new_and_drops_what_is_gone(self) -> None:
        former = new_catalogue("es")
        former.append(polib.POEntry(msgid="Sorry", msgstr="Lo sentimos"))
        former.append(polib.POEntry(msgid="Gone", msgstr="Ido"))
        merged = merge_words(former, {Words("Sorry"): ["a.html"], Words("New"): ["b.html"]})
        assert [(entry.msgid, entry.msgstr) for entry in merged] == [
            ("Sorry", "Lo sentimos"),
            ("New", ""),
        ]


class TestMakemessages:
    def test_writes_the_same_files_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        copy = tmp_path / "es" / "django.po"
        monkeypatch.setattr(translations, "po_path", lambda _language: copy)
        call_command("makemessages", stdout=StringIO())
        first = copy.read_bytes(), copy.with_suffix(".mo").read_bytes()
        output = StringIO()
        call_command("makemessages", stdout=output)

        assert (copy.read_bytes(), copy.with_suffix(".mo").read_bytes()) == first
        assert output.getvalue().splitlines()[0].startswith("es: ")


class TestSpanish:
    """``make words`` mends the first two; the translations are written by a person."""

    def test_has_exactly_the_words_of_the_code(self) -> None:
        in_catalogue = {Words(entry.msgid, entry.msgid_plural) for entry in SPANISH}
        assert in_catalogue == set(collect_words()), "run: make words"

    def test_is_compiled(self) -> None:
        compiled = po_path("es").with_suffix(".mo").read_bytes()
        assert compiled == compile_catalogue(SPANISH), "run: make words"

    def test_has_no_gaps(self) -> None:
        assert [entry.msgid for entry in SPANISH if not entry.translated()] == []

    @every_entry
    def test_keeps_every_placeholder(self, entry: polib.POEntry) -> None:
        translated = entry.msgstr_plural.values() or [entry.msgstr]
        for text in translated:
            assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(entry.msgid))

    @every_entry
    def test_says_usted(self, entry: polib.POEntry) -> None:
        assert FAMILIAR.search(entry.msgstr) is None


class TestChooseWords:
    """The texts are no translations but written anew, in an alphabet that spares segments."""

    @pytest.mark.parametrize("purpose", ["reward", "resend", "delay_notice"])
    def test_says_usted_in_the_letters_of_one_segment(self, purpose: str) -> None:
        bodies = choose_words(purpose=purpose, language="es")
        assert len(bodies) >= 3
        for body in bodies:
            assert FAMILIAR.search(body) is None
            assert body.endswith("Responda STOP para darse de baja.")
            assert count_segments(body).segments == 1


class TestCustomerWords:
    @pytest.mark.parametrize("code", ErrorCode, ids=str)
    def test_makes_sense_in_spanish_with_and_without_a_support_phone(
        self, code: ExplainedCode
    ) -> None:
        with translation.override("es"):
            for is_waiting in (False, True):
                with_phone = code.customer_words(support_phone="1-800-0100", is_waiting=is_waiting)
                without = code.customer_words(is_waiting=is_waiting)
                assert "{" not in with_phone + without
                assert with_phone.startswith(without)
                assert "llame" not in without

    def test_reads_well(self) -> None:
        with translation.override("es"):
            words = ErrorCode.OUT_OF_STOCK.customer_words(support_phone="1-800-0100", minutes=45)
        assert words == (
            "Por el momento se nos acabaron estas tarjetas de regalo y nuestro equipo ya lo sabe. "
            "Su código está a salvo: inténtelo de nuevo en 45 minutos. "
            "Si prefiere hablar con nosotros, llame al 1-800-0100."
        )


class TestRewardWords:
    """Of gift cards for points."""

    @pytest.mark.parametrize("words", [*REFUSED.values(), BEING_PREPARED])
    def test_speak_of_points_and_never_of_a_code(self, words: str) -> None:
        code = ErrorCode.OUT_OF_STOCK
        english = code.customer_words(support_phone="1-800-0100", instead=words)
        with translation.override("es"):
            spanish = code.customer_words(support_phone="1-800-0100", instead=words)
            short = code.customer_words(instead=words)
        assert "Your points are" in english
        assert "Sus puntos están" in spanish
        assert "código" not in spanish
        assert "{" not in spanish
        assert spanish.startswith(short)
        assert "llame" not in short

    def test_stand_for_every_refusal_that_speaks_of_a_code(self) -> None:
        sql = (Path(settings.BASE_DIR) / "loyalty" / "sql" / "reward.sql").read_text()
        raised = {ErrorCode.from_sqlstate(state) for state in re.findall(r"'(GC\d{3})'", sql)}
        assert {code for code in raised if code and "our code is" in code.customer} == set(REFUSED)


class TestPages:
    def test_speak_spanish_to_who_asks_for_it(self, client: Client) -> None:
        response = client.get("/no/such/page/", headers={"accept-language": "es-MX,en;q=0.5"})
        page = response.content.decode()
        assert response.status_code == 404
        assert '<html lang="es"' in page
        assert "No encontramos esa página" in page
        assert "find that page" not in page

    def test_speak_english_to_everybody_else(self, client: Client) -> None:
        page = client.get("/no/such/page/", headers={"accept-language": "fi"}).content.decode()
        assert '<html lang="en"' in page
        assert "We can't find that page" in page
