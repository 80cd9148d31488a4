"""An incident from its first sign to its report, in the demo: somebody sprays passwords, and the duty officer sees to it."""

import re
import urllib.parse

import pytest
from house.browser import Browser
from house.client import AS_PAGE, Client
from house.gateway import run, succeeded
from house.people import Hands, Person
from house.processes import free_port
from test_demo import SAMPLES, Demo

# The example's trigger fires at eight names.
NAMES = [f"clerk{n}" for n in range(9)]


@pytest.fixture
def demo(tmp_path):
    one = Demo(tmp_path / "data", free_port())
    yield one.started()
    one.process.kill()


@pytest.fixture
def seat(demo, tmp_path):
    """Gives hands at one more browser."""
    browsers = []

    def one(name):
        browsers.append(Browser(tmp_path / name, demo.data / "certs" / "ca.pem"))
        return Hands(browsers[-1], demo.url("gate"))

    yield one
    for browser in browsers:
        browser.close()


@pytest.fixture
def hands(seat):
    return seat("desk")


def spray(demo):
    """From another address than the browser's, one password with many names."""
    for name in NAMES:
        with Client("gate.localhost", demo.port, demo.data / "certs" / "ca.pem", source="127.0.0.66") as client:
            page = client.ask("GET", "/sign-in")
            for cookie in page.headers.get_all("Set-Cookie") or []:
                key, _, value = cookie.split(";")[0].partition("=")
                client.cookies[key] = value
            csrf = re.search(r'name="csrf" value="([^"]*)"', page.body.decode())[1]
            form = urllib.parse.urlencode({"csrf": csrf, "name": name, "password": "Winter2026!"})
            headers = {**AS_PAGE, "Origin": client.origin, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
            client.ask("POST", "/sign-in", headers, form)


def refreshed(browser, css):
    browser.driver.refresh()
    return browser.has(css)


def take(browser, step, why="looked at the log"):
    browser.js("const d = document.querySelector(arguments[0])?.closest('details'); if (d) d.open = true; done(true)", f"form#{step}")
    if browser.has(f"#{step}-why"):
        browser.fill(f"#{step}-why", why)
    browser.submit(f"form#{step}")


def test_sprayed_passwords_are_an_incident_whose_level_acts_until_it_is_closed_and_reported(demo, hands, tmp_path):
    admin = Person()
    hands.enrol(admin, demo.link())
    hands.sign_in(admin)
    browser = hands.browser
    spray(demo)
    browser.open(demo.url("gate", "/console/incidents"))
    incident = "a[href^='/console/incidents/']:not(#incident-open)"
    browser.until(lambda: refreshed(browser, f"main {incident}"), what="the incident is listed")
    browser.click(f"main {incident}")
    browser.see("#happened")
    number = browser.url.rsplit("/", 1)[1].split("?")[0]
    assert "127.0.0.66" in browser.text("main") and "password-spraying" in browser.text("main")
    page = demo.url("gate", f"/console/incidents/{number}")

    # The level acts within seconds: the session is shorter, the app takes no more changes.
    assert not browser.has("#emergency")
    browser.choose("#assessed-level", "III")
    take(browser, "assessed")
    browser.see("#confirmed")
    browser.until(lambda: refreshed(browser, "#emergency"), what="the level is told")
    form, field = SAMPLES["disclosure"]
    browser.open(demo.url("gate")).click("a#app-disclosure")
    browser.at(demo.url("disclosure"))
    browser.fill(field, "a change")
    browser.submit(form)
    browser.see("#emergency-until")
    status = run("status", "--data", demo.data, "--json")
    assert '"level": "III"' in status.stdout and "read-only" in status.stdout, status.stdout

    # What is to be done, to its end. What closes everything asks once more.
    browser.open(page)
    browser.click("#contain li:last-child a")
    assert "Everything" in browser.text("#confirm-name") or "everything" in browser.text("#confirm-name").lower()
    browser.open(page)
    browser.fill("#noted-text", "called the people concerned")
    browser.submit("form#noted")
    browser.until(lambda: "called the people concerned" in browser.text("#story"), what="the note is in the story")
    for step in ("responding", "contained", "recovering", "closed"):
        take(browser, step)
        browser.until(lambda step=step: f"done={step}" in browser.url, what=f"{step} is taken")
    browser.until(lambda: not refreshed(browser, "#emergency"), what="no level is told any more")
    browser.open(demo.url("gate")).click("a#app-disclosure")
    browser.at(demo.url("disclosure"))
    browser.fill(field, "a change")
    browser.submit(form)
    browser.until(lambda: "a change" in browser.text("body"), what="the app takes changes as before")

    # On paper.
    browser.open(page).click("#to-papers")
    browser.see("#measures")
    browser.open(f"{page}/report/first?language=en")
    paper = browser.text("#paper")
    assert "127.0.0.66" in paper and "III" in paper and not any(name in paper for name in NAMES)
    browser.open(f"{page}/review?language=en")
    assert "called the people concerned" in browser.text("#timeline")
    shown = run("incident", "show", number, "--data", demo.data)
    assert "closed" in shown.stdout, shown.stdout + shown.stderr


def test_a_drill_is_told_to_be_one_and_keeps_nobody_from_work(demo, hands):
    admin = Person()
    hands.enrol(admin, demo.link())
    hands.sign_in(admin)
    browser = hands.browser
    ran = run("drill", "run", "lost-administrator-token", "--data", demo.data)
    assert ran.returncode == 0 and "DRILL" in ran.stdout, ran.stdout + ran.stderr
    number = re.search(r"incident (\d+):", ran.stdout)[1]
    browser.open(demo.url("gate", "/console/incidents"))
    assert browser.text("#incidents-count").startswith("0 "), "what is practised is nothing that is open"
    browser.open(demo.url("gate", f"/console/incidents/{number}"))
    assert "drill" in browser.text("#drill").lower()
    assert browser.has("#contain-drill") and not browser.has("#contain")
    browser.choose("#assessed-level", "I")
    take(browser, "assessed")
    browser.see("#confirmed")
    browser.open(demo.url("gate")).click("a#app-disclosure")
    browser.at(demo.url("disclosure"))
    assert not browser.has("#emergency")
    listed = run("drill", "list", "--data", demo.data)
    assert "lost-administrator-token" in listed.stdout and number in listed.stdout


def test_an_auditor_takes_the_pack_of_an_incident_away_which_a_stranger_can_check(demo, seat, tmp_path):
    wei = Person(role="auditor", unit="审计局")
    # While there is no administrator, the machine alone invites.
    invited = succeeded(run("account", "invite", wei.name, "--unit", wei.unit, "--role", wei.role, "--data", demo.data))
    desk = seat("audit")
    desk.enrol(wei, invited.strip().splitlines()[-1])
    ran = succeeded(run("drill", "run", "defaced-page", "--data", demo.data))
    number = re.search(r"incident (\d+):", ran)[1]
    desk.sign_in(wei, demo.url("gate", "/console/incidents"))
    browser = desk.browser
    browser.click(f"main a[href='/console/incidents/{number}']")
    browser.click("#to-papers")
    pack = browser.downloads(tmp_path / "downloads", "#pack")
    assert pack.name == f"incident-{number}.tar.zst"
    browser.open(demo.url("gate", f"/console/log/{number}"))
    key = browser.text("#key")
    checked = succeeded(run("audit", "verify-evidence", pack, "--key", key))
    assert f"incident   {number}, which is a DRILL" in checked and f"for {wei.name} in the console" in checked, checked
