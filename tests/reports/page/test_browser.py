"""The page in a real browser: what it shows, how it reacts, and that it asks no network."""

import pytest

from reports.page.page import write_report
from tests.reports.browser import CHROMIUM, Browser
from tests.reports.synthetic import arm, replicate, search, write_study

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Four arms, one without a value; in the plan's order their accuracies go up and down."""
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
        "[...document.querySelectorAll('nav a')]"
        ".every(a => document.getElementById(a.hash.slice(1)))"
    )
    assert anchors
    assert browser.run("document.querySelectorAll('.drawing svg').length") >= 6
    assert browser.run(
        "[...document.querySelectorAll('.drawing svg')].filter(svg => svg.checkVisibility())"
        ".every(svg => svg.getBoundingClientRect().height > 100)"
    )
    assert browser.run(
        "new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size"
        " == document.querySelectorAll('[id]').length"
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


CONTRAST = """(() => {
  const light = (text) => {
    const parts = text.match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16) / 255);
    const [r, g, b] = parts.map((x) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const style = getComputedStyle(document.documentElement);
  const of = (name) => light(style.getPropertyValue(name).trim());
  const against = (name) => {
    const [high, low] = [of(name), of("--page")].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  return Object.fromEntries(NAMES.map((name) => [name, against(name)]));
})()"""
MARKS = ["--reference", "--baseline", "--neutral"]
TEXTS = ["--ink", "--quiet", "--link", "--good", "--bad"]
DRAWN = """[...document.querySelectorAll("#answer svg [style], #figure-curves svg [style]")]
  .flatMap((element) => [element.style.fill, element.style.stroke])
  .filter((colour) => colour && colour !== "none")"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_and_words_can_be_told_from_the_page(browser, page, scheme):
    browser.scheme(scheme)
    browser.open(page)
    for names, least in ((MARKS, 3.0), (TEXTS, 4.5)):
        found = browser.run(CONTRAST.replace("NAMES", str(names)))
        assert all(value >= least for value in found.values()), found
    # Every colour of the answer and the curves is one of the page's, so the above is all of them.
    assert all("var(--" in colour for colour in browser.run(DRAWN))


def test_the_answer_comes_first_and_its_rows_stand_beside_the_forest_s(browser, page):
    browser.open(page)
    arms = browser.run("[...document.querySelectorAll('.strip strong')].map(e => e.innerText)")
    assert arms == ["full", "bn", "no_ste", "no_init"]  # the reference, then by effect
    assert browser.run("document.querySelector('#answer').getBoundingClientRect().bottom < 900")
    middles = browser.run(
        "[...document.querySelectorAll('.strip li')].map(e => e.getBoundingClientRect())"
        ".map(box => box.top + box.height / 2)"
    )
    label = "[...document.querySelectorAll('.beside text')].find(e => e.textContent == '{}')"
    # The first row's centre: the axes begin TOP inches below the drawing's upper edge.
    top = browser.run("document.querySelector('.beside svg').getBoundingClientRect().top")
    assert abs(top + (0.42 + 0.22) * 96 - middles[0]) < 6
    assert browser.run(label.format("no result yet") + " !== undefined")


def test_no_sentence_of_the_answer_is_cut(browser, page):
    """Two lines of them fit into a row of the forest, which is as long as they get."""
    browser.open(page)
    longest = "−19.78 points [−106.99, +167.42]; about 126 more repeats would decide"
    browser.run(
        f"document.querySelectorAll('.sentence').forEach(e => e.innerText = '{longest}, no more')"
    )
    rows = "[...document.querySelectorAll('.strip li')]"
    cut = browser.run(f"{rows}.map(e => [e.scrollHeight, e.clientHeight])")
    assert all(needed <= there for needed, there in cut), cut


def test_a_phone_gets_drawings_of_its_width(browser, page):
    browser.send(
        "Emulation.setDeviceMetricsOverride",
        width=420,
        height=900,
        deviceScaleFactor=1,
        mobile=False,
    )
    browser.open(page)
    assert browser.run("document.documentElement.scrollWidth") <= 420
    shown = "[...document.querySelectorAll('.drawing')].filter(e => e.checkVisibility())"
    assert browser.run(f"{shown}.length") >= 2
    assert browser.run(f"{shown}.every(e => e.classList.contains('narrow'))")
    browser.send("Emulation.clearDeviceMetricsOverride")


def test_toggles_and_the_keyboard(browser, page):
    browser.open(page)
    assert not browser.run("document.getElementById('table-main-all').open")
    browser.run("document.querySelector('#table-main-all summary').focus()")
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
    browser.send("Input.dispatchKeyEvent", type="keyDown", **key)
    browser.send("Input.dispatchKeyEvent", type="keyUp", **key)
    assert browser.run("document.getElementById('table-main-all').open")
    browser.run("document.querySelector('#table-main th button').focus()")
    browser.send("Input.dispatchKeyEvent", type="keyDown", **key)
    browser.send("Input.dispatchKeyEvent", type="keyUp", **key)
    assert browser.run("document.querySelector('#table-main th').ariaSort") == "ascending"
    browser.run("location.hash = '#trials'")  # a link into a closed part opens it
    assert browser.run("new Promise(r => setTimeout(() => r(1), 50)) && true")
    assert browser.run("document.getElementById('trials').id") == "trials"
    named = "[...document.querySelectorAll('.drawing svg')].every(e => {})"
    assert browser.run(named.format("e.querySelector('title') && e.querySelector('desc')"))
    tables = "[...document.querySelectorAll('table')].every(e => e.caption)"
    assert browser.run(tables)
    rows = "[...document.querySelectorAll('tbody tr')].every(e => e.cells[0].tagName == 'TH')"
    assert browser.run(rows)


def test_a_running_study_says_so_and_reloads(browser, tmp_path):
    rows = [replicate("full", 1000, 0.95), {**replicate("full", 1001, 0.9), "state": "running"}]
    folder = write_study(tmp_path / "s", rows, [arm("full", "reference"), arm("bn", "baseline")])
    browser.open(write_report(folder, formats=("html",), running=True))
    status = browser.run("document.querySelector('[role=status]').innerText")
    assert "1 of 6 trials; running; 1 of 2 arms has no result" in status
    assert browser.run("document.querySelector('meta[http-equiv=refresh]').content") == "60"
    assert browser.run("document.querySelector('progress').value") == 1
    browser.open(write_report(folder, formats=("html",)))
    assert browser.run("document.querySelector('meta[http-equiv=refresh]')") is None


def test_paper_is_light_whatever_the_theme(browser, page):
    browser.open(page)
    browser.run("document.documentElement.dataset.theme = 'dark'")
    browser.send("Emulation.setEmulatedMedia", media="print")
    style = "getComputedStyle(document.documentElement).getPropertyValue('--page').trim()"
    assert browser.run(style) == "#ffffff"
    assert browser.run("getComputedStyle(document.querySelector('nav')).display") == "none"
