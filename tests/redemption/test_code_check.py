"""The typo check of the page, ``static/js/code-check.js``, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from redemption.codes import ALPHABET, generate_code, has_valid_check_symbol, normalise_code

SCRIPT = Path(__file__).parents[2] / "static/js/code-check.js"
TYPO = "One symbol looks wrong."
PAGE = f"""<!doctype html><title>Code</title>
<form action="/sent"><input name="code" data-redemption-code data-code-hint="hint"
 data-code-typo="{TYPO}" maxlength="64"><div id="hint" aria-live="polite"><p>old</p></div>
<button>Send</button></form><script src="/code-check.js" defer></script>"""

pytestmark = pytest.mark.browser


def answer(route: Route) -> None:
    path = route.request.url.removeprefix("https://giftline.test").partition("?")[0]
    if path == "/code-check.js":
        route.fulfill(body=SCRIPT.read_text(), content_type="text/javascript")
    elif path in ("/", "/sent"):
        # As strict as the project's own policy.
        policy = {"Content-Security-Policy": "default-src 'none'; script-src 'self'"}
        route.fulfill(body=PAGE, content_type="text/html; charset=utf-8", headers=policy)
    else:
        route.fulfill(status=404)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.route("**/*", answer)
    page.goto("https://giftline.test/")
    yield page
    page.close()
    assert complaints == []


def type_code(page: Page, text: str) -> str:
    page.locator("input").fill("")
    page.locator("input").press_sequentially(text)
    return page.locator("input").input_value()


class TestGrouping:
    @pytest.mark.parametrize(
        ("typed", "shown"),
        [
            ("7k4m", "7K4M"),
            ("7k4m9", "7K4M-9"),
            ("7k4m9qtxp2vdg", "7K4M-9QTX-P2VDG"),
            ("7k4m-9qtx-p2vdg", "7K4M-9QTX-P2VDG"),
            ("7k4m 9qtx p2vdg", "7K4M-9QTX-P2VDG"),
        ],
    )
    def test_groups_while_typing(self, page: Page, typed: str, shown: str) -> None:
        assert type_code(page, typed) == shown

    def test_lets_the_code_be_deleted_again(self, page: Page) -> None:
        type_code(page, "7k4m9")
        for _ in range(3):
            page.locator("input").press("Backspace")
        assert page.locator("input").input_value() == "7K4"

    def test_keeps_the_caret_when_a_middle_symbol_is_corrected(self, page: Page) -> None:
        type_code(page, "7k4m9qtxp2vdg")
        for _ in range(3):
            page.locator("input").press("ArrowLeft")
        page.locator("input").press("Backspace")
        page.locator("input").press("2")
        assert page.locator("input").input_value() == "7K4M-9QTX-P2VDG"
        assert page.evaluate("document.querySelector('input').selectionStart") == 12

    def test_leaves_codes_of_another_shape_readable(self, page: Page) -> None:
        typed = "SUMMER-2026-WITH-A-LONG-TAIL"
        assert normalise_code(type_code(page, typed)) == normalise_code(typed)


class TestTypo:
    def test_agrees_with_the_server(self, page: Page) -> None:
        codes = [generate_code() for _ in range(50)]
        codes += [code[:-1] + symbol for code in codes[:3] for symbol in ALPHABET]
        codes += [code.lower().replace("0", "o").replace("1", "l") for code in codes[:50]]
        valid = page.evaluate(
            """codes => codes.map(code => {
                const input = document.querySelector("input");
                input.value = code;
                input.dispatchEvent(new InputEvent("input", {bubbles: true}));
                return input.validity.valid;
            })""",
            codes,
        )
        assert valid == [has_valid_check_symbol(normalise_code(code)) for code in codes]
        assert valid.count(True) == 103

    def test_is_told_before_anything_is_sent(self, page: Page) -> None:
        type_code(page, "7k4m-9qtx-p2vdh")
        assert page.locator("#hint").inner_text() == TYPO
        assert page.locator("input").get_attribute("aria-invalid") == "true"
        page.locator("input").press("Enter")
        assert page.url == "https://giftline.test/"

    def test_is_forgotten_when_it_is_mended(self, page: Page) -> None:
        type_code(page, "7k4m-9qtx-p2vdh")
        page.locator("input").press("Backspace")
        assert page.locator("#hint").inner_text() == ""
        page.locator("input").press("g")
        assert page.locator("input").get_attribute("aria-invalid") == "false"
        page.locator("input").press("Enter")
        page.wait_for_url("**/sent?code=7K4M-9QTX-P2VDG")

    def test_lets_the_same_code_through_when_it_is_sent_again(self, page: Page) -> None:
        # Another system's code may have thirteen symbols too.
        type_code(page, "1234567890123")
        page.locator("input").press("Enter")
        assert page.url == "https://giftline.test/"
        # The warning is taken back once it has been shown; a crowded machine takes its time.
        page.wait_for_function("document.querySelector('input').validity.valid")
        page.locator("input").press("Enter")
        page.wait_for_url("**/sent?code=1234-5678-90123")

    @pytest.mark.parametrize("code", ["SPRING-2026", "12345678", "UUUUUUUUUUUUU", "A" * 40])
    def test_never_stops_a_code_of_another_shape(self, page: Page, code: str) -> None:
        type_code(page, code)
        assert page.locator("#hint").inner_text() == ""
        page.locator("input").press("Enter")
        page.wait_for_url("**/sent?code=*")


class TestSize:
    def test_stays_under_two_kilobytes(self) -> None:
        assert SCRIPT.stat().st_size < 2000
