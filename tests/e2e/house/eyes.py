"""Looks at a page as those who use it do: in both colour schemes, on a narrow screen, with axe-core's rules, with a clock."""

import base64
import os
from contextlib import contextmanager
from pathlib import Path

WIDE, NARROW = (1280, 800), (320, 640)

# What the page weighs when it is first painted: its HTML, and all that it asked for.
WEIGHT = """
const [page] = performance.getEntriesByType('navigation');
const parts = performance.getEntriesByType('resource').map(part => [part.name, part.decodedBodySize]);
return [page.decodedBodySize, parts];
"""

# How far its parts jumped since it was opened (layout instability, without what followed an input).
SHIFT = """
let sum = 0;
const add = entries => entries.forEach(entry => { if (!entry.hadRecentInput) sum += entry.value; });
const observer = new PerformanceObserver(list => add(list.getEntries()));
observer.observe({type: 'layout-shift', buffered: true});
requestAnimationFrame(() => requestAnimationFrame(() => { add(observer.takeRecords()); done(sum); }));
"""

# Everything that stands beyond the edges of the window, outermost first; not what is there only to be heard.
BEYOND = """
const width = document.documentElement.clientWidth;
const clipped = one => one !== null && (getComputedStyle(one).clipPath !== 'none' || clipped(one.parentElement));
const out = Array.from(document.querySelectorAll('body *')).filter(one => {
  const box = one.getBoundingClientRect();
  return box.width > 1 && (box.right > width + 1 || box.left < -1) && !clipped(one);
});
return [document.documentElement.scrollWidth - width, out.slice(0, 5).map(one => one.outerHTML.slice(0, 160))];
"""

# What is wider than the place that it has, so that it lies over its neighbour.
CRAMPED = """
const wide = one => one.checkVisibility() && one.clientWidth > 1 && one.scrollWidth > one.clientWidth + 1;
return Array.from(document.querySelectorAll('td, th, dd, dt, :is(td, th, dd) > *')).filter(wide).slice(0, 5).map(one => one.outerHTML.slice(0, 160));
"""

RULES = """
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
axe.run(document, {runOnly: tags, resultTypes: ['violations'], preload: false}).then(
  found => done(found.violations.map(one => `${one.id}: ${one.help}\\n` +
    one.nodes.map(node => `  ${node.target} ${node.html.slice(0, 200)}\\n  ${node.failureSummary}`).join('\\n'))),
  error => done([String(error)]));
"""


# As RULES, for text alone: with the contrast of level AAA, or as usual.
CONTRAST = """
const rule = arguments[0] ? 'color-contrast-enhanced' : 'color-contrast';
axe.run(document, {runOnly: [rule], rules: {[rule]: {enabled: true}}}).then(
  found => done([found.passes.length, found.violations.map(one => one.nodes.map(node =>
    `${node.target} ${node.html.slice(0, 200)}\\n  ${node.failureSummary}`).join('\\n'))]),
  error => done([1, [String(error)]]));
"""

# What nobody would tell from its ground where the system paints every ground alike.
UNBOUNDED = """
const shown = one => one.checkVisibility() && one.getBoundingClientRect().width > 1;
const bounded = one => parseFloat(getComputedStyle(one).borderTopWidth) >= 1 && getComputedStyle(one).borderTopStyle !== 'none';
const all = Array.from(document.querySelectorAll('button, .button, input:not([type=hidden]), select, .badge, .alert, .panel, .card'));
const seen = all.filter(shown);
return [seen.length, seen.filter(one => !bounded(one)).map(one => one.outerHTML.slice(0, 160))];
"""


def axe_source():
    named = os.environ.get("YUMEN_AXE")
    assert named and Path(named).is_file(), "axe-core is missing: run the tests by tests/run, which installs it and names it in YUMEN_AXE"
    return Path(named).read_text(encoding="utf-8")


