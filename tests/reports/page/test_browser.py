"""The page in a real browser: sorting, links, light and dark, nothing in the console, nothing from a network."""

import pytest
from browser import CHROMIUM, Browser
from synthetic import arm, replicate, search, write_study

from reports.page.page import write_report

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Three arms, one without a value; in the plan's order their accuracies are neither rising nor falling."""
    values = {
        "full": [0.95, 0.96],
        "no_init": [None, None],
        "no_ste": [0.97, 0.98],
        "bn": [0.91, 0.92],
    }
    rows = [
        replicate(name, seed, value)
        for name, both in values.items()
        for seed, value in enumerate(both)
    ]
    arms = [
        arm("full", "reference"),
        arm("no_init", factors=["init"]),
        arm("no_ste", factors=["ste"]),
        arm("bn", "baseline"),
    ]
    rows += [search("full", k, 0.9 + 0.001 * k) for k in range(3)]
    folder = write_study(
        tmp_path_factory.mktemp("browser") / "small", rows, arms, factors={"init": {}, "ste": {}}
    )
    return write_report(folder, formats=("html", "csv", "png"))


@pytest.fixture
def browser(tmp_path):
    browser = Browser(tmp_path)
    yield browser
    browser.close()


NAMES = "[...document.querySelectorAll('#table-main tbody tr')].map(row => row.cells[0].innerText)"
CLICK = "document.querySelector('#table-main thead').rows[0].cells[{}].firstElementChild.click()"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def test_the_page_in_a_browser(browser, page):
    browser.open(page)
    assert browser.run("document.title") == "small · report"

    browser.run(CLICK.format(3))  # accuracy: the highest first, no value last
    assert browser.run(NAMES) == ["no_ste", "full", "bn", "no_init"]
    browser.run(CLICK.format(3))
    assert browser.run(NAMES) == ["bn", "full", "no_ste", "no_init"]
    browser.run(CLICK.format(0))  # names: A first
    assert browser.run(NAMES) == ["bn", "full", "no_init", "no_ste"]
    assert browser.run("document.querySelector('#table-main th').ariaSort") == "ascending"

    browser.run("document.querySelector('nav a[href=\"#search\"]').click()")
    assert browser.run("location.hash") == "#search"
    anchors = browser.run(
        "[...document.querySelectorAll('nav a')].every(a => document.getElementById(a.hash.slice(1)))"
    )
    assert anchors
    assert browser.run("document.querySelectorAll('.drawing svg').length") >= 6
    assert browser.run(
        "[...document.querySelectorAll('.drawing svg')].filter(svg => svg.checkVisibility()).every(svg => svg.getBoundingClientRect().height > 100)"
    )
    assert browser.run(
        "new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size == document.querySelectorAll('[id]').length"
    )

    light = browser.run(BACKGROUND)
    browser.run("document.getElementById('theme').click()")
    dark = browser.run(BACKGROUND)
    assert light != dark
    browser.run("document.getElementById('theme').click()")
    assert browser.run(BACKGROUND) == light
    assert browser.problems == []

    browser.open(
        browser.run("document.querySelector('#figure-forest a').href")
    )  # a link to a figure's file
    assert browser.run("document.contentType") == "image/png"
    assert browser.problems == []


def test_the_system_decides_between_light_and_dark(browser, page):
    browser.scheme("dark")
    browser.open(page)
    assert browser.run(BACKGROUND) == "rgb(20, 24, 28)"
    ink = "getComputedStyle(document.querySelector('#figure-curves svg [style*=\"--ink\"]')).fill"
    assert browser.run(ink) == "rgb(230, 234, 238)"  # figures follow
    browser.scheme("light")
    assert browser.run(BACKGROUND) == "rgb(255, 255, 255)"


def test_an_empty_study_in_a_browser(browser, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "study.yaml").write_text("name: empty\n")
    browser.open(write_report(empty, formats=("html",)))
    assert browser.run("document.querySelector('h1').innerText") == "empty"
    assert browser.problems == []
