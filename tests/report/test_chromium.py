"""The page as a browser sees it: no request, no message, no overflow, nothing run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.report.html import write_page
from report.answers import answer_records
from report.bridges import bridge_records
from report.browser import CHROMIUM, DESK, PHONE, Browser, opened
from report.conftest import run_records
from report.conversations import collapse_records
from report.dynamics import dynamics_records
from report.neighborhoods import neighborhood_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

EVERY_VIEW = [(width, scheme) for width in (DESK, PHONE) for scheme in ("light", "dark")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with opened(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    whole = (*run_records(), *dynamics_records(), *neighborhood_records())
    played = (*collapse_records(seeds=12, repeats=2, turns=20), *bridge_records())
    write_page((*whole, *played, *answer_records()), path)
    return path


def test_a_page_that_speaks_and_fetches_is_caught(browser: Browser, tmp_path: Path) -> None:
    loud = tmp_path / "loud.html"
    loud.write_text(
        "<!doctype html><title>a</title><script>console.error('heard')</script>"
        "<img src='http://127.0.0.1:9/seen.png' alt=''><script>undefined()</script>"
    )
    seen = browser.view(loud)
    assert any("heard" in message for message in seen.messages)
    assert any("TypeError" in message for message in seen.messages)
    assert "http://127.0.0.1:9/seen.png" in seen.requests


@pytest.mark.parametrize(("width", "scheme"), EVERY_VIEW)
def test_the_page_opens_without_messages_or_requests(
    browser: Browser, report: Path, width: int, scheme: str
) -> None:
    seen = browser.view(report, width=width, scheme=scheme)
    assert seen.messages == ()
    # A picture within the page is told like a request, though nothing leaves the page for it.
    asked = [one for one in seen.requests if not one.startswith("data:image/png;base64,")]
    assert asked == [report.as_uri()]


@pytest.mark.parametrize(("width", "scheme"), EVERY_VIEW)
def test_the_page_never_scrolls_sideways(
    browser: Browser, report: Path, width: int, scheme: str
) -> None:
    browser.view(report, width=width, scheme=scheme)
    browser.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.run("innerWidth") == width
    widest = browser.run("document.documentElement.scrollWidth")
    assert isinstance(widest, int)
    assert widest <= width


def test_hostile_output_ran_nothing(browser: Browser, report: Path) -> None:
    browser.view(report)
    assert browser.run("document.images.length + document.scripts.length") == 0
    assert browser.run("getComputedStyle(document.body).display") == "block"
    assert browser.run("document.querySelector('mark').checkVisibility()") is True


def test_even_an_injected_script_would_not_run(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    injected = tmp_path / "injected.html"
    script = "<script>document.title = 'run'</script>"
    injected.write_text(report.read_text("utf-8").replace("<main>", f"<main>{script}"), "utf-8")
    browser.view(injected)
    assert browser.run("document.scripts.length") == 1
    assert browser.run("document.title") == "Needs attention · promptchaos report"


def test_light_and_dark_follow_the_reader(browser: Browser, report: Path) -> None:
    def colours(scheme: str) -> list[str]:
        browser.view(report, scheme=scheme)
        ground = browser.run("getComputedStyle(document.body).backgroundColor")
        line = browser.run("getComputedStyle(document.querySelector('figure path[stroke]')).stroke")
        return [str(ground), str(line)]

    assert colours("light")[0] == "rgb(246, 247, 248)"
    assert colours("dark")[0] == "rgb(18, 20, 23)"
    assert colours("light")[1] != colours("dark")[1]


def test_a_layer_lies_on_its_side_of_zero_and_within_its_bar(
    browser: Browser, report: Path
) -> None:
    browser.view(report)
    browser.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    script = """[...document.querySelectorAll('.layers .around div')].map(one => {
        const at = name => one.querySelector(name)?.getBoundingClientRect();
        const [grown, zero, all] = [at('.grown'), at('.zero'), one.getBoundingClientRect()];
        const row = one.closest('tr').className;
        const side = row === 'expands' ? grown.left >= zero.left - 1 && grown.width > 2
            : row === 'contracts' ? grown.right <= zero.right + 1 && grown.width > 2 : true;
        return side && grown.left >= all.left - 1 && grown.right <= all.right + 2;
    })"""
    found = browser.run(script)
    assert isinstance(found, list)
    assert len(found) == 8 + 96 + 2 * 8
    assert all(found)


def test_letters_of_a_wide_picture_stay_legible_on_a_phone(browser: Browser, report: Path) -> None:
    browser.view(report, width=PHONE)
    size = browser.run(
        "document.querySelector('.panels.wide svg text').getBoundingClientRect().height"
    )
    assert isinstance(size, int | float)
    assert size >= 9


def test_bars_of_candidates_fit_their_cells_and_letters_of_a_trace_are_legible(
    browser: Browser, report: Path
) -> None:
    browser.view(report, width=PHONE)
    widths = """[...document.querySelector('.candidates').querySelectorAll('.bars i')].map(one =>
        one.getBoundingClientRect().width / one.parentElement.clientWidth)"""
    found = browser.run(widths)
    assert isinstance(found, list)
    assert len(found) == 4
    assert all(0 < one <= 1 for one in found)
    size = browser.run("document.querySelector('svg.trace text').getBoundingClientRect().height")
    assert isinstance(size, int | float)
    assert size >= 9


def test_letters_of_timelines_stay_legible_on_a_phone(browser: Browser, report: Path) -> None:
    browser.view(report, width=PHONE)
    size = browser.run(
        "document.querySelector('svg.timelines text').getBoundingClientRect().height"
    )
    assert isinstance(size, int | float)
    assert size >= 9


def test_pictures_are_drawn_and_covered_by_their_heat(browser: Browser, report: Path) -> None:
    browser.view(report)
    script = """[...document.querySelectorAll('.overlay')].map(one => {
        const [first, second] = one.querySelectorAll('svg.focus');
        const box = name => first.querySelector(name).getBoundingClientRect();
        const [drawn, edge, all] = [box('image'), box('.edge'), first.getBoundingClientRect()];
        return drawn.width > 100 && second.querySelector('use').getBoundingClientRect().width > 100
            && edge.left >= all.left - 3 && edge.right <= all.right + 3
            && Math.abs(first.getBoundingClientRect().top - second.getBoundingClientRect().top) < 1;
    })"""
    assert browser.run(script) == [True] * 3


def test_both_pictures_stay_side_by_side_on_a_phone(browser: Browser, report: Path) -> None:
    browser.view(report, width=PHONE)
    script = "new Set([...document.querySelector('.looks').children].map(one => one.offsetLeft))"
    assert browser.run(f"{script}.size") == 2


def test_quadrants_are_four_cells_and_stack_on_a_phone(browser: Browser, report: Path) -> None:
    cells = "[...document.querySelector('.quadrants').querySelectorAll('tbody td')]"
    script = f"new Set({cells}.map(one => one.getBoundingClientRect().left)).size"
    browser.view(report, width=DESK)
    assert browser.run(script) == 2
    browser.view(report, width=PHONE)
    assert browser.run(script) == 1


def test_a_stopped_conversation_is_visibly_shorter(browser: Browser, report: Path) -> None:
    browser.view(report)
    widths = """[...document.querySelectorAll('svg.timelines g')].map(one => [
        one.querySelector('.stop') !== null,
        one.querySelector('.spoken').getBoundingClientRect().width])"""
    found = browser.run(widths)
    assert isinstance(found, list)
    whole = max(width for stopped, width in found if not stopped)
    short = [width for stopped, width in found if stopped]
    assert short
    assert all(width < 0.95 * whole for width in short)


def test_side_by_side_outputs_stack_on_a_phone(browser: Browser, report: Path) -> None:
    sides = "[...document.querySelector('.sides').children]"
    script = f"new Set({sides}.map(one => one.offsetLeft)).size"
    browser.view(report, width=DESK)
    assert browser.run(script) == 2
    browser.view(report, width=PHONE)
    assert browser.run(script) == 1


def test_paper_is_white_and_holds_no_navigation(browser: Browser, report: Path) -> None:
    browser.view(report, scheme="dark")
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert browser.run("getComputedStyle(document.querySelector('.card')).backgroundColor") == (
        "rgb(255, 255, 255)"
    )


def test_on_a_phone_conditions_and_agreements_need_no_scrolling(
    browser: Browser, report: Path
) -> None:
    browser.view(report, width=PHONE)
    wider = (
        "[...document.querySelectorAll('.conditions, .statistics')].filter("
        "table => table.scrollWidth > table.closest('.scroll').clientWidth).length"
    )
    bars = (
        "[...document.querySelectorAll('.statistics .around i')].filter(mark => "
        "mark.getBoundingClientRect().right > "
        "mark.closest('.scroll').getBoundingClientRect().right + 1).length"
    )
    assert browser.run("document.querySelectorAll('.statistics .around i').length")
    assert (browser.run(wider), browser.run(bars)) == (0, 0)