class Eyes:
    def __init__(self, browser, shots, language, direction, icon_bytes):
        self.browser, self.shots = browser, shots
        self.language, self.direction, self.icon_bytes = language, direction, icon_bytes
        self.axe = axe_source()
        self.seen = []
        self.figures = []

    def look(self, page):
        """Everything that must hold of every page; `page` names its pictures."""
        browser = self.browser
        assert browser.has(f"html[lang='{self.language}'][dir='{self.direction}']"), f"{page} is in another language"
        # Before the window changes under it, which moves everything.
        shift = browser.js(SHIFT)
        assert shift < 0.001, f"{page} jumps by {shift}"
        with self.size(WIDE):
            self.figures.append((page, self.weigh(page), round(shift, 5)))
            self.judge(page, "light")
            self.shoot(page)
            with self.dark():
                self.judge(page, "dark")
                self.shoot(page, "-dark")
            for scheme in ("light", "dark"):
                with self.media({"prefers-contrast": "more", "prefers-color-scheme": scheme}):
                    self.judge_contrast(page, f"{scheme}, more contrast", enhanced=True)
        with self.size(NARROW):
            beyond, what = browser.driver.execute_script(BEYOND)
            self.shoot(page, "-narrow")
            assert beyond <= 0 and not what, f"{page} goes {beyond} pixels beyond a narrow screen: {what}"
            cramped = browser.driver.execute_script(CRAMPED)
            assert not cramped, f"{page} has what lies over its neighbour on a narrow screen: {cramped}"
            self.judge(page, "narrow")
        self.seen.append(page)

    def on_paper(self, page, *shown):
        """As it is printed: `shown` is there, and nothing that one could press."""
        self._cdp("Emulation.setEmulatedMedia", media="print")
        # The width of the text on a sheet of A4.
        with self.size((660, 900)):
            self.shoot(page, "-paper")
            for css in shown:
                assert self.browser.see(css).value_of_css_property("display") != "none"
            pressed = [one for one in self.browser.all("a.button, button, input, select, nav") if one.is_displayed()]
            assert not pressed, f"{page} is printed with {[one.get_attribute('outerHTML')[:120] for one in pressed]}"
            if tables := self.browser.all("table"):
                assert tables[0].value_of_css_property("display") == "table"
            self.judge_contrast(page, "paper", enhanced=False)
        self._cdp("Emulation.setEmulatedMedia", media="")

    def in_forced_colours(self, page):
        """As the system paints it for those who chose their colours (high contrast on Windows): edges tell what grounds no longer do."""
        with self.size(WIDE), self.media({"forced-colors": "active"}):
            self.shoot(page, "-forced")
            seen, unbounded = self.browser.driver.execute_script(UNBOUNDED)
            assert seen and not unbounded, f"{page} in forced colours: {unbounded}"

    def weigh(self, page):
        html, parts = self.browser.driver.execute_script(WEIGHT)
        names = [name for name, _ in parts]
        origin = "/".join(self.browser.url.split("/")[:3])
        assert all(name.startswith(origin) for name in names), f"{page} asks elsewhere: {names}"
        assert any("style.css" in name for name in names) and any("yumen.js" in name for name in names), f"{page} has {names}"
        total = html + sum(size for _, size in parts) + self.icon_bytes
        assert html > 500 and total < 100_000, f"{page} weighs {total} bytes: {html} and {parts}"
        return total

    def tell(self, walk):
        """Leaves the figures beside the pictures, the heaviest page first."""
        rows = sorted(self.figures, key=lambda row: -row[1])
        lines = ["page\tbytes\tjump", *("\t".join(map(str, row)) for row in rows)]
        (self.shots / f"{walk}-{self.language}.tsv").write_text("\n".join(lines) + "\n")

    def judge(self, page, how):
        if not self.browser.driver.execute_script("return 'axe' in window"):
            self.browser.driver.execute_script(self.axe)
        found = self.browser.js(RULES)
        assert not found, f"{page} ({how}, {self.language}):\n" + "\n".join(found)

    def judge_contrast(self, page, how, enhanced):
        passed, found = self.browser.js(CONTRAST, enhanced)
        assert passed and not found, f"{page} ({how}, {self.language}):\n" + "\n".join(found)

    def shoot(self, page, kind=""):
        """The whole page, however long it is."""
        width, height, whole = self.browser.driver.execute_script(
            "return [innerWidth, innerHeight, document.documentElement.scrollHeight]"
        )
        self._resize(width, min(max(height, whole), 4000))
        picture = self._cdp("Page.captureScreenshot", format="png")
        self._resize(width, height)
        (self.shots / f"{page}-{self.language}{kind}.png").write_bytes(base64.b64decode(picture["data"]))

    def _resize(self, width, height):
        self._cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def _cdp(self, verb, **words):
        return self.browser.driver.execute_cdp_cmd(verb, words)

    @contextmanager
    def size(self, size):
        # A bar that comes and goes would make the picture another page than the one that was measured.
        self._cdp("Emulation.setScrollbarsHidden", hidden=True)
        self._resize(*size)
        try:
            yield
        finally:
            self._cdp("Emulation.clearDeviceMetricsOverride")
            self._cdp("Emulation.setScrollbarsHidden", hidden=False)

    def dark(self):
        return self.media({"prefers-color-scheme": "dark"})

    @contextmanager
    def media(self, features):
        self._cdp("Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in features.items()])
        try:
            yield
        finally:
            self._cdp("Emulation.setEmulatedMedia", features=[])


@contextmanager
def asking_for(browser, language):
    """A browser whose person reads `language`."""
    browser.driver.execute_cdp_cmd("Network.enable", {})
    browser.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": language}})
    try:
        yield
    finally:
        browser.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})
