"""A browser shows the report as it is meant: light or dark, wide or narrow, and asks the network for nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from picture_readers import trained

from minidl_core.pictures import About, report_html

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
TABLE = Path(__file__).parents[2] / "examples" / "data" / "wine.csv"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
ABOUT = About("disk", "2026-11-24 15:00", "interrupted", {"minidl-core": "0.1.0"})

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed here"),
]

DRAWN = """
return [...document.querySelectorAll('svg')].map(svg => {
  const box = svg.getBoundingClientRect();
  return [svg.getAttribute('aria-label'), box.width, box.height, svg.querySelectorAll('path').length];
});
"""
CONTRASTS = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
function rgb(colour) {  // whatever way the style has of writing it
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
}
function luminance([red, green, blue]) {
  const linear = [red, green, blue].map(p => p / 255).map(p => p <= .04045 ? p / 12.92 : ((p + .055) / 1.055) ** 2.4);
  return .2126 * linear[0] + .7152 * linear[1] + .0722 * linear[2];
}
function behind(element) {
  for (let one = element; one; one = one.parentElement) {
    const colour = rgb(getComputedStyle(one).backgroundColor);
    if (colour[3] === 255) return colour;
  }
  return [255, 255, 255, 255];
}
const found = [];
for (const element of document.querySelectorAll('body *')) {
  const has_text = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
  if (!has_text) continue;
  const style = getComputedStyle(element);
  const colour = rgb(element.closest('svg') ? style.fill : style.color);
  const [low, high] = [luminance(colour), luminance(behind(element))].sort((a, b) => a - b);
  const is_on_a_cell = element.closest('svg') && ['rgb(0, 0, 0)', 'rgb(255, 255, 255)'].includes(style.fill);
  if (!is_on_a_cell) found.push([element.textContent.trim().slice(0, 40), (high + .05) / (low + .05)]);
}
return found;
"""
OVERLAPS = """
const found = [];
for (const svg of document.querySelectorAll('svg')) {
  const whole = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
  for (const [text, box] of boxes)
    if (Math.min(box.left - whole.left, whole.right - box.right, box.top - whole.top, whole.bottom - box.bottom) < -1)
      found.push([text, 'is cut off']);
  boxes.forEach(([text, box], i) => boxes.slice(i + 1).forEach(([other, its]) => {
    const width = Math.min(box.right, its.right) - Math.max(box.left, its.left);
    const height = Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top);
    if (width > 2 && height > 4) found.push([text, 'overlaps', other]);
  }));
}
return found;
"""
BEYOND = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module", params=["disk", "wine"])
def page(request, tmp_path_factory) -> Path:
    if request.param == "disk":
        training = trained("disk", rounds=10, epochs=20)
    else:
        training = trained(str(TABLE), target="cultivar", rounds=3, patience=5, epochs=30)
    path = tmp_path_factory.mktemp("report") / "report.html"
    warnings = ["after epoch 4: relu is dead\n  linear(_,25)-relu-linear(25,_)" + "-relu-linear(25,25)" * 9]
    request = {"data": request.param, "epochs": 20, "model": "linear(_,8)-tanh-linear(8,_)" * 9}
    path.write_text(report_html(training, request, {"epochs": 100}, ABOUT, warnings), encoding="utf-8")
    return path


def opened(browser: Any, page: Path, scheme: str, width: int = 1000) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    browser.get_log("performance")
    browser.get(page.as_uri())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_are_drawn_text_can_be_read_and_nothing_is_asked_for(browser, page, scheme):
    opened(browser, page, scheme)
    assert browser.get_log("browser") == []
    events = "".join(entry["message"] for entry in browser.get_log("performance"))
    assert page.as_uri() in events
    assert "http://" not in events.replace("http://www.w3.org/", "")
    assert "https://" not in events
    drawn = browser.execute_script(DRAWN)
    assert len(drawn) == (5 if "regions" in page.read_text(encoding="utf-8") else 4)
    for label, width, height, paths in drawn:
        assert min(width, height) > 100, label
        assert paths >= 4, label
    contrasts = browser.execute_script(CONTRASTS)
    assert len(contrasts) > 100
    assert [told for told in contrasts if told[1] < 4.5] == []


def test_no_text_of_a_picture_is_cut_off_or_lies_on_another(browser, page):
    opened(browser, page, "light")
    assert browser.execute_script(OVERLAPS) == []


def test_a_telephone_scrolls_down_alone(browser, page):
    opened(browser, page, "light", width=375)
    assert browser.execute_script("return window.innerWidth") == 375
    assert browser.execute_script(BEYOND) == 0
    browser.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.execute_script(BEYOND) == 0
