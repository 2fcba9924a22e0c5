"""Collects the words of templates and code into the catalogues of locale/, and compiles them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config import translations


class Command(BaseCommand):
    help = (
        "Brings locale/*/LC_MESSAGES/django.po in line with templates and code, keeping every"
        " translation there is, and writes the django.mo beside it. Replaces Django's command of"
        " the same name and needs none of gettext's tools. Names what is not translated yet."
    )
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        found = translations.collect_words()
        for language in translations.LANGUAGES:
            path = translations.po_path(language)
            former = (
                translations.read_catalogue(path)
                if path.exists()
                else translations.new_catalogue(language)
            )
            merged = translations.merge_words(former, found)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{merged}\n", encoding="utf-8")
            path.with_suffix(".mo").write_bytes(translations.compile_catalogue(merged))
            missing = [entry.msgid for entry in merged if not entry.translated()]
            self.stdout.write(f"{language}: {len(merged)} messages, {len(missing)} untranslated")
            for words in missing:
                self.stdout.write(f"  {words}")
