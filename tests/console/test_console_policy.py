"""What the page may do in a real browser: policy of content, nonce, sizes, first paint."""

from __future__ import annotations

import statistics
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Opener
from tests.console.tab import Tab
from tests.journeys.server import Server
from tests.journeys.waiting import pace
from tools import console_bundle

KIB = 1024
BUILT = console_bundle.ROOT / console_bundle.OUTPUT
FIRST_PAINT_MS_MAX = 1_000
PAINTS = 3

# Which ways of styling take effect: the width in pixels of an element that each of them sets to 7.
STYLED = """() => {
  const nonce = document.querySelector('meta[name="csp-nonce"]').content;
  const width = (prepare) => {
    const one = document.createElement('div');
    document.body.append(one);
    prepare(one);
    const found = one.querySelector('i') ?? one;
    const shown = getComputedStyle(found).width;
    one.remove();
    return shown === '7px';
  };
  const sheet = (nonce) => (one) => {
    const style = document.createElement('style');
    if (nonce) style.setAttribute('nonce', nonce);
    style.textContent = '.seven { width: 7px }';
    document.head.append(style);
    one.className = 'seven';
  };
  return {
    with_nonce: width(sheet(nonce)),
    by_script: width((one) => { one.style.width = '7px' }),
    by_attribute: width((one) => {
      one.innerHTML = '<i style="display:block;width:7px"></i>';
    }),
  };
}"""
# What must not work; each leaves a message of the policy.
ATTACKS = """async () => {
  const tried = {};
  const script = document.createElement('script');
  script.textContent = 'window.attacked = true';
  document.body.append(script);
  document.body.insertAdjacentHTML('beforeend', '<img src="x:" onerror="window.attacked = true">');
  const style = document.createElement('style');
  style.textContent = 'body { outline: 7px solid }';
  document.head.append(style);
  try { await fetch('http://127.0.0.2:9/'); tried.fetched = true } catch {}
  const frame = document.createElement('iframe');
  frame.src = '/docs';
  document.body.append(frame);
  await new Promise((done) => setTimeout(done, 200));
  tried.script = window.attacked === true;
  tried.style = getComputedStyle(document.body).outlineWidth === '7px';
  return tried;
}"""


def test_styles_need_the_nonce_of_the_page(server: Server, open_console: Opener) -> None:
    """CodeMirror and the dialogs put style elements with it; React sets styles by script."""
    tab = open_console(server)
    tab.sign_in(server)
    tab.allow("Content Security Policy directive.*style-src")
    for _ in range(2):  # the second time the browser has the page, and is told that it is good
        tab.go()
        expect(tab.page.get_by_role("navigation")).to_be_visible()
        found = tab.page.evaluate(STYLED)
        assert found == {"with_nonce": True, "by_script": True, "by_attribute": False}
    tab.page.keyboard.press("Control+k")  # a dialog, which keeps the page behind it from scrolling
    expect(tab.page.get_by_role("dialog")).to_be_visible()
    expect(tab.page.locator("body")).to_have_css("overflow", "hidden")
    blocked = [one for one in tab.problems if "Content Security Policy" in one]
    assert len(blocked) == 2, blocked  # those of by_attribute alone


def test_injected_scripts_and_styles_do_nothing(server: Server, open_console: Opener) -> None:
    tab = open_console(server)
    tab.sign_in(server)
    tab.allow("Content Security Policy|another host: x:")
    tab.go()
    assert tab.page.evaluate(ATTACKS) == {"script": False, "style": False}
    told = "\n".join(tab.problems)
    for directive in ("script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src"):
        assert directive in told
    assert "Framing 'http" in told


def first_paint(tab: Tab, view: str) -> float:
    """Milliseconds until something is drawn, of one load without a cache."""
    tab.context.new_cdp_session(tab.page).send("Network.clearBrowserCache")
    tab.go(view)
    tab.page.wait_for_load_state("networkidle")
    return tab.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")


@pytest.mark.parametrize(("view", "kib"), [("", 220), ("query", 420)])
def test_a_view_loads_no_more_than_its_budget(
    server: Server, open_console: Opener, view: str, kib: int
) -> None:
    tab = open_console(server)
    tab.sign_in(server)
    tab.go(view)
    tab.page.wait_for_load_state("networkidle")
    paths = {urlsplit(url).path.removeprefix("/console/") for url in tab.requests}
    loaded = [name for path in paths if (name := path) and (BUILT / name).is_file()]
    assert any(name.endswith(".js") for name in loaded)
    assert sum(packed(name) for name in loaded) <= kib * KIB, loaded
    painted = statistics.median(first_paint(tab, view) for _ in range(PAINTS))
    print(f"{view or 'home'}: {sum(map(packed, loaded)) / KIB:.0f} KiB, paint {painted:.0f} ms")
    assert painted <= FIRST_PAINT_MS_MAX * pace()


def packed(name: str) -> int:
    """Bytes of a built file as gzip."""
    file = BUILT / name
    beside = file.with_name(file.name + ".gz")
    return (beside if beside.is_file() else file).stat().st_size


def test_the_whole_bundle_keeps_its_budget(bundle: None) -> None:
    files = [path for path in BUILT.rglob("*") if path.suffix not in (".gz", ".br", ".stamp")]
    names = [str(path.relative_to(BUILT)) for path in files if path.is_file()]
    assert sum((BUILT / name).stat().st_size for name in names) <= 4 * KIB * KIB
    assert sum(packed(name) for name in names) <= 1.2 * KIB * KIB
